"""Where chains end, how long concepts last, who is to blame: what the page shows of them."""

from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from imageloop.measures import Estimate, PairSummary, measure_run
from imageloop.measures.readings import concepts_of_run
from imageloop.report import Gallery
from imageloop.report.ends import HEIGHT, WIDTH, ends_of, flat
from imageloop.report.lifetimes import MOST_SPANS, spans_of, survival_panels, write_timelines
from imageloop.report.matrix import STEPS, matrix_of
from imageloop.report.rivalry import ranked, rivalry_of
from imageloop.stickers.scenes import Scene
from imageloop.store import RunFolder
from tests.page_data import received
from tests.paper_run import SURFER, PaperEmbedder, paper_run

PENGUIN = Scene(("penguin", "snowman"), "snow", "ink")
PAIRS = tuple((captioner, generator) for captioner in ("sticker-blip", "sticker-git") for generator in ("sticker-sana", "sticker-sprint"))


def test_the_map_has_a_way_for_every_chain_from_its_original_to_its_end(tmp_path: Path) -> None:
    run = paper_run(tmp_path, scenes=(SURFER, PENGUIN), pairs=PAIRS[:2], rounds=8)
    table = measure_run(run, PaperEmbedder())
    chains = Gallery(tmp_path).write(run)
    ends = ends_of(run, table, chains)
    assert ends is not None
    assert [way.chain for way in ends.ways] == [chain.into.name for chain in chains]
    assert len({way.start for way in ends.ways}) == 2  # two originals
    for way in ends.ways:
        assert all(0 <= x <= WIDTH and 0 <= y <= HEIGHT for x, y in (way.start, way.end))
        assert way.path.startswith(f"M{way.start[0]:g} {way.start[1]:g}L")
        assert way.path.endswith(f"L{way.end[0]:g} {way.end[1]:g}")
    assert 0 < ends.kept <= 1
    assert sum(motif.count for motif in ends.found) + ends.alone == 8
    assert all((tmp_path / "report" / str(motif.picture)).resolve().is_file() for motif in ends.found if "%" not in str(motif.picture))


def test_without_embeddings_there_is_no_map(tmp_path: Path) -> None:
    run = paper_run(tmp_path, seeds=3, rounds=3)
    table = measure_run(run, PaperEmbedder())
    for file in tmp_path.glob("cache/*/*.npz"):
        file.unlink()
    assert ends_of(run, table, Gallery(tmp_path).write(run)) is None


def test_points_on_a_plane_keep_all_their_spread() -> None:
    rng = np.random.default_rng(0)
    plane = rng.normal(size=(20, 2)) @ rng.normal(size=(2, 7)) + 3
    points, kept = flat(plane)
    assert kept == pytest.approx(1)
    apart = np.linalg.norm(plane[:, None] - plane, axis=2)
    assert np.linalg.norm(points[:, None] - points, axis=2) == pytest.approx(apart)


def test_spans_are_the_rounds_in_which_a_concept_is_named() -> None:
    assert spans_of(np.array([1, 1, 0, 0, 1, 0, 1], dtype=bool)) == [[1, 2], [5, 5], [7, 7]]
    assert spans_of(np.array([1], dtype=bool)) == [[1, 1]]
    flicker = np.arange(1000) % 2 == 0
    flicker[500:600] = False
    spans = spans_of(flicker)
    assert len(spans) == MOST_SPANS
    assert (spans[0][0], spans[-1][1]) == (1, 999)
    assert any(later[0] - earlier[1] > 100 for earlier, later in pairwise(spans))


def test_survival_is_drawn_in_steps_from_all_to_what_is_left(tmp_path: Path) -> None:
    run = paper_run(tmp_path, scenes=(SURFER, PENGUIN), pairs=PAIRS[:2], rounds=12)
    by_rarity, by_pair = survival_panels(concepts_of_run(run))
    assert by_rarity.measure.name == "survival_by_rarity"
    assert [line.label for line in by_pair.series] == ["sticker-blip + sticker-sana", "sticker-blip + sticker-sprint"]
    for line in (*by_rarity.series, *by_pair.series):
        values = [value for _, value in line.line]
        assert values[0] == 1
        assert values == sorted(values, reverse=True)
        assert [number for number, _ in line.line] == sorted(number for number, _ in line.line)


def test_the_timeline_of_a_chain_says_when_each_concept_was_there(tmp_path: Path) -> None:
    run = paper_run(tmp_path, seeds=1, rounds=10)
    concepts = concepts_of_run(run)
    (chain,) = Gallery(tmp_path).write(run)
    write_timelines(concepts, [chain])
    _, rows = received(chain.into / "concepts.js")
    (known,) = concepts.values()
    assert {row["name"] for row in rows} == set(known.names)
    for row in rows:
        rounds = [number for first, last in row["spans"] for number in range(first, last + 1)]
        assert rounds == [int(place) + 1 for place in np.flatnonzero(known.present[:, known.names.index(row["name"])])]


def a_summary(pair: str, mean: float | None, arm: str = "plain") -> PairSummary:
    similarity = None if mean is None else Estimate(mean, mean - 0.1, mean + 0.1, 4)
    measure = None if mean is None else "clip_image_similarity"
    return PairSummary(pair, arm, 4, 4, 9, measure, similarity, None, None, None, None, "steady")


def test_the_matrix_shades_from_the_least_to_the_greatest() -> None:
    found = matrix_of([a_summary("a+x", 0.2), a_summary("a+y", 0.9), a_summary("b+x", 0.55), a_summary("b+x", 0.95, "floor")])
    assert found is not None
    assert found.generators == ("x", "y")
    assert [[cell and cell.heat for cell in row.cells] for row in found.rows] == [[0, STEPS - 1], [STEPS // 2, None]]
    assert matrix_of([a_summary("a+x", 0.2)]) is None
    assert matrix_of([a_summary("a+x", None), a_summary("b+x", None)]) is None


def test_the_best_pair_leads_and_what_has_no_number_comes_last() -> None:
    rows = [a_summary("a+x", 0.2), a_summary("b+x", None), a_summary("c+x", 0.7)]
    assert [one.pair for one in ranked(rows)] == ["c+x", "a+x", "b+x"]


def test_pairs_are_compared_and_the_blame_is_split(tmp_path: Path) -> None:
    run = paper_run(tmp_path, scenes=(SURFER, PENGUIN, replace(PENGUIN, background="city")), pairs=PAIRS, rounds=6)
    found = rivalry_of(run, measure_run(run, PaperEmbedder()))
    assert [share.source for share in found.blame][:3] == ["captioner", "generator", "interaction"]
    assert found.compared == 6
    assert found.arms == ()


def test_a_run_that_cannot_be_compared_says_why(tmp_path: Path) -> None:
    run = paper_run(tmp_path, seeds=1, rounds=2)
    table = measure_run(run, PaperEmbedder())
    found = rivalry_of(RunFolder.open(tmp_path), table.slice(0, 0))
    assert found.blame == ()
    assert found.notes
