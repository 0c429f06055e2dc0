"""Facts of the sticker world kept and lost: by hand, on runs on paper, and by the shipped judge."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from imageloop.cli.results import measured
from imageloop.measures import facts, measure_run, table
from imageloop.measures.concepts import WORDS, WORLD, content_words, fact_names
from imageloop.measures.facts import FACTS, ChainFacts, confusions, facts_of, facts_read, facts_said
from imageloop.measures.readings import concepts_of_run, facts_of_run, label, scenes_of, vocabulary_of, wants_judge
from imageloop.originals import scenes_named
from imageloop.records import Pixels, pixel_hash
from imageloop.stickers.captions import phrasings
from imageloop.stickers.judge import Judge, Reading
from imageloop.stickers.scenes import BACKGROUNDS, CONCEPTS, PLACES, STYLES, TINTS, Scene, draw
from imageloop.store import RunFolder
from tests.paper_run import SURFER, PaperEmbedder, paper_run, save

SCENES = st.builds(
    Scene,
    st.lists(st.sampled_from(CONCEPTS), min_size=1, max_size=3, unique=True).map(tuple),
    st.sampled_from(BACKGROUNDS),
    st.sampled_from(STYLES),
    st.sampled_from(TINTS),
)
START = Scene(("cat", "moai"), "beach", "ink")


def seen(scene: Scene) -> Reading:
    return Reading(dict(zip(scene.places, scene.objects, strict=True)), scene.background, scene.style, scene.tint)


def history(start: Scene, *rounds: tuple[Scene, Scene | None]) -> ChainFacts:
    """A chain that says and draws these scenes; None is a picture that was not read."""
    said = facts_said([phrasings(scene, "long")[0] for scene, _ in rounds])
    labels = np.stack([np.full(facts.LABELS, np.nan) if drawn is None else label(seen(drawn)) for _, drawn in rounds])
    known = np.isfinite(labels).all(axis=1)
    pictures = facts_read(labels)
    places = np.where(known[:, None], labels[:, : len(facts.PLACES)], facts.NOTHING).astype(int)
    shown = np.concatenate([facts_of(start)[None], pictures[:-1]])
    return ChainFacts(start, shown, np.concatenate([[True], known[:-1]]), said, said, pictures, known, places)


@dataclass
class Oracle:
    """A judge that knows the drawings of some scenes and takes everything else for a cat. Counts the pictures it was shown."""

    scenes: Sequence[Scene] = ()
    fingerprint: str = "0123"
    shown: int = 0

    def read(self, images: np.ndarray) -> list[Reading]:
        known = {draw(scene).tobytes(): scene for scene in self.scenes}
        assert images.shape[1:] == (64, 64, 3)
        self.shown += len(images)
        return [seen(known.get(image.tobytes(), Scene(("cat",), "beach", "ink"))) for image in images]


def rename_generator(run: RunFolder, name: str) -> RunFolder:
    content = json.loads((run.path / "run.json").read_text())
    for recipe in content["recipes"].values():
        if recipe["role"] == "generator":
            recipe["name"] = name
    (run.path / "run.json").write_text(json.dumps(content))
    return RunFolder.open(run.path)


def values(measured: pa.Table, name: str) -> list[float]:
    return table.select(measured, measure=name)["value"].to_pylist()


def test_no_two_facts_share_a_name() -> None:
    assert len(set(FACTS)) == len(FACTS) == 83


@given(SCENES)
def test_a_scene_said_and_a_scene_read_have_the_scenes_facts(scene: Scene) -> None:
    for length in ("short", "long"):
        assert np.array_equal(facts_said([phrasings(scene, length)[0]])[0], facts_of(scene))
    assert np.array_equal(facts_read(label(seen(scene))[None])[0], facts_of(scene))


def test_what_was_not_read_shows_nothing_and_counts_as_unknown() -> None:
    chain = history(START, (START, None), (START, START))
    assert not chain.pictures[0].any()
    assert np.isnan(facts.kept_in_pictures(chain)).tolist() == [True, False]
    assert np.isnan(facts.objects_invented(chain)).tolist() == [True, False]
    assert np.isnan(facts.lost_by_generator(chain)).tolist() == [True, False]
    assert np.isnan(facts.lost_by_captioner(chain)).tolist() == [False, True]


def test_shares_of_facts_kept_are_those_counted_by_hand() -> None:
    without = replace(START, objects=("cat", "owl"), background="sea")
    chain = history(START, (START, START), (START, without), (without, without))
    assert facts.kept_in_pictures(chain) == pytest.approx([1, 3 / 5, 3 / 5])
    assert facts.kept(START, chain.captions) == pytest.approx([1, 1, 3 / 5])
    assert facts.kept_in_pictures(chain, objects_only=True) == pytest.approx([1, 0.5, 0.5])
    assert facts.kept_in_pictures(chain, rarity="common") == pytest.approx([1, 1, 1])
    assert facts.kept_in_pictures(chain, rarity="rare") == pytest.approx([1, 0, 0])
    assert np.isnan(facts.kept_in_pictures(chain, rarity="middle")).all()
    assert facts.objects_invented(chain).tolist() == [0, 1, 1]


def test_each_loss_is_the_captioners_or_the_generators() -> None:
    no_moai, at_sea = replace(START, objects=("cat",)), replace(START, objects=("owl",), background="sea")
    chain = history(START, (no_moai, no_moai), (no_moai, at_sea), (no_moai, START))
    assert facts.lost_by_captioner(chain).tolist() == [1, 0, 2]
    assert facts.lost_by_generator(chain).tolist() == [0, 2, 0]
    assert facts.lost_by_captioner(chain, of_scene=True).tolist() == [1, 0, 0]
    assert facts.lost_by_generator(chain, of_scene=True).tolist() == [0, 2, 0]


def test_what_stands_at_the_place_of_a_lost_object_is_counted() -> None:
    swapped = history(START, (START, replace(START, objects=("moai", "owl"))))
    alone = history(START, (START, START), (START, replace(START, objects=("cat",))))
    assert confusions([swapped]) == {("cat", "moai"): 1}
    assert confusions([alone]) == {("moai", None): 1}
    assert confusions([swapped, swapped, alone]) == {("cat", "moai"): 2, ("moai", None): 1}
    assert confusions([alone], round=1) == {}
    assert confusions([history(START, (START, None))]) == {}


def test_the_scenes_of_a_run_are_found_by_their_pixels(tmp_path: Path) -> None:
    run = paper_run(tmp_path, scenes=(SURFER, START), texts=("two cats",))
    assert scenes_of(run) == {"scene-00000000": SURFER}, "the plan names the surfer only"
    content = json.loads((tmp_path / "run.json").read_text())
    content["plan"]["originals"] += ["stickers:cat, moai; beach; ink", "photo.jpg", "stickers:unicorn; beach; ink"]
    (tmp_path / "run.json").write_text(json.dumps(content))
    assert scenes_of(RunFolder.open(tmp_path)) == {"scene-00000000": SURFER, "scene-00000001": START}


def test_a_plan_names_the_same_scenes_always() -> None:
    assert scenes_named("stickers:sample 3 seed 5") == scenes_named("stickers: sample 5 seed 5")[:3]
    assert scenes_named("stickers:cat, moai; beach; ink") == [START]


def test_chains_outside_the_world_have_no_facts(tmp_path: Path) -> None:
    run = paper_run(tmp_path, scenes=(SURFER,), texts=("two cats",), seeds=1)
    assert wants_judge(run)
    assert [key.original for key in facts_of_run(run, Oracle())] == ["scene-00000000"]
    elsewhere = rename_generator(run, "sd15")
    assert not wants_judge(elsewhere)
    oracle = Oracle()
    assert facts_of_run(elsewhere, oracle) == {}
    assert oracle.shown == 0
    key = run.keys()[0]
    assert (vocabulary_of(run, key), vocabulary_of(elsewhere, key)) == (WORLD, WORDS)
    said = run.rounds(key)[0].caption
    assert set(concepts_of_run(run)[key].names) == fact_names(said)
    assert set(concepts_of_run(elsewhere)[key].names) == content_words(said) != fact_names(said)


def test_each_picture_is_read_once_in_batches_of_one_shape(tmp_path: Path) -> None:
    run = paper_run(tmp_path, seeds=2, rounds=5)
    oracle = Oracle()
    first = facts_of_run(run, oracle)
    assert oracle.shown == 64
    again = facts_of_run(run, oracle)
    assert oracle.shown == 64
    without = facts_of_run(run)
    for key, chain in first.items():
        assert np.array_equal(chain.pictures, again[key].pictures)
        assert np.array_equal(chain.pictures, without[key].pictures)
        assert chain.pictures_known.all()
    facts_of_run(run, Oracle(fingerprint="4567"))
    assert sorted(folder.name for folder in (tmp_path / "cache").iterdir()) == ["judge-0123", "judge-4567"]


def test_without_a_judge_and_its_cache_pictures_are_unknown_but_captions_are_not(tmp_path: Path) -> None:
    (chain,) = facts_of_run(paper_run(tmp_path, seeds=1)).values()
    assert not chain.pictures_known.any()
    assert chain.seen_known.tolist() == [True, *[False] * 5]
    assert chain.captions.any(axis=1).all()


def test_pictures_that_are_missing_damaged_or_of_another_size_are_unknown(tmp_path: Path) -> None:
    run = paper_run(tmp_path, seeds=1, rounds=4)
    chain = run.chain_path(run.keys()[0])
    (chain / "images/000001.png").unlink()
    (chain / "images/000002.png").write_bytes(b"no picture")
    large = draw(SURFER).repeat(2, axis=0).repeat(2, axis=1)
    save(chain / "images/000004.png", large)
    lines = (chain / "rounds.jsonl").read_text().splitlines(keepends=True)
    own = json.loads(lines[3])["pictures"][0]["pixels"]
    (chain / "rounds.jsonl").write_text("".join([*lines[:3], lines[3].replace(own, pixel_hash(large))]))
    (found,) = facts_of_run(run, Oracle()).values()
    assert found.pictures_known.tolist() == [False, False, True, False]


def test_the_captioner_is_judged_by_what_it_was_shown(tmp_path: Path) -> None:
    run = paper_run(tmp_path, seeds=1, rounds=3)
    (chain,) = facts_of_run(run, Oracle()).values()
    assert np.array_equal(chain.seen[0], facts_of(SURFER)), "the original's facts are the truth, whatever a judge says"
    assert np.array_equal(chain.seen[1:], chain.pictures[:-1])


def test_a_measured_run_has_facts_only_with_a_judge_and_says_how_many_values_are_missing(tmp_path: Path) -> None:
    run = paper_run(tmp_path, seeds=2, rounds=4)
    without = measure_run(run, PaperEmbedder())
    assert values(without, "fact_survival_picture") == []
    assert table.undefined(without)["fact_survival_picture"] == 8
    assert len(values(without, "fact_survival_caption")) == 8
    judged = measure_run(run, PaperEmbedder(), judge=Oracle())
    assert len(values(judged, "fact_survival_picture")) == 8
    assert set(values(judged, "object_survival_picture")) == {0.0}
    assert set(values(judged, "object_invention")) == {1.0}
    assert values(judged, "concept_survival")[0] == 1


@pytest.fixture(scope="module")
def judge() -> Judge:
    return Judge()


def pictures(scenes: Sequence[Scene]) -> Pixels:
    return np.stack([draw(scene) for scene in scenes])


def test_the_shipped_judge_reads_every_place_background_style_and_tint(judge: Judge) -> None:
    rng = np.random.default_rng(8)
    scenes = [
        Scene(
            tuple(CONCEPTS[i] for i in rng.choice(64, size=1 + number % 3, replace=False)),
            BACKGROUNDS[number % 12],
            STYLES[number % 3],
            TINTS[number % 4],
        )
        for number in range(24)
    ]
    rows = facts_read(np.stack([label(reading) for reading in judge.read(pictures(scenes))]))
    assert np.array_equal(rows, np.stack([facts_of(scene) for scene in scenes]))
    assert {place for scene in scenes for place in scene.places} == {place for places in PLACES.values() for place in places}


def test_the_command_measures_a_run_of_the_world_with_the_shipped_judge(
    tmp_path: Path, judge: Judge, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("imageloop.asking.load_model", lambda role, spec, plan: PaperEmbedder())
    run = paper_run(tmp_path, seeds=1, rounds=3)
    found = measured(run)
    truth = table.select(found, measure="fact_survival_picture")["value"].to_pylist()
    said = table.select(found, measure="fact_survival_caption")["value"].to_pylist()
    assert truth == said, "on paper each picture is drawn as its caption says"
    assert set(values(found, "facts_lost_by_generator")) == {0.0}
    assert [folder.name for folder in (tmp_path / "cache").glob("judge-*")] == [f"judge-{judge.fingerprint}"]
