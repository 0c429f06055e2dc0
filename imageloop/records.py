"""The frozen data that the rest passes around. Nothing here does anything but hold, hash and turn into JSON.

`to_json`/`from_json` of `Round` define one line of `rounds.jsonl`; everything in it is text, finite numbers, booleans, null, lists and
objects of those.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

Pixels = NDArray[np.uint8]
"""An RGB picture, uint8 (height, width, 3). Pixels carry no file name and no metadata: all that a model may see of a picture."""


def pixel_hash(pixels: Pixels) -> str:
    """SHA-256 over the shape and the bytes of a picture, as hex."""
    return hashlib.sha256(repr(pixels.shape).encode() + np.ascontiguousarray(pixels).tobytes()).hexdigest()


@dataclass(frozen=True, slots=True)
class Recipe:
    """Everything that changes a model's output, and nothing else.

    `settings` holds JSON values only: steps, guidance scale, size, instruction, decoding settings, token limits, library versions …
    """

    role: Literal["captioner", "generator", "embedder", "text-embedder"]
    name: str
    family: str
    target: str
    revision: str
    dtype: str
    device: str
    batch: int
    settings: Mapping[str, Any] = field(default_factory=dict)

    @property
    def hash(self) -> str:
        """The first 16 hex digits of the SHA-256 over the recipe's canonical JSON."""
        return hashlib.sha256(canonical(asdict(self)).encode()).hexdigest()[:16]


def canonical(value: Any) -> str:
    """JSON with sorted keys and no spaces; refuses NaN and infinity with ValueError."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)


@dataclass(frozen=True, slots=True)
class Caption:
    """One candidate text for one picture."""

    text: str
    tokens: int | None
    """None where a server counts none."""
    cut: bool = False
    """Whether the text ends because the captioner's token limit was reached."""
    log_probability: float | None = None
    """Mean natural-log probability per token under the captioner's own distribution; None where it gives none."""
    entropy: float | None = None
    """Mean predictive entropy per token, in nats; None where the captioner gives none."""
    retries: int = 0
    """How often a server had to be asked again."""


@dataclass(frozen=True, slots=True)
class Picture:
    """One candidate picture for one prompt."""

    pixels: Pixels
    prompt_tokens: Mapping[str, int]
    """Tokens of the whole prompt, special tokens included, by text encoder; empty where a server tells nothing of them."""
    prompt_tokens_read: Mapping[str, int]
    """Tokens the text encoder really read: less than `prompt_tokens` when the prompt was truncated."""
    blanked: bool = False
    """Whether a safety checker replaced the picture."""
    retries: int = 0
    """How often a server had to be asked again."""


@dataclass(frozen=True, slots=True)
class Pick:
    """How one of several candidates was chosen."""

    rule: str
    chosen: int
    saw_original: bool = False
    """Whether the rule compared with the original: a declared exception to the telephone contract."""
    scores: tuple[float, ...] | None = None
    """What the rule maximised, one number a candidate; None for rules that compare nothing."""


@dataclass(frozen=True, slots=True)
class StoredPicture:
    """A candidate picture as `rounds.jsonl` knows it."""

    pixels: str
    """`pixel_hash` of the picture."""
    seed: int | None
    """None for a picture that was drawn elsewhere and imported."""
    file: str | None
    """Path below the chain's folder, or None when the plan does not keep it."""
    blanked: bool = False
    retries: int = 0


@dataclass(frozen=True, slots=True)
class SeededCaption:
    """A candidate caption with the seed it was drawn from; seed None when no model wrote it, or it was imported."""

    text: str
    tokens: int | None
    """None where they are not known: a server did not count them, or the caption was written elsewhere and imported."""
    seed: int | None
    cut: bool = False
    log_probability: float | None = None
    entropy: float | None = None
    retries: int = 0


@dataclass(frozen=True, slots=True)
class Round:
    """Round t of a chain: `x_{t-1}` → captions → the chosen one → prompt → pictures → the chosen one `x_t`. One line of `rounds.jsonl`."""

    round: int
    saw: str | None
    """`pixel_hash` of the picture the captioner was shown; None where no picture was described, or it is not known."""
    captions: tuple[SeededCaption, ...]
    caption_pick: Pick
    prompt: str
    prompt_tokens: Mapping[str, int]
    prompt_tokens_read: Mapping[str, int]
    pictures: tuple[StoredPicture, ...]
    """Empty where the round was imported and only its captions are known; `picture_pick` then chose nothing."""
    picture_pick: Pick
    acts: tuple[Mapping[str, Any], ...] = ()
    """What interventions did this round, each `{"arm": …, …}`; empty in the plain loop."""
    seconds: Mapping[str, float] = field(default_factory=dict)
    """Wall time of each stage divided by the chains that shared it. Not part of the result: two identical runs differ here."""
    inferred: bool = False
    """Whether nothing was generated: the chain was proven to repeat itself exactly, and this round is a copy of an earlier one."""

    @property
    def caption(self) -> str:
        """The chosen caption `y_t`."""
        return self.captions[self.caption_pick.chosen].text

    @property
    def picture(self) -> StoredPicture | None:
        """The chosen picture `x_t`; None where only the captions of an imported round are known."""
        return self.pictures[self.picture_pick.chosen] if self.pictures else None

    @property
    def saw_original(self) -> bool:
        """Whether a pick or an arm let the original in: a declared exception to the telephone contract."""
        acted = any(bool(act.get("saw_original")) for act in self.acts)
        return acted or self.caption_pick.saw_original or self.picture_pick.saw_original

    @property
    def truncated(self) -> bool | None:
        """Whether some text encoder read less than the whole prompt; None where nothing is known of it."""
        if not self.prompt_tokens:
            return None
        return any(self.prompt_tokens_read[name] < count for name, count in self.prompt_tokens.items())

    @property
    def retries(self) -> int:
        """How often servers had to be asked again in this round."""
        return sum(caption.retries for caption in self.captions) + sum(picture.retries for picture in self.pictures)

    def to_json(self) -> dict[str, Any]:
        row = asdict(self)
        for candidate in (*row["captions"], *row["pictures"]):
            if not candidate["retries"]:
                del candidate["retries"]  # only servers are ever asked again
        if not row["inferred"]:
            del row["inferred"]  # only with the same noise in every round is anything ever inferred
        return row

    @classmethod
    def from_json(cls, row: Mapping[str, Any]) -> "Round":
        """The inverse of `to_json`. Raises KeyError or TypeError on a row that is not a round."""
        fields = dict(row)
        fields["captions"] = tuple(SeededCaption(**caption) for caption in row["captions"])
        fields["pictures"] = tuple(StoredPicture(**picture) for picture in row["pictures"])
        fields["caption_pick"] = _pick(row["caption_pick"])
        fields["picture_pick"] = _pick(row["picture_pick"])
        fields["acts"] = tuple(row["acts"])
        return cls(**fields)


def _pick(row: Mapping[str, Any]) -> Pick:
    return Pick(**{**row, "scores": None if row["scores"] is None else tuple(row["scores"])})


@dataclass(frozen=True, slots=True)
class Original:
    """What chains start from: a picture, or a text."""

    id: str
    """Letters, digits, `-` and `_` only; a readable part and the first 8 hex digits of the content's hash."""
    pixels: Pixels | None = None
    text: str | None = None

    def __post_init__(self) -> None:
        if (self.pixels is None) == (self.text is None):
            raise ValueError("an original is either a picture or a text")


@dataclass(frozen=True, slots=True, order=True)
class ChainKey:
    """Which chain: one pair of models, one original, one seed index, one arm."""

    captioner: str
    generator: str
    original: str
    seed: int
    arm: str = "plain"
    """The arm's label, `arms.Arm.label`."""

    @property
    def pair(self) -> str:
        """`captioner+generator`, the name of the pair everywhere."""
        return f"{self.captioner}+{self.generator}"
