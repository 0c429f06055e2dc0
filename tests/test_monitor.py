"""A run that is watched: what alarms are raised, live and again from disk, and what they do."""

import json
from collections.abc import Iterator
from dataclasses import asdict
from io import StringIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from paper_run import PaperEmbedder, paper_run
from PIL import Image
from rich.console import Console
from tiny_runs import Heard, Spy, chains, model
from watched_runs import QUICK, STOP, in_pieces, watched_plan

from imageloop import catalog
from imageloop.arms import arm_of
from imageloop.asking import load_model
from imageloop.casting import Pair
from imageloop.cli.progress import LiveLines, PlainLines
from imageloop.cli.results import notices, show
from imageloop.loop import ChainState
from imageloop.measures import measure_run
from imageloop.measures.diversity import vendi_of_rows
from imageloop.models.analytic import draw, world_of
from imageloop.monitor import Alarm, Watch, alarms_of, told
from imageloop.monitor.alarms import FILE, AlarmFile
from imageloop.plan import Plan
from imageloop.records import ChainKey
from imageloop.runner import carry_out
from imageloop.store import RunFolder

pytestmark = pytest.mark.usefixtures("no_waiting_for_the_disk")


def test_to_be_watched_changes_no_chain(tmp_path: Path) -> None:
    arms = ("plain", "keep_prompt('state3')")
    alone = carry_out(watched_plan(watch=False, arms=arms), tmp_path / "alone")
    watched = carry_out(watched_plan(arms=arms), tmp_path / "watched")
    assert chains(watched) == chains(alone)
    assert {alarm.rule for alarm in alarms_of(watched)} >= {"jsd", "still", "rare"}
    assert alarms_of(alone) == []
    assert watched.info.plan_hash == alone.info.plan_hash
    assert watched.info.recipes == alone.info.recipes


def test_alarms_are_the_same_live_and_replayed_and_in_pieces_and_in_other_batches(tmp_path: Path) -> None:
    whole = carry_out(watched_plan(), tmp_path / "whole")
    file = (whole.path / FILE).read_bytes()
    assert len(alarms_of(whole)) > 20
    assert AlarmFile.read(whole.path).alarms == alarms_of(whole)
    pieces, stops = in_pieces(watched_plan(), tmp_path / "pieces")
    assert stops > 5
    assert (pieces.path / FILE).read_bytes() == file
    (whole.path / FILE).unlink()
    heard = Heard()
    assert alarms_of(carry_out(watched_plan(), whole.path, progress=heard)) == alarms_of(pieces)
    assert (whole.path / FILE).read_bytes() == file
    assert (heard.turns, heard.messages[0]) == ([], "loading the embedder analytic")
    assert (carry_out(watched_plan(batch=3), tmp_path / "other").path / FILE).read_bytes() == file


def test_a_run_that_was_watched_to_its_end_loads_no_model(tmp_path: Path) -> None:
    carry_out(watched_plan(), tmp_path / "run")
    heard = Heard()
    run = carry_out(watched_plan(), tmp_path / "run", progress=heard)
    assert heard.messages == []
    longer = carry_out(watched_plan(rounds=15), run.path)
    assert alarms_of(longer) == alarms_of(carry_out(watched_plan(rounds=15), tmp_path / "at once"))


def test_the_file_of_a_killed_run_is_made_again(tmp_path: Path) -> None:
    run = carry_out(watched_plan(), tmp_path / "run")
    whole = (run.path / FILE).read_bytes()
    huge = json.dumps({**json.loads(whole.splitlines()[0]), "value": 10**400}).encode() + b"\n"
    for damaged in (whole[: len(whole) // 2], whole[:-1] + b'garbage\n{"watched": 3}', b'{"rule": "nosuch"}\n', huge, b"[" * 99999):
        (run.path / FILE).write_bytes(damaged)
        carry_out(watched_plan(), run.path)
        assert (run.path / FILE).read_bytes() == whole


def test_a_deleted_cache_costs_embedding_and_no_alarm(tmp_path: Path) -> None:
    run = carry_out(watched_plan(), tmp_path / "run")
    for part in (run.path / "cache").rglob("*.npz"):
        part.unlink()
    longer = carry_out(watched_plan(rounds=14), run.path)
    assert alarms_of(longer) == alarms_of(carry_out(watched_plan(rounds=14), tmp_path / "at once"))


def test_what_the_monitor_embedded_is_not_embedded_again_when_the_run_is_measured(tmp_path: Path) -> None:
    run = carry_out(watched_plan(), tmp_path / "run")
    spy = Spy(load_model("embedder", "analytic", watched_plan()))
    measure_run(run, spy, measures=("clip_image_similarity",))
    assert [name for name, _ in spy.calls if name == "embed_images"] == []
    assert spy.calls


def test_without_rules_that_need_it_no_embedder_is_loaded(tmp_path: Path) -> None:
    loaded = []

    def load(role: catalog.Role, spec: str, plan: Plan) -> Any:
        loaded.append(role)
        return load_model(role, spec, plan)

    run = carry_out(watched_plan(rules={**QUICK, "still": False, "vendi": False}), tmp_path / "run", load=load)
    assert sorted(loaded) == ["captioner", "generator"]
    assert {alarm.rule for alarm in alarms_of(run)} >= {"jsd", "rare"}
    assert not (run.path / "cache").exists()


def test_chains_that_all_fall_into_one_state_raise_the_alarm_for_all_of_them(tmp_path: Path) -> None:
    falling = {"prior": [0.95, *[0.01] * 5], "likelihood": [[1.0, *[0.0] * 5], *[[0.3, *[0.14] * 5]] * 5], "size": 8}
    world = world_of(falling)
    for state in range(1, 6):
        Image.fromarray(draw(state, state, world, 8)).save(tmp_path / f"{state}.png")
    originals = tuple(str(tmp_path / f"{state}.png") for state in range(1, 6))
    plan = watched_plan(originals=originals, seeds=2, rounds=25, models={"analytic": falling}, rules={})
    run = carry_out(plan, tmp_path / "run")
    [alarm] = [alarm for alarm in alarms_of(run) if alarm.rule == "vendi"]
    shown = np.array([[int(done.caption[-1]) for done in run.rounds(key)] for key in run.keys() if key.arm == "plain"])  # noqa: SIM118
    scores = [vendi_of_rows(np.eye(6)[row]) for row in shown.T]
    assert alarm.round == next(number for number, score in enumerate(scores, 1) if score < scores[0] / 2)
    assert alarm.value == pytest.approx(scores[alarm.round - 1] / scores[0])
    assert (alarm.original, alarm.seed, alarm.arm) == ("*", -1, "plain")


def test_still_waits_for_the_noise_floor_even_in_the_first_rounds(tmp_path: Path) -> None:
    steps = [alarm for alarm in alarms_of(carry_out(watched_plan(), tmp_path / "run")) if alarm.rule == "still"]
    assert min(alarm.round for alarm in steps) <= 2
    assert {alarm.threshold for alarm in steps} == {1.0}
    without = alarms_of(carry_out(watched_plan(controls="none"), tmp_path / "without"))
    assert {alarm.threshold for alarm in without if alarm.rule == "still"} == {0.95}


def test_control_chains_are_never_watched(tmp_path: Path) -> None:
    assert {alarm.arm for alarm in alarms_of(carry_out(watched_plan(), tmp_path / "run"))} == {"plain"}


def test_pictures_are_embedded_in_whole_batches(tmp_path: Path) -> None:
    spies: list[Spy] = []

    def load(role: catalog.Role, spec: str, plan: Plan) -> Any:
        found = load_model(role, spec, plan)
        spies.extend([Spy(found)] if role == "embedder" else [])
        return spies[-1] if role == "embedder" else found

    run = carry_out(watched_plan(batch=8), tmp_path / "run", load=load)
    pictures = {done.picture.pixels for key in run.keys() for done in run.rounds(key) if done.picture}  # noqa: SIM118
    assert len(spies[0].calls) == 1 + -(-len(pictures) // 8)  # the original comes first


def test_a_run_of_a_version_without_a_monitor_goes_on(tmp_path: Path) -> None:
    run = carry_out(watched_plan(watch=False), tmp_path / "run")
    file = run.path / "run.json"
    info = json.loads(file.read_text())
    info["plan"] = {key: value for key, value in info["plan"].items() if key not in ("watch", "rules", "noise")}
    file.write_text(json.dumps(info))
    assert alarms_of(carry_out(watched_plan(rounds=13), run.path))


def test_pictures_that_were_not_kept_are_not_guessed_at(tmp_path: Path) -> None:
    run = carry_out(watched_plan(keep="log"), tmp_path / "run")
    for part in (run.path / "cache").rglob("*.npz"):
        part.unlink()
    (run.path / FILE).unlink()
    left = alarms_of(carry_out(watched_plan(keep="log"), run.path))
    whole = alarms_of(carry_out(watched_plan(), tmp_path / "whole"))
    for rule in ("jsd", "rare", "length"):
        assert [alarm for alarm in left if alarm.rule == rule] == [alarm for alarm in whole if alarm.rule == rule]
    known = {done.picture.pixels for key in run.keys() for done in run.rounds(key) if done.picture and done.picture.file}  # noqa: SIM118
    for alarm in (alarm for alarm in left if alarm.rule == "still"):
        key = ChainKey("analytic", "analytic", alarm.original, alarm.seed)
        pair = run.rounds(key)[max(0, alarm.round - 2) : alarm.round]
        assert {done.picture.pixels for done in pair if done.picture} <= known
    assert len(left) < len(whole)


def replayed(run: RunFolder, plan: Plan, embedder: Any) -> list[str]:
    """Goes through a run that no plan made, and gives what is said."""
    said: list[str] = []
    names = sorted({(key.captioner, key.generator) for key in run.keys()})  # noqa: SIM118
    for captioner, generator in names:
        keys = [key for key in run.keys() if (key.captioner, key.generator) == (captioner, generator)]  # noqa: SIM118
        states = [ChainState(key, run.originals[key.original], len(run.rounds(key)), None) for key in keys]
        Watch(Pair(plan, captioner, generator, [arm_of("plain")], {}), run, states, lambda: embedder, said.append).close()
    return said


def test_blanked_pictures_and_chains_of_unequal_length_are_watched(tmp_path: Path) -> None:
    run = paper_run(tmp_path, seeds=2, rounds=8)
    one, two = run.keys()
    file = run.chain_path(one) / "rounds.jsonl"
    lines = [json.loads(line) for line in file.read_text().splitlines()]
    lines[4]["pictures"][0]["blanked"] = True
    file.write_text("".join(json.dumps(line) + "\n" for line in lines))
    longer = run.chain_path(two) / "rounds.jsonl"
    longer.write_text("".join(longer.read_text().splitlines(keepends=True)[:6]))
    plan = Plan(originals=("text:x",), controls="none", rounds=8, rules=dict.fromkeys(("jsd", "still", "length"), False))
    said = replayed(run, plan, PaperEmbedder())
    [alarm] = [alarm for alarm in alarms_of(run) if alarm.rule == "blank"]
    assert (alarm.round, alarm.seed, alarm.value) == (5, one.seed, 1)
    assert any("the safety checker blanked the picture" in line for line in said)


def some_alarms() -> Iterator[Alarm]:
    for seed, number in ((0, 9), (1, 7), (1, 20)):
        yield Alarm("c+g", "plain", "jsd", "surfer", seed, number, 0.03, 0.05, "note")
    yield Alarm("c+g", "temper(temperature=2)", "jsd", "surfer", 0, 7, 0.04, 0.05, "stop")
    yield Alarm("c+g", "plain", "vendi", "*", -1, 12, 0.4, 0.5, "note")


def test_alarms_are_told_in_a_line_for_each_pair_and_rule() -> None:
    assert told(list(some_alarms())) == [
        "c+g: jsd in 3 chains, the captions stopped changing; first in round 7 of surfer-s1, 1 stopped",
        "c+g: vendi in 1 arm, the chains' pictures became alike; first in round 12 of all chains",
    ]
    assert [alarm.words for alarm in some_alarms()][-1] == "the chains' pictures became alike: 0.40 of their first Vendi score, below 0.50"
    assert [alarm.where for alarm in some_alarms()][3] == "surfer-s0 under temper(temperature=2)"


def test_a_run_tells_the_first_alarm_of_each_rule_and_then_counts(tmp_path: Path) -> None:
    heard = Heard()
    run = carry_out(watched_plan(), tmp_path / "run", progress=heard)
    rules = {alarm.rule for alarm in alarms_of(run)}
    lines = [line for line in heard.messages if not line.startswith("loading")]
    assert len(lines) == 2 * len(rules)
    assert lines[-len(rules) :] == told(alarms_of(run))
    assert {line.split(": ")[1].split()[0] for line in lines[: len(rules)]} == rules


def test_every_alarm_is_a_finite_record_that_can_be_read_back(tmp_path: Path) -> None:
    run = carry_out(watched_plan(), tmp_path / "run")
    for alarm in alarms_of(run):
        assert np.isfinite([alarm.value, alarm.threshold]).all()
        assert Alarm(**json.loads(json.dumps(asdict(alarm), allow_nan=False))) == alarm
    assert alarms_of(paper_run(tmp_path / "paper")) == []


def test_the_monitor_asks_the_embedder_for_pictures_only(tmp_path: Path) -> None:
    embedder = Spy(model("embedder"))

    def load(role: catalog.Role, spec: str, plan: Plan) -> Any:
        return embedder if role == "embedder" else load_model(role, spec, plan)

    carry_out(watched_plan(), tmp_path / "run", load=load)
    assert {name for name, _ in embedder.calls} == {"embed_images"}


def test_progress_counts_on_the_rounds_that_are_left(tmp_path: Path) -> None:
    lines: list[str] = []
    run = carry_out(watched_plan(rules=STOP), tmp_path / "run", progress=PlainLines(lines.append, now=lambda: 0.0))
    made = sum(len(run.rounds(key)) for key in run.keys())  # noqa: SIM118
    assert any(line.startswith(f"analytic+analytic: {made}/{made} rounds") for line in lines)
    screen = StringIO()
    with LiveLines(Console(file=screen, force_terminal=True, width=120)) as progress:
        carry_out(watched_plan(rules=STOP), tmp_path / "live", progress=progress)
    assert f"{made}/{made} rounds" in screen.getvalue()
    assert f"/{12 * 10 + 50} rounds" in screen.getvalue()


def test_the_summary_of_a_run_says_what_was_raised(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run = carry_out(watched_plan(), tmp_path / "run")
    assert told(alarms_of(run))
    assert notices(run)[-len(told(alarms_of(run))) :] == told(alarms_of(run))
    table = measure_run(run, load_model("embedder", "analytic", watched_plan()))
    show(run, table, page=None, json=True)
    printed = json.loads(capsys.readouterr().out)
    assert [Alarm(**row) for row in printed["alarms"]] == alarms_of(run)
