"""A plan: the experiment a run carries out, as a frozen record. `plan_files` has it as a TOML file."""

import json
import tomllib
from collections.abc import Callable, Iterable, Mapping, Sequence
from difflib import get_close_matches
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StrictBool, StrictInt, StrictStr, ValidationError

from imageloop import watch as monitor_rules
from imageloop.addresses import secret_in
from imageloop.arms import arm_of
from imageloop.errors import PlanError
from imageloop.interventions import FLOOR
from imageloop.originals import kind_of, slug
from imageloop.picks import IMAGE_PICKS, PICKS


def _filled(text: str) -> str:
    if not text.strip():
        raise ValueError("must not be empty")
    return text


def _different(texts: tuple[str, ...]) -> tuple[str, ...]:
    for position, text in enumerate(texts):
        if text in texts[:position]:
            raise ValueError(f"names {text!r} twice")
    return texts


def _rule_among(rules: Sequence[str]) -> Callable[[str], str]:
    def known(rule: str) -> str:
        if rule not in rules:
            raise ValueError(f"must be one of {', '.join(rules)}, not {rule!r}{did_you_mean(rule, rules)}")
        return rule

    return known


def _arms(texts: tuple[str, ...]) -> tuple[str, ...]:
    arms = [arm_of(text) for text in texts]
    if any(arm.text == FLOOR for arm in arms):
        raise ValueError(f"{FLOOR!r} is a control, made without being asked; take it out")
    _different(tuple(arm.label for arm in arms))
    return tuple(arm.text for arm in arms)


Text = Annotated[StrictStr, AfterValidator(_filled)]
Texts = Annotated[tuple[Text, ...], Field(min_length=1), AfterValidator(_different)]
Count = Annotated[StrictInt, Field(ge=1)]
CaptionPick = Annotated[StrictStr, AfterValidator(_rule_among(tuple(PICKS)))]
ImagePick = Annotated[StrictStr, AfterValidator(_rule_among(IMAGE_PICKS))]


class Plan(BaseModel):
    """One experiment. Built directly, a wrong field raises pydantic's ValidationError; `changed` and `plan_files.read` raise PlanError."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    originals: Texts = Field(description="What chains start from: image files, folders, texts, or scenes of the sticker world.")
    name: Annotated[StrictStr, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$")] = Field("run", description="Names the run's folder.")
    captioners: Texts = Field(("sticker-blip",), description="Models that describe; each is paired with each generator.")
    generators: Texts = Field(("sticker-sana",), description="Models that draw.")
    embedder: Text = Field("sticker-clip", description="The model that picks and measures by likeness.")
    rounds: Count = Field(20, description="How far each chain goes.")
    seeds: Count = Field(4, description="Chains for each original and pair.")
    captions: Count = Field(1, description="Candidate captions a round.")
    images: Count = Field(1, description="Candidate pictures a round.")
    pick_caption: CaptionPick = Field("first", description=f"How one caption is kept: {', '.join(PICKS)}.")
    pick_image: ImagePick = Field("first", description=f"How one picture is kept: {', '.join(IMAGE_PICKS)}.")
    arms: Annotated[tuple[Text, ...], Field(min_length=1), AfterValidator(_arms)] = Field(
        ("plain",), description='Interventions to compare: "plain", "reanchor(every=5)", …; each is a set of chains of its own.'
    )
    controls: Literal["auto", "none"] = Field(
        "auto", description="auto: also the noise floor, the original's first caption drawn again and again; or none."
    )
    watch: StrictBool = Field(True, description="Whether the run is watched for early signs of collapse.")
    rules: Annotated[dict[str, Any], AfterValidator(monitor_rules.resolved)] = Field(
        default_factory=lambda: monitor_rules.resolved({}), description="The rules it is watched by, all with their numbers and actions."
    )
    seed: Annotated[StrictInt, Field(ge=0, lt=2**63)] = Field(0, description="The seed all noise comes from.")
    noise: Literal["new", "fixed"] = Field(
        "new", description="new: every round has noise of its own; fixed: all rounds have that of round 1, and a chain can only cycle."
    )
    batch: Count | Literal["auto"] = Field(
        16, description="Rows in every call of a model, short batches are padded; auto finds the most that fit."
    )
    size: Annotated[StrictInt, Field(ge=8, le=8192)] | None = Field(
        None, description="Side of the pictures, in pixels; left out, the generator's own."
    )
    device: Annotated[StrictStr, Field(pattern=r"^(auto|cpu|mps|cuda(:\d+)?)$")] = Field(
        "auto", description="auto, cpu, cuda, cuda:N or mps."
    )
    dtype: Annotated[StrictStr, Field(pattern=r"^(auto|fp32|bf16|fp16)$")] = Field("auto", description="auto, fp32, bf16 or fp16.")
    offload: Literal["none", "model", "group"] = Field(
        "none", description="What leaves the GPU while it is not needed: none, model or group."
    )
    quantize: Literal["none", "8bit", "4bit"] = Field("none", description="Weights in fewer bits: none, 8bit or 4bit.")
    compile: StrictBool = Field(False, description="Whether generators are compiled: slower to start, faster to draw.")
    max_requests: Count = Field(1000, description="The most requests to remote models, tries included, before the run stops.")
    keep: Annotated[StrictStr, Field(pattern=r"^(all|log|every [1-9]\d*)$")] = Field(
        "all", description='Rounds whose pictures stay on disk: "all", "every k" or "log"; the last always does.'
    )
    keep_candidates: StrictBool = Field(True, description="Whether the pictures that were not picked stay on disk too.")
    models: dict[str, dict[str, Any]] = Field(default_factory=dict, description="Recipe fields to change, by model.")

    @property
    def model_names(self) -> tuple[str, ...]:
        """Every model of the plan, captioners first."""
        return (*self.captioners, *self.generators, self.embedder)


_SHAPES = {
    "name": 'a text of letters, digits, ".", "_" and "-", starting with a letter or digit',
    "size": "a whole number of pixels from 8 to 8192",
    "seed": "a whole number from 0 to 2**63 - 1",
    "device": "one of auto, cpu, cuda, cuda:N, mps",
    "dtype": "one of auto, fp32, bf16, fp16",
    "keep": 'one of "all", "log", "every k" with k a whole number such as "every 10"',
    "batch": 'a whole number, 1 or more, or "auto"',
    "controls": "auto or none",
    "offload": "none, model or group",
    "quantize": "none, 8bit or 4bit",
    "noise": "new or fixed",
    "rules": 'a table of rules, such as jsd = {below = 0.1, action = "note"}',
    **dict.fromkeys(("watch", "keep_candidates", "compile"), "true or false"),
    **dict.fromkeys(("rounds", "seeds", "captions", "images", "max_requests"), "a whole number, 1 or more"),
    **dict.fromkeys(("originals", "captioners", "generators", "arms"), 'a list of at least one text, such as ["…"]'),
    **dict.fromkeys(("embedder", "pick_caption", "pick_image"), "a text"),
}


def name_of(originals: Sequence[str]) -> str:
    """A run's name made of its originals: the first one's, and how many more there are."""
    spec = originals[0]
    readable = Path(spec).stem if kind_of(spec) == "path" else spec.partition(":")[2] or spec
    more = f"-and-{len(originals) - 1}-more" if len(originals) > 1 else ""
    return (slug(readable) or "run") + more


def changed(plan: Plan | None, changes: Mapping[str, Any], overrides: Iterable[str] = (), rules: Iterable[str] = ()) -> Plan:
    """A plan with some fields replaced, as the command's options do it; without a plan, the rest takes its defaults.

    `overrides` are texts `NAME.KEY=VALUE`, each one recipe field of one model, and `rules` the same of the monitor's rules. Changes of
    models that the plan no longer names are dropped. Raises PlanError naming the option.
    """
    fields = {**(plan.model_dump() if plan else {}), **changes}
    try:
        fields["rules"] = monitor_rules.changed(fields.get("rules", {}), rules)
    except ValueError as error:
        raise PlanError(f"{option_of('rules')} {error}") from None
    if "originals" not in fields:
        raise PlanError("no originals: name an image, a folder, a text in quotes, or a plan")
    new = checked(fields, option_of)
    models = {name: dict(values) for name, values in new.models.items() if name in new.model_names}
    for text in overrides:
        name, key, value = _override(text)
        models.setdefault(name, {})[key] = value
    new = new.model_copy(update={"models": models})
    refuse_stray_overrides(new, lambda name: f"--set {name}")
    return new


def option_of(field: str) -> str:
    """The command line's option for a plan's field."""
    singular = {"captioners": "captioner", "generators": "generator", "arms": "arm", "rules": "rule"}.get(field, field)
    return f"--{singular.replace('_', '-')}"


def checked(fields: Mapping[str, Any], where: Callable[[str], str]) -> Plan:
    """The plan of these fields. Raises PlanError, in one line; `where` says for a field where a person wrote it."""
    try:
        return Plan(**fields)
    except ValidationError as error:
        first = error.errors()[0]
        field = str(first["loc"][0])
        if first["type"] == "extra_forbidden":
            raise PlanError(f"a plan has no field '{field}'{did_you_mean(field, Plan.model_fields)}") from None
        if first["type"] == "value_error":
            raise PlanError(f"{where(field)} {first['ctx']['error']}") from None
        given = toml_value(fields[field])
        raise PlanError(f"{where(field)} must be {_SHAPES[field]}, not {given if len(given) <= 60 else given[:59] + '…'}") from None


def refuse_stray_overrides(plan: Plan, where: Callable[[str], str]) -> None:
    """Raise PlanError for recipe fields of a model that the plan lacks, and for a key among them."""
    for name in plan.models:
        if name not in plan.model_names:
            known = f"its models are {', '.join(plan.model_names)}"
            raise PlanError(f"{where(name)} is no model of this plan; {known}{did_you_mean(name, plan.model_names)}")
    for name, settings in plan.models.items():
        if secret := secret_in(settings):
            raise PlanError(f"{where(name)}: {secret} would be written into the run; a key comes from the environment (key_variable)")


def _override(text: str) -> tuple[str, str, Any]:
    target, equals, value = text.partition("=")
    name, _, key = target.strip().rpartition(".")
    if not (equals and name and key):
        raise PlanError(f"--set {text}: must be NAME.KEY=VALUE, such as sticker-sana.steps=8")
    try:
        return name, key, tomllib.loads(f"value = {value}")["value"]
    except tomllib.TOMLDecodeError:
        return name, key, value.strip()


def did_you_mean(word: str, known: Iterable[str], *, bracketed: bool = False) -> str:
    """The end of a refusal: `; did you mean 'rounds'?`, or nothing where no known word is near."""
    nearest = get_close_matches(word, list(known), n=1)
    shown = f"[{nearest[0]}]" if nearest and bracketed else f"'{nearest[0]}'" if nearest else ""
    return f"; did you mean {shown}?" if nearest else ""


def toml_value(value: Any) -> str:
    """A text, number, boolean, list or table as TOML."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{toml_value(str(key))} = {toml_value(item)}" for key, item in value.items()) + "}"
    if isinstance(value, list | tuple):
        return f"[{', '.join(map(toml_value, value))}]"
    return str(value)
