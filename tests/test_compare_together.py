"""Measures of all chains together, compared: on runs on paper, whose pictures are embedded and whose numbers are known from the table."""

import json
import shutil
from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from compared_runs import by_pair, compared, made_up
from paper_run import PaperEmbedder, keep_rounds, paper_run
from scipy.stats import t
from tiny_runs import model, plan_of, save

from imageloop.comparison import Comparison, comparing
from imageloop.comparison.files import csv_of
from imageloop.comparison.groups import Rival
from imageloop.comparison.populations import over_all_rounds
from imageloop.errors import RunError
from imageloop.measures import MEASURES, measure_run, table
from imageloop.measures.leave_one_out import JUMPS, LEAST, LeftOut
from imageloop.monitor.alarms import FILE, alarm_of
from imageloop.runner import carry_out
from imageloop.stickers.scenes import BACKGROUNDS, CONCEPTS, STYLES, Scene
from imageloop.store import RunFolder

PAIRS = (("sticker-blip", "sticker-sana"), ("sticker-blip", "sticker-sprint"))
LABELS = {"+".join(pair) for pair in PAIRS}
SCENES = [Scene((CONCEPTS[i], CONCEPTS[i + 20]), BACKGROUNDS[i % 5], STYLES[i % 2]) for i in range(LEAST + 1)]


@pytest.fixture(scope="module")
def paper(tmp_path_factory: pytest.TempPathFactory) -> Path:
    run = paper_run(tmp_path_factory.mktemp("paper") / "run", scenes=SCENES, pairs=PAIRS, seeds=2, rounds=4)
    measure_run(run, PaperEmbedder())
    return run.path


def opened(folder: Path) -> tuple[RunFolder, pa.Table]:
    return RunFolder.open(folder), table.read(folder)


def copied(paper: Path, folder: Path) -> Path:
    shutil.copytree(paper, folder)
    return folder


def without_embeddings(folder: Path) -> Path:
    shutil.rmtree(folder / "cache")
    return folder


def told(measured: pa.Table, measure: str) -> dict[tuple[str, int], float]:
    rows = table.select(measured, measure=measure, original=table.ALL_ORIGINALS)
    return {(pair, number): value for pair, number, value in zip(*(rows[c].to_pylist() for c in ("pair", "round", "value")), strict=True)}


def bounded(found: Comparison) -> list[bool]:
    return [entry.value is not None and entry.value.low is not None for entry in found.entries]


TOGETHER = sorted(name for name, row in MEASURES.items() if not row.of_single_chains)


@pytest.mark.parametrize("measure", TOGETHER)
def test_every_measure_of_all_chains_is_compared_and_is_what_was_measured(paper: Path, measure: str) -> None:
    run, measured = opened(paper)
    known = told(measured, measure)
    if not known:
        with pytest.raises(RunError, match="no chain has a value"):
            compared((run, measured), measure=measure)
        return
    found = compared((run, measured), measure=measure)
    assert found.all_chains
    assert found.whole_chain == (MEASURES[measure].per_pair is not None)
    at = table.WHOLE_CHAIN if found.whole_chain else 4
    assert {entry.pair: entry.value and entry.value.mean for entry in found.entries} == {
        pair: pytest.approx(value) for (pair, number), value in known.items() if number == at
    }
    if measure in JUMPS:
        assert not any(bounded(found))
        assert any("it jumps" in note for note in found.notes)


def test_a_vendi_score_is_ranked_with_intervals_and_paired_differences(paper: Path) -> None:
    found = compared(opened(paper), measure="vendi_score", round=3)
    assert found.round == 3
    assert {entry.label for entry in found.entries} == LABELS
    assert bounded(found) == [True, True]
    scores = [entry.value.mean for entry in found.entries if entry.value]
    known = told(table.read(paper), "vendi_score")
    assert scores == pytest.approx([known[entry.pair, 3] for entry in found.entries])
    assert scores == sorted(scores, reverse=True)
    (one,) = found.differences
    assert one.difference.estimate.mean == pytest.approx(scores[0] - scores[1])
    assert one.difference.estimate.low is not None
    assert one.difference.estimate.low < one.difference.estimate.mean
    assert one.difference.p is not None
    assert one.needed is None
    assert found.blame is None
    assert "no split of the variance: vendi_score is one number of all chains" in found.notes
    assert (
        "vendi_score is one number of all chains: its intervals leave out one original at a time, and hold for as many chains"
        in found.notes
    )


def test_the_vendi_score_of_every_comparison_has_its_interval(paper: Path) -> None:
    found = compared(opened(paper))
    again = compared(opened(paper), measure="vendi_score")
    assert {entry.label: entry.vendi for entry in found.entries} == {entry.label: entry.value for entry in again.entries}
    (row, _) = (line for line in csv_of(found).splitlines() if line.startswith("leaderboard,") and ",vendi_score," in line)
    assert all(row.split(",")[9:13])


def less(folder: Path, generators: tuple[str, ...]) -> tuple[RunFolder, pa.Table]:
    """The run without the chains of one original in some pairs."""
    run = RunFolder.open(folder)
    for key in run.keys():  # noqa: SIM118, a run folder is no mapping
        if key.generator in generators and key.original == min(run.originals):
            shutil.rmtree(run.chain_path(key))
    return run, measure_run(run, PaperEmbedder())


@pytest.mark.parametrize("measure", ["vendi_score", "largest_basin_share"])
def test_only_the_chains_that_are_compared_make_the_number(paper: Path, tmp_path: Path, measure: str) -> None:
    one = compared(less(copied(paper, tmp_path / "one"), ("sticker-sprint",)), measure=measure)
    both = compared(less(copied(paper, tmp_path / "both"), ("sticker-sprint", "sticker-sana")), measure=measure)
    assert {entry.chains for entry in one.entries} == {2 * LEAST}
    assert bounded(one) == [True, True]
    assert {entry.label: entry.value for entry in one.entries} == {entry.label: entry.value for entry in both.entries}


def test_chains_of_one_line_may_lie_in_several_runs(paper: Path, tmp_path: Path) -> None:
    parts = [RunFolder.open(copied(paper, tmp_path / name)) for name in "ab"]
    for run, seed in zip(parts, (0, 1), strict=True):
        for key in run.keys():  # noqa: SIM118, a run folder is no mapping
            if key.seed == seed:
                shutil.rmtree(run.chain_path(key))
    halves = compared(*[(run, measure_run(run, PaperEmbedder())) for run in parts], measure="vendi_score")
    whole = compared(opened(paper), measure="vendi_score")
    assert {entry.label: entry.value for entry in halves.entries} == {entry.label: entry.value for entry in whole.entries}
    assert halves.differences == whole.differences


@pytest.mark.parametrize("measure", ["vendi_score", "largest_basin_share"])
def test_without_embeddings_there_is_the_value_and_no_interval(paper: Path, tmp_path: Path, measure: str) -> None:
    found = compared(opened(without_embeddings(copied(paper, tmp_path / "run"))), measure=measure)
    whole = compared(opened(paper), measure=measure)
    assert bounded(whole) == [True, True]
    assert bounded(found) == [False, False]
    assert [entry.value and entry.value.mean for entry in found.entries] == [entry.value and entry.value.mean for entry in whole.entries]
    assert [one.p_corrected for one in found.differences] == [None]
    assert any("embeddings are gone" in note for note in found.notes)


def test_captions_need_no_embeddings(paper: Path, tmp_path: Path) -> None:
    found = compared(opened(without_embeddings(copied(paper, tmp_path / "run"))), measure="cross_chain_jsd")
    assert bounded(found) == [True, True]
    assert [entry.value for entry in found.entries] == [entry.value for entry in compared(opened(paper), measure="cross_chain_jsd").entries]


def test_comparing_changes_nothing_in_the_run(paper: Path, tmp_path: Path) -> None:
    folder = copied(paper, tmp_path / "run")
    (folder / "cache" / "broken").mkdir()
    for cache in (folder / "cache").iterdir():
        (cache / "999999.npz").write_bytes(b"cut short")
    before = {file: file.read_bytes() for file in folder.rglob("*") if file.is_file()}
    assert bounded(compared(opened(folder), measure="vendi_score")) == [True, True]
    assert {file: file.read_bytes() for file in folder.rglob("*") if file.is_file()} == before


def test_too_few_originals_have_no_interval_and_no_p(tmp_path: Path) -> None:
    run = paper_run(tmp_path / "run", scenes=SCENES[: LEAST - 1], pairs=PAIRS, seeds=1, rounds=2)
    found = compared((run, measure_run(run, PaperEmbedder())), measure="vendi_score")
    assert bounded(found) == [False, False]
    assert [one.difference.p for one in found.differences] == [None]
    assert f"9 originals: no interval of vendi_score below {LEAST}, for it would miss too often" in found.notes


def test_with_one_original_every_measure_of_all_chains_is_what_was_measured(tmp_path: Path) -> None:
    run = paper_run(tmp_path / "run", scenes=SCENES[:1], seeds=2, rounds=2)
    measured = measure_run(run, PaperEmbedder())
    known = sorted({measure for measure in measured["measure"].to_pylist() if not MEASURES[measure].of_single_chains})
    assert "largest_basin_share" in known
    for measure in known:
        found = compared((run, measured), measure=measure)
        assert bounded(found) == [False]
        assert "one original: no interval, no test, and nothing is said of other originals" in found.notes
        assert not any("1 originals" in note for note in found.notes)


def test_chains_measured_by_different_embedders_are_lines_of_their_own(paper: Path, tmp_path: Path) -> None:
    """Their embeddings have no directions in common, and may not even be of one length."""
    other = PaperEmbedder()
    other.recipe = replace(other.recipe, name="other")
    run = paper_run(tmp_path / "other", scenes=SCENES, pairs=PAIRS[:1], seeds=3, rounds=4)
    for chain in run.path.glob("chains/*/*-s[01]"):
        shutil.rmtree(chain)
    measure_run(run, other)
    found = compared(opened(paper), opened(run.path), allow_different=True)
    assert {entry.label for entry in found.entries} == {f"{min(LABELS)} (run)", f"{min(LABELS)} (other)", max(LABELS)}
    assert all(entry.vendi for entry in found.entries)


def test_a_line_without_a_value_comes_last(tmp_path: Path) -> None:
    whole = made_up(tmp_path / "a", by_pair, pairs=("eye+pen",), originals=4, vendi=-1.0)
    more = made_up(tmp_path / "b", by_pair, pairs=("eye+brush",), originals=5, vendi=-1.0)
    found = compared(whole, more, measure="vendi_score")
    assert [(entry.label, entry.value is None) for entry in found.entries] == [("eye+pen", False), ("eye+brush", True)]


def test_chains_of_different_length_are_compared_where_all_have_come(paper: Path, tmp_path: Path) -> None:
    run = RunFolder.open(copied(paper, tmp_path / "run"))
    for key in run.keys()[:2]:
        keep_rounds(run, key, 2)
    measured = measure_run(run, PaperEmbedder())
    assert compared((run, measured), measure="vendi_score").round == 2
    with pytest.raises(RunError, match=r"--round 3: .* has rounds 1 to 2"):
        compared((run, measured), measure="vendi_score", round=3)


def test_control_chains_go_with_their_original_and_a_share_has_students_interval(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: dict[str, LeftOut] = {}

    def noted(rivals: Sequence[Rival], measure: str) -> dict[str, LeftOut]:
        seen.update(over_all_rounds(rivals, measure))
        return seen

    originals = tuple(save(tmp_path / f"{i}.png", i) for i in range(LEAST))
    run = carry_out(plan_of(originals=originals, pick_caption="first", pick_image="first", controls="auto", rounds=6), tmp_path / "run")
    measured = measure_run(run, model("embedder"))
    monkeypatch.setattr(comparing, "over_all_rounds", noted)
    value = compared((run, measured), measure="fixed_point_share").entries[0].value
    assert value is not None
    assert value.high is not None
    assert 0 < value.mean < 1
    reach = t.ppf(0.975, LEAST - 1) * np.sqrt(value.mean * (1 - value.mean) / (LEAST - 1))
    assert value.high == pytest.approx(min(1, value.mean + reach))
    counting = replace(MEASURES["fixed_point_share"], per_pair=lambda pair: len(pair.chains) + 0.01 * len(pair.floors))
    monkeypatch.setitem(MEASURES, "fixed_point_share", counting)
    compared((run, measured), measure="fixed_point_share")
    (one,) = seen.values()
    assert (one.whole, set(one.without.values())) == (LEAST * 1.01, {(LEAST - 1) * 1.01})


@pytest.mark.parametrize(("stopped", "said"), [(1, "1 chain"), (2, "2 chains")])
def test_chains_that_the_monitor_stopped_are_mentioned(paper: Path, tmp_path: Path, stopped: int, said: str) -> None:
    run = RunFolder.open(copied(paper, tmp_path / "run"))
    some = [key for key in run.keys() if key.generator == "sticker-sana"][:stopped]  # noqa: SIM118, a run folder is no mapping
    for key in some:
        keep_rounds(run, key, 2)
    measured = measure_run(run, PaperEmbedder())
    silent = compared((run, measured))
    assert not any("monitor" in note for note in silent.notes)
    alarms = [asdict(alarm_of(key, "jsd", 2, 0.01, 0.05, "stop")) for key in some]
    noting = asdict(alarm_of(run.keys()[-1], "jsd", 1, 0.01, 0.05, "note"))
    (run.path / FILE).write_text("".join(json.dumps(row) + "\n" for row in [noting, *alarms]))
    found = compared((run, measured))
    assert found.round == silent.round == 2
    assert {entry.chains for entry in found.entries} == {2 * len(SCENES)}
    assert (
        f"the monitor stopped {said} of sticker-blip+sticker-sana, the first in round 2: all lines are compared no later than that, "
        "and whole chains differ in length"
    ) in found.notes
