"""Arms as they are written, what they do to a round, and what models then receive."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, ClassVar
from unittest.mock import patch

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tiny_runs import Heard, Spy, chains, key_of, model, noise, picture, plan_of

from imageloop import catalog
from imageloop.arms import arm_of
from imageloop.asking import load_model
from imageloop.errors import ModelError, PlanError
from imageloop.interventions import ARMS, FLOOR, FLOOR_ROUNDS, joined_within
from imageloop.loop import ChainState, turn
from imageloop.moment import Act, Moment
from imageloop.plan import Plan
from imageloop.records import Original
from imageloop.runner import Interrupted, carry_out
from imageloop.seeds import seed_of

WAVE = picture("wave-00000001", 1)
NIGHT = Original("night-00000002", text="a moai at night")


def moment(round: int, original: Original = WAVE, first: str | None = "state1") -> Moment:
    models: dict[Any, tuple[str, ...]] = {"captioner": ("analytic",), "generator": ("analytic",)}
    return Moment(key_of(original), round, 7, 8, original, first, models, {})


def fits_within(most: int) -> Any:
    return lambda prompt: len(prompt.replace(",", " ,").split()) <= most


def test_an_arm_is_read_as_a_call_and_several_are_joined() -> None:
    arm = arm_of("reanchor( every = 5,how=caption )+keep_prompt('at night')")
    assert arm.text == "reanchor(every=5, how=caption) + keep_prompt('at night')"
    assert [part.name for part in arm.parts] == ["reanchor", "keep_prompt"]
    assert arm_of("plain").parts == ()


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("reanchr(every=5)", "no arm is called 'reanchr'; did you mean 'reanchor'?"),
        ("reanchor(evry=5)", "reanchor has no 'evry'; did you mean 'every'?"),
        ("reanchor()", "reanchor is written reanchor(every=…, how=image)"),
        ("reanchor(every=0)", "reanchor: every must be a whole number, 1 or more, not 0"),
        ("reanchor(every=5, how=sideways)", "reanchor: how must be image, caption or blend, not 'sideways'"),
        ("keep_prompt('')", "keep_prompt: text must be some words in quotes"),
        ("reanchor(every=__import__('os'))", "is neither a number, a word nor a text in quotes"),
        ("every 5", "is no arm; write one as name(key=value)"),
        ("reanchor.every(5)", "is no arm; write one as name(key=value)"),
    ],
)
def test_a_wrong_arm_is_told_in_words(text: str, told: str) -> None:
    with pytest.raises(ValueError) as error:  # noqa: PT011, the text is what is tested
        arm_of(text)
    assert told in str(error.value)


@given(st.text(max_size=80))
def test_a_label_is_a_file_name_and_hostile_text_stays_text(text: str) -> None:
    label = arm_of(f"keep_prompt({('x' + text)!r})").label
    assert label.startswith("keep_prompt(")
    assert not set(label) & set("/\\ \"'<>\0\n@")
    assert len(label) <= 70


def test_two_arms_never_share_a_label() -> None:
    texts = [
        "keep_prompt('a b')",
        "keep_prompt('a/b')",
        "keep_prompt('a:b')",
        "keep_prompt('" + "x" * 90 + "')",
        "keep_prompt('" + "x" * 91 + "')",
    ]
    assert len({arm_of(text).label for text in texts}) == len(texts)


def test_reanchor_acts_in_every_kth_round_only() -> None:
    arm = arm_of("reanchor(every=3)")
    assert [number for number in range(1, 10) if arm.act(moment(number)).picture is not None] == [3, 6, 9]
    assert arm.act(moment(3)).notes == ({"arm": "reanchor", "how": "image", "saw_original": True},)


def test_reanchor_gives_a_text_back_where_the_original_is_a_text() -> None:
    assert arm_of("reanchor(every=2)").act(moment(2, NIGHT, NIGHT.text)).caption == "a moai at night"


def test_a_composition_rewrites_the_prompt_from_left_to_right() -> None:
    one, two = arm_of("keep_prompt(one) + keep_prompt(two)"), arm_of("keep_prompt(two) + keep_prompt(one)")
    for arm, prompt in ((one, "a wave, one, two"), (two, "a wave, two, one")):
        act = arm.act(moment(2))
        assert act.prompt is not None
        assert act.prompt("a wave", fits_within(99)) == prompt


@given(st.integers(1, 30), st.integers(0, 12), st.integers(0, 12))
def test_two_captions_are_joined_within_the_limit(most: int, left: int, right: int) -> None:
    joined = joined_within("left " * left, "right " * right, fits_within(most))
    assert fits_within(most)(joined) or joined == "left " * left
    if left and right and most >= left + right + 1:
        assert joined.split().count("right") == right


def carried(folder: Path, *arms: str, **changes: Any) -> dict[str, Any]:
    return chains(carry_out(plan_of(arms=arms, **changes), folder))


def test_adding_an_arm_or_the_control_changes_nothing_in_the_others(tmp_path: Path) -> None:
    alone = carried(tmp_path / "alone", "plain")
    company = carried(tmp_path / "company", "plain", "reanchor(every=2)", "keep_prompt('state3')", controls="auto")
    assert alone
    assert {name: content for name, content in company.items() if "@" not in name} == alone
    assert {name.split("@")[1].split("/")[0] for name in company if "@" in name} == {"reanchor(every=2)", "keep_prompt(state3)", FLOOR}


def test_a_run_stopped_in_the_middle_of_its_arms_goes_on_to_the_same_end(tmp_path: Path) -> None:
    arms = ("plain", "reanchor(every=2, how=blend)", "reanchor(every=2) + keep_prompt('state3')")
    whole = carried(tmp_path / "whole", *arms, controls="auto", rounds=5)

    class Stopping(Heard):
        def turn_done(self, pair: str, rounds: Sequence[Any], seconds: float) -> None:
            super().turn_done(pair, rounds, seconds)
            if len(self.turns) % 3 == 0:
                raise Interrupted

    plan = plan_of(arms=arms, controls="auto", rounds=5)
    stops = 0
    while True:
        try:
            run = carry_out(plan, tmp_path / "stopped", progress=Stopping())
        except Interrupted:
            stops += 1
        else:
            break
    assert stops > 2
    assert chains(run) == whole


def test_the_control_draws_the_first_caption_again_with_the_seeds_of_the_rounds(tmp_path: Path) -> None:
    run = carry_out(
        plan_of(controls="auto", rounds=9, originals=(*plan_of().originals, "stickers:surfer; beach; cartoon")), tmp_path / "run"
    )
    plain = {(key.original, key.seed): run.rounds(key) for key in run.keys() if key.arm == "plain"}  # noqa: SIM118
    floors = [key for key in run.keys() if key.arm == FLOOR]  # noqa: SIM118
    assert len(floors) == len(plain) == 3
    for key in floors:
        rounds, loop = run.rounds(key), plain[key.original, key.seed]
        assert len(rounds) == FLOOR_ROUNDS
        assert {done.caption for done in rounds} == {loop[0].caption}
        assert [done.pictures[0].seed for done in rounds] == [done.pictures[0].seed for done in loop[:FLOOR_ROUNDS]]
        assert rounds[0].picture == loop[0].picture
        assert all(done.acts for done in rounds[1:])


def received(states: list[ChainState], plan: Plan) -> Spy:
    generator = Spy(model("generator"))
    captioner = Spy(model("captioner"))
    turn(states, captioner, generator, model("embedder"), plan)
    generator.calls += captioner.calls
    return generator


def test_models_receive_what_the_arm_gives_and_nothing_else() -> None:
    arm, last = arm_of("reanchor(every=4) + keep_prompt('state3')"), noise(9)
    state = ChainState(key_of(WAVE), WAVE, 3, last, first_caption="state1", act=arm.act(moment(4)))
    before = ChainState(key_of(WAVE), WAVE, 2, last, first_caption="state1", act=arm.act(moment(3)))
    plan = plan_of(captions=1, images=1, pick_caption="first", batch=4)
    for one, seen in ((state, WAVE.pixels), (before, last)):
        spy = received([one], plan)
        [images] = [columns[0] for name, columns in spy.calls if name == "caption"]
        [prompts] = [columns[0] for name, columns in spy.calls if name == "generate"]
        assert all((image == seen).all() for image in images)
        assert {prompt.partition(", ")[2] for prompt in prompts} == {"state3"}


def test_a_records_acts_say_what_was_done(tmp_path: Path) -> None:
    run = carry_out(plan_of(arms=("reanchor(every=2)",), rounds=4), tmp_path / "run")
    for key in run.keys():  # noqa: SIM118
        assert [bool(done.acts) for done in run.rounds(key)] == [False, True, False, True]
        assert run.rounds(key)[1].acts == ({"arm": "reanchor", "how": "image", "saw_original": True},)


def test_a_plan_refuses_wrong_arms_and_the_control_by_name() -> None:
    for arms, told in ((("floor",), "is a control"), (("plain", "plain"), "twice"), (("reanchor(every=-1)",), "1 or more")):
        with pytest.raises(ValueError, match=told):
            plan_of(arms=arms)


def test_the_models_of_a_pair_are_loaded_once_for_all_arms(tmp_path: Path) -> None:
    loaded: list[tuple[str, str]] = []

    def load(role: catalog.Role, spec: str, plan: Plan) -> Any:
        loaded.append((role, spec))
        return load_model(role, spec, plan)

    carry_out(plan_of(arms=("plain", "reanchor(every=2)"), controls="auto"), tmp_path / "run", load=load)
    assert sorted(loaded) == [("captioner", "analytic"), ("embedder", "analytic"), ("generator", "analytic")]


def test_fresh_material_comes_in_the_same_rounds_in_every_arm_and_pair() -> None:
    others = [picture(f"new-0000000{i}", 10 + i) for i in range(5)]
    arm = arm_of("fresh(p=0.3)")
    moments = [replace(moment(t), seed=seed_of(0, "x", 0, t, "arm"), material={"": [WAVE, *others]}) for t in range(1, 401)]
    acts = [arm.act(now) for now in moments]
    assert acts == [arm_of("fresh(p=0.3) + keep_prompt(x)").parts[0].act(now) or Act() for now in moments]
    taken = [act.notes[0]["fresh"] for act in acts if act.notes]
    assert abs(len(taken) / 400 - 0.3) < 4 * (0.21 / 400) ** 0.5
    assert set(taken) == {other.id for other in others}
    assert all((act.picture is not None) == bool(act.notes) for act in acts)


@pytest.mark.usefixtures("no_waiting_for_the_disk")
def test_fresh_takes_other_scenes_where_the_only_original_is_one(tmp_path: Path) -> None:
    run = carry_out(plan_of(originals=("stickers:surfer; beach; cartoon",), arms=("fresh(p=1)",), rounds=4, size=64), tmp_path)
    taken = [turn.acts[0]["fresh"] for turn in run.rounds(run.keys()[0])]
    assert len(set(taken)) > 1
    assert not set(taken) & set(run.originals)


def test_fresh_without_other_originals_says_what_to_name() -> None:
    with pytest.raises(PlanError, match="there is no other original to take; name some"):
        arm_of("fresh(p=1)").act(replace(moment(1), material={"": [WAVE]}))


@pytest.mark.parametrize("p", ["-0.1", "1.5", "'often'", "True"])
def test_fresh_takes_a_probability(p: str) -> None:
    with pytest.raises(ValueError, match="p must be a probability"):
        arm_of(f"fresh(p={p})")


def test_rotate_begins_with_the_pairs_own_model_and_takes_all_in_turn() -> None:
    models: dict[Any, tuple[str, ...]] = {"captioner": ("a",), "generator": ("x", "y", "z")}
    orders = set()
    for seed in range(30):
        taken = [arm_of("rotate(generators)").act(replace(moment(t), models=models, chain_seed=seed)).generator for t in range(1, 10)]
        assert taken[0] == "x"
        assert taken[:3] * 3 == taken
        assert sorted(map(str, taken[:3])) == ["x", "y", "z"]
        orders.add(tuple(taken[:3]))
    assert len(orders) == 2


def test_rotation_is_carried_out_and_recorded(tmp_path: Path) -> None:
    plan = plan_of(generators=("analytic", "analytic-noisy"), arms=("rotate(generators)",), rounds=4, models={})
    run = carry_out(plan, tmp_path / "run")
    taken = {key.generator: [done.acts[0]["generator"] for done in run.rounds(key)] for key in run.keys()}  # noqa: SIM118
    assert taken == {"analytic": ["analytic", "analytic-noisy"] * 2, "analytic-noisy": ["analytic-noisy", "analytic"] * 2}
    assert {"generator/analytic", "generator/analytic-noisy"} <= set(run.info.recipes)


def test_a_pick_arm_draws_more_candidates_and_is_marked_where_it_sees_the_original(tmp_path: Path) -> None:
    plan = plan_of(captions=1, images=1, pick_image="first", arms=("plain", "pick(image, closest, of=3)", "pick(caption, longest, of=2)"))
    run = carry_out(plan, tmp_path / "run")
    for key in run.keys():  # noqa: SIM118
        last = run.rounds(key)[-1]
        shapes = {"plain": (1, 1, False), "pick(image,closest,of=3)": (1, 3, True), "pick(caption,longest,of=2)": (2, 1, False)}
        assert (len(last.captions), len(last.pictures), last.picture_pick.saw_original) == shapes[key.arm]


@pytest.mark.parametrize(("rule", "what"), [("longest", "image"), ("best", "caption")])
def test_a_pick_arm_refuses_a_rule_that_cannot_keep_its_candidates(rule: str, what: str) -> None:
    with pytest.raises(ValueError, match=f"the rule for one {what} must be one of"):
        arm_of(f"pick({what}, {rule})")


def test_an_arm_that_changes_decoding_runs_a_model_of_its_own_recipe(tmp_path: Path) -> None:
    @dataclass(frozen=True)
    class Believe:
        name: ClassVar[str] = "believe"
        overrides: ClassVar[Any] = {"captioner": {"prior": [0.1] * 5 + [0.5]}}

        def act(self, _moment: Moment) -> Act | None:
            return None

    with patch.dict(ARMS, {"believe": Believe}):
        run = carry_out(plan_of(arms=("plain", "believe()")), tmp_path / "run")
    recipes = {name: recipe["settings"]["prior"][5] for name, recipe in run.info.recipes.items() if name.startswith("captioner")}
    assert sorted(recipes.values()) == [pytest.approx(1 / 6), 0.5]
    plain, own = sorted(recipes)
    assert plain == "captioner/analytic"
    assert own.startswith("captioner/analytic {")


def test_temper_and_length_are_recipe_fields() -> None:
    tempered = arm_of("temper(temperature=1.5, guidance=3)").overrides
    assert tempered == {"captioner": {"temperature": 1.5}, "generator": {"guidance_scale": 3}}
    assert arm_of("length(long)").overrides == {"captioner": {"instruction": "long"}}
    for text in ("temper()", "temper(temperature=-1)", "length(huge)"):
        with pytest.raises(ValueError, match=r"temper|length"):
            arm_of(text)


def test_rotation_among_named_models_takes_those(tmp_path: Path) -> None:
    run = carry_out(plan_of(arms=("rotate(generators, among=['analytic-noisy'])",), rounds=3, models={}), tmp_path / "run")
    [first, *_] = run.keys()
    assert [done.acts[0]["generator"] for done in run.rounds(first)] == ["analytic", "analytic-noisy", "analytic"]
    with pytest.raises(ModelError, match="no generator is called that"):
        carry_out(plan_of(arms=("rotate(generators, among=['analitic'])",)), tmp_path / "other")


@pytest.mark.parametrize("text", ["rotate(generators, among='x')", "rotate(both, among=['x'])", "rotate(pairs)"])
def test_a_wrong_rotation_is_told(text: str) -> None:
    with pytest.raises(ValueError, match="rotate: "):
        arm_of(text)


def test_the_arm_of_ones_own_in_the_docs_works_as_it_stands(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    page = (Path(__file__).parent.parent / "docs" / "arms.md").read_text(encoding="utf-8")
    code = page[page.index("    from dataclasses") : page.index("    imageloop.run(plan)")]
    code = "\n".join(line[4:] for line in code.splitlines())
    monkeypatch.chdir(Path(__file__).parent.parent)
    with patch.dict(ARMS):
        names: dict[str, Any] = {"__name__": "own"}
        exec(code, names)
        assert names["plan"].arms == ("plain", "nightfall(start=5)")
        run = carry_out(plan_of(arms=("nightfall(start=2)",)), tmp_path / "run")
    assert [done.prompt.endswith(", at night") for done in run.rounds(run.keys()[0])] == [False, True, True]


def test_the_docs_name_every_arm() -> None:
    page = (Path(__file__).parent.parent / "docs" / "arms.md").read_text(encoding="utf-8")
    written = [line.split("`")[1] for line in page.splitlines() if line.startswith("| `")]
    assert {part.name for text in written for part in arm_of(text).parts} == set(ARMS)
