"""Concepts of the first caption: how long they last, against closed forms and against lifelines."""

import ast
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from lifelines import KaplanMeierFitter

from imageloop.measures.concepts import RARITIES, STOP_WORDS, WORDS, WORLD, ChainConcepts, concepts_of, content_words, rarity_of_word
from imageloop.measures.survival import (
    invention,
    kaplan_meier,
    lifetimes,
    lifetimes_for_good,
    resurrected_share,
    survival,
    survival_curves,
)

A = B = "a man riding a wave on a surfboard"
C = "a surfer on a wave"
D = "a person in the ocean"
LIVES = st.lists(st.tuples(st.integers(1, 12), st.booleans()), min_size=1, max_size=40)


def test_concepts_survive_as_worked_out_by_hand() -> None:
    chain = concepts_of([A, B, C, D], WORDS)
    assert chain.names == ("man", "riding", "surfboard", "wave")
    assert survival(chain) == pytest.approx([1, 1, 0.25, 0])
    assert invention(chain)[1:].tolist() == [0, 1, 2]
    assert np.isnan(invention(chain)[0])


def test_a_concept_is_lost_at_its_first_absence_or_for_good_at_its_last() -> None:
    present = np.array([[1, 1, 1, 1], [1, 0, 1, 0], [1, 1, 0, 0], [1, 1, 0, 0]], dtype=bool)
    durations, lost = lifetimes(present)
    assert (durations.tolist(), lost.tolist()) == ([4, 2, 3, 2], [False, True, True, True])
    durations, lost = lifetimes_for_good(present)
    assert (durations.tolist(), lost.tolist()) == ([4, 4, 3, 2], [False, False, True, True])


def test_what_comes_back_is_told() -> None:
    present = np.array([[1, 1, 1, 1], [1, 0, 1, 0], [1, 1, 0, 1], [1, 1, 0, 0]], dtype=bool)
    chain = ChainConcepts(("a", "b", "c", "d"), (None,) * 4, present, np.zeros(4, dtype=int))
    assert resurrected_share(chain) == pytest.approx(2 / 3)
    kept = ChainConcepts(("a",), (None,), present[:, :1], np.zeros(4, dtype=int))
    assert np.isnan(resurrected_share(kept))


def test_without_losses_before_an_end_the_curve_is_the_share_that_is_left() -> None:
    curve = kaplan_meier(np.array([2, 2, 3, 5]), np.ones(4, dtype=bool))
    assert curve.rounds.tolist() == [0, 2, 3, 5]
    assert curve.survival == pytest.approx([1, 0.5, 0.25, 0])
    assert [curve.at(number) for number in (0, 1, 2, 4, 5, 99)] == pytest.approx([1, 1, 0.5, 0.25, 0, 0])
    assert curve.median == 2


def test_censored_lifetimes_leave_the_risk_set_after_the_losses_of_their_round() -> None:
    curve = kaplan_meier(np.array([2, 2, 4]), np.array([True, False, True]))
    assert curve.at_risk.tolist() == [3, 3, 1]
    assert curve.lost.tolist() == [0, 1, 1]
    assert curve.survival == pytest.approx([1, 2 / 3, 0])
    assert kaplan_meier(np.array([3, 3]), np.array([False, False])).median is None
    with pytest.raises(ValueError, match="no lifetimes"):
        kaplan_meier(np.array([], dtype=int), np.array([], dtype=bool))


@given(LIVES)
def test_curves_and_intervals_are_those_of_lifelines(lives: list[tuple[int, bool]]) -> None:
    durations, observed = [list(column) for column in zip(*lives, strict=True)]
    curve = kaplan_meier(np.array(durations), np.array(observed))
    theirs = KaplanMeierFitter().fit(durations, observed)
    expected = theirs.survival_function_["KM_estimate"]
    assert curve.rounds.tolist() == expected.index.tolist()
    assert curve.survival == pytest.approx(expected.to_numpy(), abs=1e-9)
    assert curve.at_risk[1:].tolist() == theirs.event_table["at_risk"].tolist()[1:]
    low, high = theirs.confidence_interval_.to_numpy().T
    inner = (curve.survival > 0) & (curve.survival < 1)
    assert curve.low[inner] == pytest.approx(low[inner], abs=1e-9)
    assert curve.high[inner] == pytest.approx(high[inner], abs=1e-9)


@given(LIVES)
def test_an_interval_holds_its_curve_within_nothing_and_all(lives: list[tuple[int, bool]]) -> None:
    curve = kaplan_meier(np.array([life for life, _ in lives]), np.array([lost for _, lost in lives]))
    assert (curve.low >= 0).all()
    assert (curve.low <= curve.survival + 1e-12).all()
    assert (curve.survival <= curve.high + 1e-12).all()
    assert (curve.high <= 1).all()
    assert (np.diff(curve.survival) <= 0).all()


def test_curves_are_pooled_over_chains_and_parted_by_rarity() -> None:
    scenes = ["ink of a cat and a moai in the snow", "ink of a cat in the snow", "ink of a dog in the snow"]
    found = survival_curves([concepts_of(scenes, WORLD), concepts_of(["cartoon of a moai on the sea"] * 3, WORLD)])
    assert set(found) == {"all", "common", "rare"}
    assert found["common"].at(2) == 1
    assert found["common"].at(3) == 0
    assert [found["rare"].at(number) for number in (1, 2, 3)] == [1, 0.5, 0.5]
    assert found["all"].at_risk[0] == 5 + 4
    assert survival_curves([concepts_of(["…"], WORDS)]) == {}


def test_in_the_sticker_world_concepts_are_facts_and_objects_have_a_rarity() -> None:
    chain = concepts_of(["a cat and a moai in the snow, ink drawing", "cats at the beach in pink light"], WORLD)
    assert dict(zip(chain.names, chain.rarity, strict=True)) == {
        "cat": "common",
        "moai": "rare",
        "snow": None,
        "ink": None,
        "daylight": None,
    }
    assert survival(chain)[1] == pytest.approx(1 / 5)
    assert survival(chain, "common").tolist() == [1, 1]
    assert survival(chain, "rare").tolist() == [1, 0]
    assert np.isnan(survival(chain, "middle")).all()
    assert invention(chain)[1] == 2


def test_a_first_caption_without_concepts_has_no_survival_and_no_captions_no_rounds() -> None:
    chain = concepts_of(["of the", "a cat"], WORDS)
    assert np.isnan(survival(chain)).all()
    assert invention(chain)[1] == 1
    assert np.isnan(resurrected_share(chain))
    assert survival(concepts_of([], WORDS)).shape == (0,)


def test_what_comes_again_is_no_invention() -> None:
    assert invention(concepts_of(["a cat", "a dog", "a cat", "a dog and an owl"], WORDS))[1:].tolist() == [1, 0, 1]


def test_stop_words_name_nothing_and_styles_do() -> None:
    assert content_words("There is a photo of the cat, in a drawing") == {"cat", "drawing"}
    assert all(word == word.lower() and word.isalpha() for word in STOP_WORDS)


def test_rarity_of_words_follows_the_vocabulary_of_clip() -> None:
    found = {word: rarity_of_word(word) for word in ("man", "dog", "beach", "penguin", "lighthouse", "frisbee", "axolotl", "moai")}
    assert [found[word] for word in ("man", "dog", "beach")] == ["common"] * 3
    assert [found[word] for word in ("penguin", "lighthouse")] == ["middle"] * 2
    assert [found[word] for word in ("frisbee", "axolotl", "moai")] == ["rare"] * 3


def test_the_words_of_class_names_are_parted_into_thirds() -> None:
    # Read, not imported: open_clip brings torch.
    source = Path(find_spec("open_clip").origin).with_name("zero_shot_metadata.py").read_text()
    given = next(node.value for node in ast.parse(source).body if ast.unparse(node).startswith("IMAGENET_CLASSNAMES"))
    words = {word for name in ast.literal_eval(given) for word in content_words(name) if word.isalpha() and len(word) > 2}
    shares = [np.mean([rarity_of_word(word) == rarity for word in words]) for rarity in RARITIES]
    assert len(words) == 1212
    assert shares == pytest.approx([1 / 3] * 3, abs=0.02)


def test_without_the_vocabulary_rarity_is_unknown(monkeypatch: pytest.MonkeyPatch) -> None:
    from imageloop.measures import concepts

    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    concepts._ranks.cache_clear()
    try:
        chain = concepts_of(["a man", "a dog"], WORDS)
    finally:
        concepts._ranks.cache_clear()
    assert chain.rarity == (None,)
    assert np.isnan(survival(chain, "common")).all()
