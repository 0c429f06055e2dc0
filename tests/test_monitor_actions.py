"""Rules that stop a chain or bring its original back, and what makes two watched runs the same."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from tiny_runs import Heard, chains
from watched_runs import STOP, in_pieces, watched_plan

from imageloop import catalog
from imageloop.asking import load_model
from imageloop.errors import ForeignRun, PlanError
from imageloop.interventions import FLOOR
from imageloop.monitor import Alarm, alarms_of
from imageloop.plan import Plan
from imageloop.runner import carry_out

pytestmark = pytest.mark.usefixtures("no_waiting_for_the_disk")


def first_rounds(alarms: Sequence[Alarm]) -> dict[tuple[str, int], int]:
    found: dict[tuple[str, int], int] = {}
    for alarm in sorted(alarms, key=lambda alarm: alarm.round):
        found.setdefault((alarm.original, alarm.seed), alarm.round)
    return found


def test_stop_ends_a_chain_in_the_round_of_its_alarm_and_no_other(tmp_path: Path) -> None:
    noted = carry_out(watched_plan(rules={"jsd": {"window": 3, "below": 0.5}}), tmp_path / "noted")
    ends = first_rounds([alarm for alarm in alarms_of(noted) if alarm.rule == "jsd"])
    heard = Heard()
    run = carry_out(watched_plan(rules=STOP), tmp_path / "stopped", progress=heard)
    plain = [key for key in run.keys() if key.arm == "plain"]  # noqa: SIM118
    assert {len(run.rounds(key)) for key in plain} > {12}
    for key in plain:
        assert len(run.rounds(key)) == ends.get((key.original, key.seed), 12)
        assert [replace(done, seconds={}) for done in run.rounds(key)] == [
            replace(done, seconds={}) for done in noted.rounds(key)[: len(run.rounds(key))]
        ]
    assert sum(heard.dropped) == sum(12 - len(run.rounds(key)) for key in plain)
    assert first_rounds([alarm for alarm in alarms_of(run) if alarm.rule == "jsd"]) == ends


@pytest.mark.parametrize("rules", [STOP, {"still": {"rounds": 1, "action": "stop"}}, {"still": {"rounds": 2, "action": "reanchor"}}])
def test_a_run_whose_chains_are_acted_on_goes_on_to_the_same_end(tmp_path: Path, rules: dict[str, Any]) -> None:
    whole = carry_out(watched_plan(rules=rules), tmp_path / "whole")
    pieces, stops = in_pieces(watched_plan(rules=rules), tmp_path / "pieces", every=5)
    assert stops > 1
    assert chains(pieces) == chains(whole)
    assert alarms_of(pieces) == alarms_of(whole)
    assert {alarm.action for alarm in alarms_of(whole)} > {"note"} or {alarm.action for alarm in alarms_of(whole)} & {"stop", "reanchor"}
    longer = carry_out(watched_plan(rules=rules, rounds=15), pieces.path)
    assert chains(longer) == chains(carry_out(watched_plan(rules=rules, rounds=15), tmp_path / "at once"))


def test_chains_that_are_stopped_do_not_depend_on_their_neighbours(tmp_path: Path) -> None:
    few = carry_out(watched_plan(rules=STOP, seeds=1, controls="none"), tmp_path / "few")
    more = carry_out(watched_plan(rules=STOP), tmp_path / "more")
    shared = {name: content for name, content in chains(more).items() if "-s0/" in name}
    assert shared == chains(few)


def test_reanchor_shows_the_original_in_the_next_round_and_says_so(tmp_path: Path) -> None:
    rules = {"jsd": {"window": 2, "below": 0.5, "action": "reanchor"}}
    plan = watched_plan(rules=rules, arms=("plain", "keep_prompt('state3')"))
    run = carry_out(plan, tmp_path / "run")
    acted = 0
    for key in (key for key in run.keys() if key.arm != FLOOR):  # noqa: SIM118
        rounds = run.rounds(key)
        own = [alarm for alarm in alarms_of(run) if (alarm.arm, alarm.original, alarm.seed) == (key.arm, key.original, key.seed)]
        due = {alarm.round + 1 for alarm in own if alarm.action == "reanchor"}
        marked = {done.round for done in rounds if {"arm": "watch", "rule": "jsd", "saw_original": True} in done.acts}
        assert marked == {number for number in due if number <= 12}
        for done in (rounds[number - 1] for number in marked):
            acted += 1
            text = run.originals[key.original].text
            assert (done.saw == rounds[0].saw) if text is None else (done.saw, done.caption) == (None, text)
            assert done.prompt.endswith(", state3") == (key.arm != "plain")
    assert acted > 10


def test_a_model_that_is_watched_with_is_part_of_the_run_only_where_it_decides(tmp_path: Path) -> None:
    def load(role: catalog.Role, spec: str, plan: Plan) -> Any:
        changes = {"prior": [0.5, 0.5], "likelihood": [[0.8, 0.2], [0.3, 0.7]]} if role == "embedder" else {}
        return load_model(role, spec, plan.model_copy(update={"models": {**plan.models, **({"analytic": changes} if changes else {})}}))

    run = carry_out(watched_plan(), tmp_path / "noted")
    assert not [name for name in run.info.recipes if name.startswith("embedder")]
    carry_out(watched_plan(rounds=13), run.path, load=load)
    rules = {"still": {"rounds": 2, "action": "stop"}}
    run = carry_out(watched_plan(rules=rules), tmp_path / "acted")
    assert "embedder/analytic" in run.info.recipes
    with pytest.raises(ForeignRun, match="embedder analytic was another there"):
        carry_out(watched_plan(rules=rules, rounds=13), run.path, load=load)


def test_rules_that_act_make_another_plan_and_rules_that_note_do_not(tmp_path: Path) -> None:
    run = carry_out(watched_plan(watch=False), tmp_path / "run")
    carry_out(watched_plan(), run.path)
    carry_out(watched_plan(rules={"jsd": False}), run.path)
    with pytest.raises(ForeignRun, match="rules was not there, is"):
        carry_out(watched_plan(rules=STOP), run.path)
    with pytest.raises(ForeignRun, match='noise was not there, is "fixed"'):
        carry_out(watched_plan(noise="fixed"), run.path)


def test_still_may_not_act_where_pictures_are_dropped(tmp_path: Path) -> None:
    with pytest.raises(PlanError, match='still: stop looks at the pictures of the last rounds, so all must stay on disk: keep = "all"'):
        carry_out(watched_plan(rules={"still": {"action": "stop"}}, keep="log"), tmp_path / "run")
    assert list(tmp_path.iterdir()) == []
