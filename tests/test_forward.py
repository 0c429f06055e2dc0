"""The same noise in every round: chains that can only cycle, and rounds that are known without being generated."""

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from tiny_runs import Heard, chains, plan_of

from imageloop import catalog
from imageloop.asking import load_model
from imageloop.cli.results import notices
from imageloop.interventions import FLOOR
from imageloop.models.analytic import draw, world_of
from imageloop.monitor import alarms_of
from imageloop.plan import Plan
from imageloop.records import ChainKey, Round, canonical
from imageloop.runner import Interrupted, carry_out
from imageloop.store import RunFolder

ROUNDS = 24


def fixed_plan(**changes: Any) -> Plan:
    plain = {"captions": 1, "images": 1, "pick_caption": "first", "pick_image": "first", "rounds": ROUNDS, "seeds": 3}
    return plan_of(**{**plain, "noise": "fixed", "watch": True, **changes})


pytestmark = pytest.mark.usefixtures("no_waiting_for_the_disk")


def said(run: RunFolder) -> dict[str, Any]:
    """Everything the chains hold, without what says how a round came about."""
    return {
        name: [{key: value for key, value in line.items() if key != "inferred"} for line in content] if name.endswith(".jsonl") else content
        for name, content in chains(run).items()
    }


def inferred(run: RunFolder) -> dict[ChainKey, list[int]]:
    return {key: [done.round for done in run.rounds(key) if done.inferred] for key in run.keys()}  # noqa: SIM118


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"images": 3, "pick_image": "closest", "captions": 2, "pick_caption": "random"},
        {"images": 2, "pick_image": "random", "keep_candidates": False},
        {"arms": ("plain", "keep_prompt('state2')", "reanchor(every=4)"), "controls": "auto"},
        {"keep": "log"},
        {"originals": ("stickers:surfer; beach; cartoon",)},
    ],
)
def test_a_run_that_was_fast_forwarded_is_the_run_that_was_generated(tmp_path: Path, changes: dict[str, Any]) -> None:
    quick = carry_out(fixed_plan(**changes), tmp_path / "quick")
    whole = carry_out(fixed_plan(**changes, watch=False), tmp_path / "whole")
    assert said(quick) == said(whole)
    assert not any(inferred(whole).values())
    rounds = inferred(quick)
    assert any(rounds.values())
    for key, numbers in rounds.items():
        assert numbers == [*range(ROUNDS + 1 - len(numbers), ROUNDS + 1)]
        assert not numbers or key.arm not in ("reanchor(every=4)", FLOOR)


def test_nothing_is_generated_for_rounds_that_are_inferred(tmp_path: Path) -> None:
    heard = Heard()
    run = carry_out(fixed_plan(), tmp_path / "run", progress=heard)
    count = sum(map(len, inferred(run).values()))
    assert count > ROUNDS
    assert sum(map(len, heard.turns)) == ROUNDS * 6
    assert sum(done.seconds == {} for key in run.keys() for done in run.rounds(key)) == count  # noqa: SIM118
    [line] = [line for line in notices(run) if "generated" in line]
    assert line == f"in {count} of {ROUNDS * 6} rounds nothing was generated: their chains repeat themselves exactly"
    assert {alarm.rule for alarm in alarms_of(run)} >= {"cycle"}


def test_candidates_that_are_not_kept_are_not_missed(tmp_path: Path) -> None:
    several = {"images": 3, "pick_image": "closest"}
    kept = carry_out(fixed_plan(**several), tmp_path / "kept")
    dropped = carry_out(fixed_plan(**several, keep_candidates=False), tmp_path / "dropped")
    assert inferred(dropped) == inferred(kept)


def test_only_a_round_that_was_inferred_says_so(tmp_path: Path) -> None:
    run = carry_out(fixed_plan(), tmp_path / "run")
    for key, numbers in inferred(run).items():
        lines = [json.loads(line) for line in (run.chain_path(key) / "rounds.jsonl").read_text().splitlines()]
        assert [line["round"] for line in lines if line.get("inferred") is True] == numbers
        assert [line["round"] for line in lines if "inferred" not in line] == [*range(1, ROUNDS + 1 - len(numbers))]
        assert [canonical(Round.from_json(line).to_json()) for line in lines] == [canonical(line) for line in lines]


def test_every_inferred_round_repeats_the_one_a_period_before(tmp_path: Path) -> None:
    run = carry_out(fixed_plan(), tmp_path / "run")
    for key, numbers in inferred(run).items():
        rounds = run.rounds(key)
        for number in numbers:
            before = next(done for done in rounds if done.saw == rounds[number - 1].saw and done.saw is not None)
            bare = [replace(done, round=0, seconds={}, inferred=False, pictures=()) for done in (before, rounds[number - 1])]
            assert bare[0] == bare[1]
            assert before.picture is not None
            assert before.picture.pixels == rounds[number - 1].picture.pixels


def test_a_fast_forwarded_run_goes_on_to_the_same_end_wherever_it_was_stopped(tmp_path: Path) -> None:
    whole = carry_out(fixed_plan(seeds=1), tmp_path / "whole")

    class Stopping(Heard):
        def turn_done(self, pair: str, rounds: Sequence[Round], seconds: float) -> None:
            super().turn_done(pair, rounds, seconds)
            if len(self.turns) == 7:
                raise Interrupted

    stops = 0
    while True:
        try:
            pieces = carry_out(fixed_plan(seeds=1), tmp_path / "pieces", progress=Stopping())
        except Interrupted:
            stops += 1
        else:
            break
    assert stops > 3
    assert chains(pieces) == chains(whole)
    longer = carry_out(fixed_plan(seeds=1, rounds=ROUNDS + 5), pieces.path)
    assert chains(longer) == chains(carry_out(fixed_plan(seeds=1, rounds=ROUNDS + 5), tmp_path / "at once"))


def test_new_noise_never_infers(tmp_path: Path) -> None:
    run = carry_out(fixed_plan(noise="new"), tmp_path / "run")
    hashes = [[done.saw for done in run.rounds(key)] for key in run.keys()]  # noqa: SIM118
    assert any(len(set(row)) < len(row) for row in hashes)
    assert not any(inferred(run).values())


def test_fixed_noise_is_that_of_round_1_in_every_stage(tmp_path: Path) -> None:
    run = carry_out(fixed_plan(captions=2, images=2, rounds=4, watch=False), tmp_path / "fixed")
    other = carry_out(fixed_plan(captions=2, images=2, rounds=4, watch=False, noise="new"), tmp_path / "new")
    for key in run.keys():  # noqa: SIM118
        drawn = [[picture.seed for picture in done.pictures] for done in run.rounds(key)]
        written = [[caption.seed for caption in done.captions] for done in run.rounds(key)][1:]
        assert drawn == [[picture.seed for picture in other.rounds(key)[0].pictures]] * 4
        assert written == [written[0]] * 3


@pytest.mark.parametrize("recipe", [{"device": "cuda"}, {"settings": {"reproducible": False}}])
def test_a_model_that_does_not_promise_the_same_bits_proves_nothing(tmp_path: Path, recipe: dict[str, Any]) -> None:
    class Promising:
        def __init__(self, model: Any) -> None:
            self._model = model
            own = {**recipe, "settings": {**model.recipe.settings, **recipe.get("settings", {})}}
            self.recipe = replace(model.recipe, **own)

        def __getattr__(self, name: str) -> Any:
            return getattr(self._model, name)

    def load(role: catalog.Role, spec: str, plan: Plan) -> Any:
        model = load_model(role, spec, plan)
        return Promising(model) if role == "generator" else model

    assert not any(inferred(carry_out(fixed_plan(), tmp_path / "run", load=load)).values())


def test_rules_that_act_are_kept_while_rounds_are_inferred(tmp_path: Path) -> None:
    stops = {"jsd": {"action": "stop"}}
    quick = carry_out(fixed_plan(rules=stops, rounds=60), tmp_path / "quick")
    assert {len(quick.rounds(key)) for key in quick.keys()} < {*range(1, 30), 60}  # noqa: SIM118
    assert any(len(quick.rounds(key)) == numbers[-1] < 60 for key, numbers in inferred(quick).items() if numbers)
    ends = {(alarm.original, alarm.seed): alarm.round for alarm in alarms_of(quick) if alarm.action == "stop"}
    assert ends == {(key.original, key.seed): len(quick.rounds(key)) for key in quick.keys() if len(quick.rounds(key)) < 60}  # noqa: SIM118
    back = carry_out(fixed_plan(rules={"jsd": {"action": "reanchor"}}), tmp_path / "back")
    assert not any(inferred(back).values())


def test_a_picture_of_the_cycle_that_is_gone_is_generated_again(tmp_path: Path) -> None:
    run = carry_out(fixed_plan(), tmp_path / "run")
    whole = said(run)
    key, numbers = next((key, numbers) for key, numbers in inferred(run).items() if numbers)
    file = run.chain_path(key) / "rounds.jsonl"
    file.write_text("".join(file.read_text().splitlines(keepends=True)[: numbers[0] - 1]))
    last = run.rounds(key)[-1]
    for picture in (run.chain_path(key) / "images").glob("*.png"):
        if last.picture is not None and picture.name != Path(str(last.picture.file)).name:
            picture.unlink()
    again = carry_out(fixed_plan(), run.path)
    same = {name: content for name, content in said(again).items() if name.endswith(".jsonl")}
    assert same == {name: content for name, content in whole.items() if name.endswith(".jsonl")}


def test_an_original_that_comes_back_closes_the_cycle(tmp_path: Path) -> None:
    settings = {"prior": [0.5, 0.5], "likelihood": [[1.0, 0.0], [0.0, 1.0]], "size": 8}
    from PIL import Image

    Image.fromarray(draw(1, 1, world_of(settings), 8)).save(tmp_path / "flag.png")
    run = carry_out(fixed_plan(originals=(str(tmp_path / "flag.png"),), seeds=1, models={"analytic": settings}), tmp_path / "run")
    [numbers] = inferred(run).values()
    assert numbers == [*range(2, ROUNDS + 1)]
