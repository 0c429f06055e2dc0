"""A whole run measured: the table, its files, the cache, and what is said of each pair."""

from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from pyarrow import csv

from imageloop.errors import RunError
from imageloop.measures import MEASURES, measure_run, summary, table
from imageloop.measures.curves import curve
from imageloop.stickers.scenes import Scene
from tests.paper_run import SURFER, PaperEmbedder, keep_rounds, paper_run

PENGUIN = Scene(("penguin", "snowman"), "snow", "ink")
PAIRS = (("sticker-blip", "sticker-sana"), ("sticker-blip", "sticker-sprint"))


def values(measured: pa.Table, **cells: str | int) -> list[float]:
    return table.select(measured, **cells)["value"].to_pylist()


def test_every_defined_value_has_one_row_and_lies_in_its_range(tmp_path: Path) -> None:
    measured = measure_run(paper_run(tmp_path, scenes=(SURFER, PENGUIN), rounds=7), PaperEmbedder())
    keys = list(zip(*(measured[name].to_pylist() for name in measured.column_names[:-1]), strict=True))
    assert len(keys) == len(set(keys))
    for name, measure in MEASURES.items():
        for value in values(measured, measure=name):
            assert measure.low <= value <= measure.high
    assert len(values(measured, measure="clip_image_similarity")) == 2 * 2 * 7
    assert len(values(measured, measure="windowed_caption_jsd")) == 2 * 2 * 3
    assert len(values(measured, measure="chance_image_similarity")) == 2 * 2 * 7
    assert len(values(measured, measure="inner_drift", round=-1)) == 4
    assert len(values(measured, measure="attractor_brightness_strength", original="*", seed=-1, round=-1)) == 0
    assert len(values(measured, measure="effective_captions", original="*", seed=-1)) == 7


def test_similarities_are_those_of_the_embedders_vectors(tmp_path: Path) -> None:
    run = paper_run(tmp_path, seeds=1, rounds=3)
    key = run.keys()[0]
    embedder = PaperEmbedder(batch=1)
    measured = measure_run(run, embedder)
    start = embedder.embed_images([run.originals[key.original].pixels])[0]
    pictures = [embedder.embed_images([run.picture(key, turn.picture)])[0] for turn in run.rounds(key)]
    texts = [embedder.embed_texts([turn.caption])[0] for turn in run.rounds(key)]
    expected = {
        "clip_image_similarity": [start @ picture for picture in pictures],
        "clip_step_similarity": [before @ after for before, after in zip([start, *pictures], pictures, strict=False)],
        "caption_grounding": [text @ seen for text, seen in zip(texts, [start, *pictures], strict=False)],
        "caption_obedience": [text @ drawn for text, drawn in zip(texts, pictures, strict=True)],
        "caption_retention": [text @ start for text in texts],
    }
    for name, numbers in expected.items():
        assert values(measured, measure=name) == pytest.approx(numbers, abs=1e-6)


def test_a_chain_from_a_text_is_measured_against_the_text(tmp_path: Path) -> None:
    measured = measure_run(paper_run(tmp_path, scenes=(), texts=("a surfer under a palm tree", "two cats"), seeds=1), PaperEmbedder())
    names = set(measured["measure"].to_pylist())
    assert {"text_to_image_similarity", "text_to_caption_similarity", "chance_text_to_image_similarity"} <= names
    assert not names & {"clip_image_similarity", "caption_retention", "chance_image_similarity"}
    assert values(measured, measure="text_to_caption_similarity", round=1) == pytest.approx([1, 1])
    assert values(measured, measure="caption_grounding", round=1) == []
    assert table.undefined(measured)["clip_step_similarity"] == 2


def test_each_different_picture_is_read_and_embedded_once_and_a_new_round_costs_one_round(tmp_path: Path) -> None:
    run = paper_run(tmp_path, seeds=1, rounds=4)
    key = run.keys()[0]
    lines = (run.chain_path(key) / "rounds.jsonl").read_text()
    keep_rounds(run, key, 3)
    embedder = PaperEmbedder(batch=1)
    first = measure_run(run, embedder)
    pictures, captions = ({turn.picture.pixels for turn in run.rounds(key)}, {turn.caption for turn in run.rounds(key)})
    different = 1 + len(pictures) + 2 * len(captions)
    assert embedder.asked == different
    assert measure_run(run, embedder) == first
    assert embedder.asked == different
    (run.chain_path(key) / "rounds.jsonl").write_text(lines)
    measure_run(run, embedder)
    assert different < embedder.asked <= different + 3


def test_a_picture_that_is_gone_costs_its_own_values_only(tmp_path: Path) -> None:
    run = paper_run(tmp_path, seeds=1, rounds=4)
    (run.chain_path(run.keys()[0]) / "images/000002.png").unlink()
    measured = measure_run(run, PaperEmbedder())
    assert table.select(measured, measure="clip_image_similarity")["round"].to_pylist() == [1, 3, 4]
    assert table.select(measured, measure="clip_step_similarity")["round"].to_pylist() == [1, 4]
    assert len(values(measured, measure="word_entropy")) == 4
    assert table.undefined(measured)["clip_image_similarity"] == 1


def test_the_files_read_back_as_the_table(tmp_path: Path) -> None:
    measured = measure_run(paper_run(tmp_path), PaperEmbedder())
    assert table.read(tmp_path).equals(measured)
    assert csv.read_csv(tmp_path / "measures.csv")["value"].to_pylist() == pytest.approx(measured["value"].to_pylist())
    assert not [file for file in tmp_path.iterdir() if file.name.startswith(".")]


def test_a_broken_cache_is_made_again(tmp_path: Path) -> None:
    run = paper_run(tmp_path)
    first = measure_run(run, PaperEmbedder())
    for part in (tmp_path / "cache").rglob("*.npz"):
        part.write_bytes(part.read_bytes()[:200])
    assert measure_run(run, PaperEmbedder()) == first


def test_another_embedder_has_a_cache_of_its_own(tmp_path: Path) -> None:
    run = paper_run(tmp_path)
    measure_run(run, PaperEmbedder(batch=4))
    measure_run(run, PaperEmbedder(batch=3))
    assert sorted(folder.name for folder in (tmp_path / "cache").iterdir()) == sorted(
        [*(f"{PaperEmbedder(batch=batch).recipe.hash}{part}" for batch in (3, 4) for part in ("", "-cut")), "brightness"]
    )


def test_reading_measures_that_are_not_there_says_how_to_make_them(tmp_path: Path) -> None:
    with pytest.raises(RunError, match="no measures yet; make them with: imageloop measure"):
        table.read(tmp_path)
    (tmp_path / table.PARQUET).write_bytes(b"not parquet")
    with pytest.raises(RunError, match="make it again with: imageloop measure"):
        table.read(tmp_path)


def test_a_number_that_is_not_finite_is_refused() -> None:
    rows = table.Rows()
    with pytest.raises(ValueError, match="is inf"):
        rows.add("a+b", "o", 0, "plain", 1, "word_entropy", float("inf"))


def test_the_summary_stands_at_the_last_round_all_chains_have(tmp_path: Path) -> None:
    run = paper_run(tmp_path, scenes=(SURFER, PENGUIN), pairs=PAIRS, rounds=12)
    keep_rounds(run, run.keys()[0], 9)
    measured = measure_run(run, PaperEmbedder())
    first, second = summary(measured)
    assert (first.pair, first.rounds, first.chains, first.originals) == ("sticker-blip+sticker-sana", 9, 4, 2)
    assert second.rounds == 12
    assert second.similarity is not None
    assert second.hop_1_loss is not None
    one = values(measured, pair=second.pair, measure="clip_image_similarity", round=1)
    assert second.hop_1_loss.mean == pytest.approx(1 - np.mean(one))
    assert second.truncated_share is not None
    assert second.truncated_share.mean == pytest.approx(4 / 12)
    assert second.chance is not None
    assert second.verdict.split(" ")[0] in {"kept", "lost"}


def test_chains_of_which_no_picture_is_left_are_summed_up_by_their_captions(tmp_path: Path) -> None:
    run = paper_run(tmp_path)
    for file in tmp_path.rglob("images/*.png"):
        file.unlink()
    (found,) = summary(measure_run(run, PaperEmbedder()))
    assert (found.measure, found.similarity, found.verdict) == (None, None, "not measured")
    assert (found.chains, found.rounds) == (2, 6)
    assert found.windowed_jsd is not None


def test_numbers_of_all_chains_end_where_the_first_chain_ends(tmp_path: Path) -> None:
    run = paper_run(tmp_path, rounds=6)
    keep_rounds(run, run.keys()[0], 3)
    assert table.select(measure_run(run, PaperEmbedder()), measure="vendi_score")["round"].to_pylist() == [1, 2, 3]


def test_a_run_without_rounds_has_an_empty_table(tmp_path: Path) -> None:
    run = paper_run(tmp_path, rounds=0)
    assert len(measure_run(run, PaperEmbedder())) == 0
    assert summary(table.read(tmp_path)) == []


def test_curves_have_an_estimate_wherever_some_chain_has_a_value(tmp_path: Path) -> None:
    run = paper_run(tmp_path, scenes=(SURFER, PENGUIN), rounds=6)
    keep_rounds(run, run.keys()[0], 3)
    found = curve(measure_run(run, PaperEmbedder()), "sticker-blip+sticker-sana", "plain", "clip_image_similarity")
    assert found.rounds == (1, 2, 3, 4, 5, 6)
    assert [estimate.n for estimate in found.means] == [2] * 6
    by_hand = np.mean([np.mean([found.chains[o, s][5] for s in (0, 1) if 5 in found.chains[o, s]]) for o in sorted(run.originals)])
    assert found.means[4].mean == pytest.approx(by_hand)
