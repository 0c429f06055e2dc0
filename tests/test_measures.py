"""Every measure against a closed form, an identity or a property."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from imageloop.measures import MEASURES
from imageloop.measures.entropy import (
    caption_identity_entropy,
    caption_jsd,
    effective_captions,
    entropy,
    pooled_word_entropy,
    windowed_caption_jsd,
    word_entropy,
    words,
)
from imageloop.measures.similarity import chance, pairwise, to_one, to_previous

A = B = "a man riding a wave on a surfboard"
C = "a surfer on a wave"
D = "a person in the ocean"

CAPTIONS = st.lists(st.text("abc xyz.9", min_size=1, max_size=30).filter(words), min_size=2, max_size=8)


def unit(*rows: tuple[float, ...]) -> np.ndarray:
    matrix = np.array(rows, dtype=np.float64)
    return matrix / np.linalg.norm(matrix, axis=1, keepdims=True)


@pytest.mark.parametrize(("caption", "bits"), [(A, 2.405639), (B, 2.405639), (C, 1.921928), (D, 2.321928)])
def test_word_entropy_has_the_values_worked_out_by_hand(caption: str, bits: float) -> None:
    assert word_entropy(caption) == pytest.approx(bits, abs=1e-6)


def test_pooled_entropy_and_divergence_have_the_values_worked_out_by_hand() -> None:
    assert pooled_word_entropy([A, B, C, D]) == pytest.approx(3.006628, abs=1e-6)
    assert caption_jsd([A, B, C, D]) == pytest.approx(0.804775, abs=1e-6)


def test_identity_entropy_of_two_alike_and_two_others_is_one_and_a_half_bits() -> None:
    assert caption_identity_entropy([A, B, C, D]) == pytest.approx(1.5, abs=1e-9)
    assert effective_captions([A, B, C, D]) == pytest.approx(2**1.5, abs=1e-9)
    assert entropy(np.array([1, 2, 1])) * np.log(2) == pytest.approx(1.0397, abs=1e-4)


def test_entropy_ignores_scale_and_refuses_nothing() -> None:
    assert entropy(np.array([1, 1, 2])) == pytest.approx(entropy(np.array([0.25, 0.25, 0.5, 0.0])))
    with pytest.raises(ValueError, match="no weights"):
        entropy(np.zeros(3))


def test_words_are_lowered_runs_of_letters_and_digits() -> None:
    assert words("A palm-tree, 2 PARROTS!") == ["a", "palm", "tree", "2", "parrots"]


def test_word_entropy_cannot_see_a_collapse() -> None:
    assert [word_entropy(A)] * 3 == [word_entropy(caption) for caption in (A, A, A)]
    assert windowed_caption_jsd([A] * 5)[-1] == pytest.approx(0, abs=1e-9)


def test_a_caption_without_words_has_no_entropy_and_spoils_its_windows_only() -> None:
    assert np.isnan(word_entropy("…!"))
    values = windowed_caption_jsd([A, "!", C, D], window=2)
    assert np.isnan(values[:3]).all()
    assert np.isfinite(values[3])


def test_the_window_begins_when_it_is_full() -> None:
    values = windowed_caption_jsd([A, B, C, D, A, C], window=4)
    assert np.isnan(values[:3]).all()
    assert values[3] == pytest.approx(0.804775, abs=1e-6)
    assert values[4] == pytest.approx(caption_jsd([B, C, D, A]))
    with pytest.raises(ValueError, match="window of 1"):
        windowed_caption_jsd([A], window=1)


@given(CAPTIONS)
def test_divergence_stays_between_nothing_and_the_logarithm_of_the_captions(captions: list[str]) -> None:
    assert 0 <= caption_jsd(captions) <= np.log2(len(captions)) + 1e-9
    assert caption_jsd(captions) == pytest.approx(caption_jsd(captions[::-1]), abs=1e-9)


def test_divergence_of_captions_that_share_no_word_is_its_maximum() -> None:
    assert caption_jsd(["a", "b", "c", "d"]) == pytest.approx(2)


@given(st.lists(st.sampled_from("abcd"), min_size=2, max_size=20))
def test_effective_captions_lie_between_one_and_the_number_of_different_ones(captions: list[str]) -> None:
    assert 1 <= effective_captions(captions) <= len(set(captions)) + 1e-9


def test_one_chain_is_no_population() -> None:
    assert np.isnan(caption_identity_entropy([A]))
    assert np.isnan(effective_captions([A]))


def test_cosines_of_known_angles() -> None:
    rows = unit((1, 0), (0, 1), (1, 1), (-1, 0))
    assert to_one(rows, rows[0]) == pytest.approx([1, 0, np.sqrt(0.5), -1])
    assert pairwise(rows, rows) == pytest.approx([1, 1, 1, 1])
    assert to_previous(rows, rows[0]) == pytest.approx([1, 0, np.sqrt(0.5), -np.sqrt(0.5)])


def test_a_missing_embedding_spoils_only_what_it_enters() -> None:
    rows = unit((1, 0), (0, 1), (1, 1))
    rows[1] = np.nan
    assert np.isnan(to_one(rows, rows[0])).tolist() == [False, True, False]
    assert np.isnan(to_previous(rows, rows[0])).tolist() == [False, True, True]


def test_chance_is_the_mean_over_the_others_and_undefined_without_them() -> None:
    rows = unit((1, 0), (0, 1), (1, 1))
    assert chance(rows[:2], rows[1:]) == pytest.approx([np.sqrt(0.5) / 2, (1 + np.sqrt(0.5)) / 2])
    assert np.isnan(chance(rows, rows[:0])).all()


def test_every_measure_is_told_apart_and_described() -> None:
    for name, measure in MEASURES.items():
        assert measure.name == name
        assert sum(f is not None for f in (measure.per_round, measure.per_chain, measure.per_population, measure.per_pair)) == 1
        assert measure.low < measure.high
        assert all((measure.title, measure.meaning, measure.unit, measure.source, measure.undefined, measure.limits))
    assert len({measure.title for measure in MEASURES.values()}) == len(MEASURES)
