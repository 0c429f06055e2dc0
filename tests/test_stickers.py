"""The sticker world: scenes, pictures, captions and the parser."""

import statistics
import time
from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from imageloop.stickers.captions import describe, parse, phrasings, vocabulary
from imageloop.stickers.scenes import (
    BACKGROUNDS,
    CONCEPTS,
    FREQUENCIES,
    STYLES,
    TINT_MATRICES,
    TINTS,
    Scene,
    draw,
    is_heldout,
    rarity_tercile,
    sample,
)

SCENES = st.builds(
    Scene,
    st.lists(st.sampled_from(CONCEPTS), min_size=1, max_size=3, unique=True).map(tuple),
    st.sampled_from(BACKGROUNDS),
    st.sampled_from(STYLES),
    st.sampled_from(TINTS),
)


@given(SCENES, st.sampled_from(["short", "long"]))
def test_every_caption_parses_back_to_its_scene(scene: Scene, length: str) -> None:
    for text in phrasings(scene, length):
        assert parse(text).scene() == scene


@given(SCENES)
def test_captions_use_only_words_of_the_vocabulary(scene: Scene) -> None:
    known = set(vocabulary())
    for text in (*phrasings(scene, "short"), *phrasings(scene, "long")):
        assert set(text.replace(",", " , ").split()) <= known


@pytest.mark.parametrize(
    ("text", "objects", "background", "style", "tint"),
    [
        ("Two CATS and a surfer!", ("cat", "surfer"), None, None, None),
        ("a cat a cat a cat in the snow", ("cat",), "snow", None, "daylight"),
        ("monochrome palm trees at a beach", ("palm tree",), "beach", None, "mono"),
        ("an ink drawing , pink , of a birthday cake in the forest on purple dots", ("birthday cake",), "forest", "ink", "pink"),
        ("a catalogue of carpets", (), None, None, None),
        ("", (), None, None, None),
        ("sunflower starfish", ("sunflower",), None, None, None),
    ],
)
def test_the_parser_reads_what_models_write(text: str, objects: tuple[str, ...], background: str, style: str, tint: str) -> None:
    facts = parse(text)
    assert (facts.objects, facts.background, facts.style, facts.tint) == (objects, background, style, tint)


@given(SCENES)
def test_a_picture_without_jitter_is_always_the_same(scene: Scene) -> None:
    first = draw(scene)
    assert first.shape == (64, 64, 3)
    assert first.dtype == np.uint8
    assert np.array_equal(first, draw(scene))


def test_every_style_background_tint_and_concept_changes_the_picture() -> None:
    pictures = [draw(Scene((concept,), "teal", style)).tobytes() for concept in CONCEPTS for style in STYLES]
    pictures += [draw(Scene(("cat",), background, "ink", tint)).tobytes() for background in BACKGROUNDS[:-1] for tint in TINTS]
    assert len(set(pictures)) == len(pictures)


def test_monochrome_is_grey_and_white_stays_white_in_no_tint_but_daylight_and_monochrome() -> None:
    grey = draw(Scene(("crab",), "beach", "cartoon", "mono")).astype(int)
    assert np.ptp(grey, axis=2).max() <= 1
    white = {tint: tuple(np.round(matrix @ np.full(3, 255.0))) for tint, matrix in TINT_MATRICES.items()}
    assert white["daylight"] == white["mono"] == (255, 255, 255)
    assert white["pink"][0] > white["pink"][1]


def test_training_scenes_hold_no_held_out_pair_and_held_out_scenes_hold_one() -> None:
    rng = np.random.default_rng(3)
    for _ in range(500):
        scene = sample(rng, "train")
        assert not any(is_heldout(concept, scene.background) for concept in scene.objects)
        scene = sample(rng, "heldout")
        assert is_heldout(scene.objects[0], scene.background)
    assert all(sum(is_heldout(concept, background) for background in BACKGROUNDS) == 1 for concept in CONCEPTS)


def test_concepts_follow_the_long_tail_of_the_file() -> None:
    rng = np.random.default_rng(4)
    firsts = Counter(sample(rng).objects[0] for _ in range(20_000))
    # The first of a scene's objects is drawn straight from the frequencies; 5 standard deviations over 64 concepts.
    for concept, frequency in zip(CONCEPTS, FREQUENCIES, strict=True):
        assert abs(firsts[concept] / 20_000 - frequency) < 5 * (frequency / 20_000) ** 0.5 + 0.004
    assert FREQUENCIES[0] > 8 * FREQUENCIES[-1]
    assert Counter(map(rarity_tercile, CONCEPTS)) == {"common": 22, "middle": 21, "rare": 21}


def test_a_scene_is_drawn_in_well_under_a_millisecond() -> None:
    rng = np.random.default_rng(5)
    scenes = [sample(rng) for _ in range(200)]
    for scene in scenes:
        draw(scene, rng)
    times = []
    for scene in scenes:
        start = time.process_time()
        draw(scene, rng)
        times.append(time.process_time() - start)
    assert statistics.median(times) < 0.001


@pytest.mark.parametrize(
    "parts", [((), "beach", "ink"), (("cat",) * 4, "beach", "ink"), (("zebra",), "beach", "ink"), (("cat",), "moon", "ink")]
)
def test_a_scene_of_another_world_is_refused(parts: tuple[tuple[str, ...], str, str]) -> None:
    with pytest.raises(ValueError, match=r"a scene has 1 to 3 objects|the sticker world has no"):
        Scene(*parts)


def test_captions_come_in_all_phrasings() -> None:
    rng = np.random.default_rng(6)
    scene = Scene(("surfer", "palm tree"), "beach", "cartoon", "pink")
    assert {describe(scene, rng) for _ in range(200)} == {*phrasings(scene, "short"), *phrasings(scene, "long")}
