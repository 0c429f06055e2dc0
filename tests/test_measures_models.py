"""Measures that need more than one embedder or a control, and what the table tells of the models it was made by."""

import dataclasses
import json
import shutil
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from imageloop.errors import RunError
from imageloop.measures import MEASURES, measure_run, table
from imageloop.measures.clipscore import PREFIX
from imageloop.records import ChainKey, Pixels, Recipe
from imageloop.stickers.scenes import Scene
from imageloop.store import RunFolder
from tests.paper_run import SURFER, PaperEmbedder, keep_rounds, paper_run, unit

PENGUIN = Scene(("penguin",), "night", "ink")


class Grey:
    """A second eye that sees brightness only, and no texts."""

    def __init__(self) -> None:
        self.recipe = Recipe("embedder", "grey", "paper", "grey", "1", "fp32", "cpu", 3)

    def embed_images(self, images: Sequence[Pixels]) -> np.ndarray:
        return unit(np.array([[image.mean(), 255.0] for image in images]))

    def embed_texts(self, texts: Sequence[str]) -> np.ndarray:
        raise AssertionError("a second eye is shown no texts")

    def truncated(self, texts: Sequence[str]) -> list[bool]:
        raise AssertionError("a second eye is shown no texts")


class Letters:
    """A sentence embedder that counts the letters of the first twelve characters."""

    recipe = Recipe("text-embedder", "letters", "paper", "letters", "1", "fp32", "cpu", 2)

    def embed_texts(self, texts: Sequence[str]) -> np.ndarray:
        assert len(texts) == 2
        return unit(np.array([[1 + text[:12].count(letter) for letter in "aeiou"] for text in texts], np.float64))

    def truncated(self, texts: Sequence[str]) -> list[bool]:
        return [len(text) > 12 for text in texts]


class Cut(PaperEmbedder):
    """Reads five words."""

    def truncated(self, texts: Sequence[str]) -> list[bool]:
        return [len(text.split()) > 5 for text in texts]


def values(measured: pa.Table, **cells: str | int) -> list[float]:
    return table.select(measured, **cells)["value"].to_pylist()


def with_floor(run: RunFolder, key: ChainKey, rounds: int = 3) -> RunFolder:
    """The chain again as its own control, cut short."""
    control = dataclasses.replace(key, arm="floor")
    shutil.copytree(run.chain_path(key), run.chain_path(control))
    keep_rounds(run, control, rounds)
    return RunFolder.open(run.path)


def test_the_floor_and_the_retention_it_normalises_belong_to_their_own_chain(tmp_path: Path) -> None:
    run = paper_run(tmp_path, scenes=(SURFER, PENGUIN), seeds=1)
    key = run.keys()[0]
    measured = measure_run(with_floor(run, key), PaperEmbedder())
    similarities = values(measured, measure="clip_image_similarity", original=key.original, arm="plain")
    (floor,) = values(measured, measure="floor_image_similarity")
    assert floor == pytest.approx(np.mean(similarities[:3]))
    chance = np.mean([values(measured, measure="chance_image_similarity", original=name, arm="plain") for name in run.originals], axis=0)
    expected = [(s - c) / (floor - c) for s, c in zip(similarities, chance, strict=True) if abs(floor - c) >= 0.05]
    assert expected
    assert values(measured, measure="normalised_retention") == pytest.approx(expected)
    assert table.undefined(measured)["floor_image_similarity"] == 2


def test_the_floor_of_a_chain_from_a_text_is_measured_against_the_text(tmp_path: Path) -> None:
    run = paper_run(tmp_path, scenes=(), texts=("a surfer under a palm tree", "two cats"), seeds=1)
    key = run.keys()[0]
    measured = measure_run(with_floor(run, key), PaperEmbedder())
    drawn = values(measured, measure="text_to_image_similarity", original=key.original, arm="plain")
    assert values(measured, measure="floor_text_to_image_similarity") == pytest.approx([np.mean(drawn[:3])])
    assert not values(measured, measure="normalised_retention")


def test_losses_and_drift_are_those_of_the_rounds(tmp_path: Path) -> None:
    run = paper_run(tmp_path, seeds=1, rounds=5)
    measured = measure_run(run, PaperEmbedder(batch=1))
    key = run.keys()[0]
    pixels = [run.picture(key, turn.picture) for turn in run.rounds(key) if turn.picture]
    first, last = (PaperEmbedder(batch=1).embed_images([pixels[place]])[0] for place in (0, -1))
    assert values(measured, measure="hop_1_loss") == pytest.approx([1 - values(measured, measure="clip_image_similarity")[0]])
    assert values(measured, measure="inner_drift") == pytest.approx([1 - first @ last], abs=1e-6)


def test_a_captioner_that_was_shown_something_else_is_judged_by_that(tmp_path: Path) -> None:
    run = paper_run(tmp_path, seeds=1, rounds=3)
    key = run.keys()[0]
    file = run.chain_path(key) / "rounds.jsonl"
    lines = [json.loads(line) for line in file.read_text().splitlines()]
    lines[2] |= {"saw": lines[0]["saw"], "acts": [{"arm": "reanchor"}]}
    file.write_text("".join(json.dumps(line) + "\n" for line in lines))
    measured = measure_run(run, PaperEmbedder())
    retention = values(measured, measure="caption_retention", round=3)
    assert values(measured, measure="caption_grounding", round=3) == pytest.approx(retention)


def test_hessels_score_reads_the_prefix_and_torchmetrics_does_not(tmp_path: Path) -> None:
    run = paper_run(tmp_path, seeds=1, rounds=2)
    key = run.keys()[0]
    embedder = PaperEmbedder(batch=1)
    turn = run.rounds(key)[0]
    assert turn.picture is not None
    drawn = embedder.embed_images([run.picture(key, turn.picture)])[0]
    plain, prefixed = (embedder.embed_texts([text])[0] for text in (turn.caption, PREFIX + turn.caption))
    measured = measure_run(run, embedder)
    assert values(measured, measure="clipscore_hessel", round=1) == pytest.approx([2.5 * max(prefixed @ drawn, 0)], abs=1e-6)
    assert values(measured, measure="clipscore_torchmetrics", round=1) == pytest.approx([100 * max(plain @ drawn, 0)], abs=1e-4)
    assert plain @ drawn != pytest.approx(prefixed @ drawn)


def test_a_second_eye_sees_pictures_and_no_texts(tmp_path: Path) -> None:
    run = paper_run(tmp_path, seeds=1, rounds=3)
    measured = measure_run(run, PaperEmbedder(), eye=Grey())
    key = run.keys()[0]
    pictures = [run.originals[key.original].pixels, *(run.picture(key, turn.picture) for turn in run.rounds(key) if turn.picture)]
    rows = Grey().embed_images([pixels for pixels in pictures if pixels is not None])
    assert values(measured, measure="eye_image_similarity") == pytest.approx(list(rows[1:] @ rows[0]), abs=1e-6)
    assert not values(measure_run(run, PaperEmbedder()), measure="eye_image_similarity")


def test_sentences_are_compared_with_the_first_and_counted_where_cut(tmp_path: Path) -> None:
    run = paper_run(tmp_path, seeds=1, rounds=4)
    measured = measure_run(run, PaperEmbedder(), sentences=Letters())
    captions = [turn.caption for turn in run.rounds(run.keys()[0])]
    rows = np.concatenate([Letters().embed_texts([caption, caption])[:1] for caption in captions])
    assert values(measured, measure="sentence_similarity") == pytest.approx(list(rows @ rows[0]), abs=1e-6)
    assert values(measured, measure="sentences_truncated_share") == [1]


def test_captions_that_the_embedder_cuts_are_counted(tmp_path: Path) -> None:
    run = paper_run(tmp_path, scenes=(), texts=("a surfer",), seeds=1, rounds=4)
    assert values(measure_run(run, Cut()), measure="embedder_truncated_share") == [0.75]


def test_candidate_captions_have_entropies_and_a_single_one_has_none(tmp_path: Path) -> None:
    several = measure_run(paper_run(tmp_path / "a", captions=4, rounds=5), PaperEmbedder())
    for name in ("semantic_entropy", "fact_entropy"):
        found = values(several, measure=name)
        assert len(found) == 10
        assert 0 < max(found) <= np.log(4) + 1e-9
    single = measure_run(paper_run(tmp_path / "b"), PaperEmbedder())
    assert not {"semantic_entropy", "fact_entropy"} & set(single["measure"].to_pylist())


def test_token_entropy_is_the_kept_captions(tmp_path: Path) -> None:
    run = paper_run(tmp_path, seeds=1, rounds=2)
    file = run.chain_path(run.keys()[0]) / "rounds.jsonl"
    lines = [json.loads(line) for line in file.read_text().splitlines()]
    lines[1]["captions"][0]["entropy"] = 0.7
    file.write_text("".join(json.dumps(line) + "\n" for line in lines))
    found = table.select(measure_run(run, PaperEmbedder()), measure="token_entropy")
    assert (found["round"].to_pylist(), found["value"].to_pylist()) == ([2], [0.7])


def test_a_pair_with_both_kinds_of_original_has_a_mean_cumulative_drift(tmp_path: Path) -> None:
    run = paper_run(tmp_path, texts=("a surfer under a palm tree",), seeds=1, rounds=4)
    measured = measure_run(run, PaperEmbedder(), eye=Grey(), sentences=Letters())

    def mean(name: str) -> float:
        return float(np.mean(values(measured, measure=name)))

    between = [mean("text_to_image_similarity"), mean("caption_retention")]
    texts = [np.mean(values(measured, measure="text_to_caption_similarity")[1:]), mean("clip_image_similarity")]
    assert values(measured, measure="mean_cumulative_drift") == pytest.approx([np.mean([*between, *texts])])
    sentences = table.select(measured, measure="sentence_similarity", original="text-00000000")["value"].to_pylist()
    three = [np.mean(sentences[1:]), mean("eye_image_similarity")]
    assert values(measured, measure="mean_cumulative_drift_three") == pytest.approx([np.mean([*between, *three])])


def test_brightness_is_regressed_from_the_originals_to_the_last_pictures(tmp_path: Path) -> None:
    scenes = [SURFER, PENGUIN, Scene(("cat",), "night", "cartoon"), Scene(("dog", "balloon"), "desert", "ink")]
    run = paper_run(tmp_path, scenes=scenes, seeds=1)
    measured = measure_run(run, PaperEmbedder())
    pixels = [(run.originals[key.original].pixels, run.picture(key, run.rounds(key)[-1].picture)) for key in run.keys()]  # noqa: SIM118
    light = np.array([[(image @ [0.2126, 0.7152, 0.0722]).mean() / 255 for image in both] for both in pixels])
    slope, intercept = np.polyfit(light[:, 0], light[:, 1], 1)
    assert values(measured, measure="attractor_brightness_strength") == pytest.approx([1 - abs(slope)], abs=1e-4)
    if abs(slope) < 1:
        assert values(measured, measure="attractor_brightness_position") == pytest.approx([intercept / (1 - slope)], abs=1e-4)


def test_the_table_says_by_which_models_and_definitions_it_was_made(tmp_path: Path) -> None:
    run = paper_run(tmp_path)
    measure_run(run, PaperEmbedder(), eye=Grey(), sentences=Letters())
    found = table.read(tmp_path)
    assert {role: recipe["name"] for role, recipe in table.recipes(found).items()} == {
        "embedder": "paper",
        "eye": "grey",
        "text-embedder": "letters",
    }
    assert table.versions(found) == {name: measure.version for name, measure in MEASURES.items()}


def test_only_the_measures_that_are_named_are_measured(tmp_path: Path) -> None:
    run = paper_run(tmp_path)
    found = measure_run(run, PaperEmbedder(), measures=("vendi_score", "word_entropy"))
    assert set(found["measure"].to_pylist()) == set(table.versions(found)) == {"vendi_score", "word_entropy"}


def test_a_measure_that_does_not_exist_is_refused_with_the_nearest(tmp_path: Path) -> None:
    run = paper_run(tmp_path)
    with pytest.raises(RunError, match="no measure is called 'vendi'; did you mean vendi_score"):
        measure_run(run, PaperEmbedder(), measures=("vendi",))
    with pytest.raises(RunError, match="names none"):
        measure_run(run, PaperEmbedder(), measures=())
    assert not (tmp_path / table.PARQUET).exists()
