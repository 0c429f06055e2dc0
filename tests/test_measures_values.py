"""Measures of single numbers against closed forms: retention, decay, diversity, meaning, attraction, CLIPScore."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from imageloop.measures import clipscore
from imageloop.measures.decay import Verdict, fit_decay, half_life, value_at
from imageloop.measures.diversity import compression_ratio, vendi, vendi_of_rows
from imageloop.measures.drift import mean_cumulative, over_chains
from imageloop.measures.entropy import caption_jsd, entropy, windowed_caption_jsd, word_entropies, word_entropy
from imageloop.measures.meaning import cluster_entropy, clusters_of, fact_entropy, semantic_entropy
from imageloop.measures.regression import attractor
from imageloop.measures.retention import floor, guessing, lost, normalised, retrieval

ROUNDS = np.arange(1.0, 21.0)
CAPTIONS = st.lists(st.text("abc xyz.9!", max_size=30), min_size=2, max_size=12)


def unit(*rows: tuple[float, ...]) -> np.ndarray:
    matrix = np.array(rows, dtype=np.float64)
    return matrix / np.linalg.norm(matrix, axis=1, keepdims=True)


def test_the_floor_is_the_mean_over_the_redrawn_pictures() -> None:
    assert floor(unit((1, 0), (1, 1)), np.array([1.0, 0])) == pytest.approx((1 + np.sqrt(0.5)) / 2)
    assert np.isnan(floor(None, np.array([1.0, 0])))
    assert np.isnan(floor(np.array([[np.nan, np.nan]]), np.array([1.0, 0])))


def test_retention_is_one_at_the_floor_and_nothing_at_chance() -> None:
    found = normalised(np.array([0.9, 0.4, 0.65, 1.0, 0.3]), 0.9, np.full(5, 0.4))
    assert found == pytest.approx([1, 0, 0.5, 1.2, -0.2])


def test_retention_is_undefined_where_floor_and_chance_are_close() -> None:
    found = normalised(np.array([0.5, 0.5, 0.5, 0.5]), 0.5, np.array([0.46, 0.44, 0.54, np.nan]))
    assert np.isnan(found).tolist() == [True, False, True, True]
    assert np.isfinite(normalised(np.array([0.5]), 0.5, np.array([0.46]), room=0.02)).all()


def test_an_original_that_is_nearest_is_found_and_one_behind_two_has_rank_three() -> None:
    others = unit((0, 1), (1, 1), (-1, -1))
    top, reciprocal = retrieval(unit((1, 0), (0, 1)), np.array([1.0, 0]), others)
    assert top == pytest.approx([1, 0])
    assert reciprocal == pytest.approx([1, 1 / 3])


def test_originals_that_are_equally_near_share_their_places() -> None:
    same = unit((1, 0), (1, 0), (1, 0))
    top, reciprocal = retrieval(unit((1, 0)), np.array([1.0, 0]), same)
    assert top == pytest.approx([1 / 4])
    assert reciprocal == pytest.approx([(1 + 1 / 2 + 1 / 3 + 1 / 4) / 4])
    assert guessing(same) == 1 / 4


def test_nothing_is_found_among_none() -> None:
    nothing = np.empty((0, 2))
    assert np.isnan(np.concatenate(retrieval(unit((1, 0)), np.array([1.0, 0]), nothing))).all()
    assert np.isnan(guessing(nothing))


def test_one_who_guesses_reads_chance() -> None:
    rng = np.random.default_rng(0)
    originals = unit(*rng.standard_normal((5, 16)))
    top, _ = retrieval(unit(*rng.standard_normal((20000, 16))), originals[0], originals[1:])
    assert top.mean() == pytest.approx(guessing(originals[1:]), abs=0.01)


def test_loss_is_one_minus_the_cosine() -> None:
    assert lost(np.array([1.0, 0]), np.array([0.6, 0.8])) == pytest.approx(0.4)


def test_the_decay_has_the_values_worked_out_by_hand() -> None:
    assert value_at(0.5, 0.2, 0.45, 5) == pytest.approx(0.633940, abs=1e-6)
    assert half_life(0.2) == pytest.approx(3.465736, abs=1e-6)


@pytest.mark.parametrize("a", [0.5, -0.3])
def test_an_exact_decay_is_found_again(a: float) -> None:
    found = fit_decay(ROUNDS, a * np.exp(-0.2 * ROUNDS) + 0.45)
    assert (found.a, found.b, found.c) == pytest.approx((a, 0.2, 0.45), abs=1e-6)
    assert (found.half_life, found.plateau) == pytest.approx((3.465736, 0.45), abs=1e-6)
    assert found.verdict == ("decays" if a > 0 else "rises")


def test_rounds_that_are_missing_do_not_move_the_curve() -> None:
    values = 0.5 * np.exp(-0.2 * ROUNDS) + 0.45
    values[3:9] = np.nan
    assert fit_decay(ROUNDS, values).half_life == pytest.approx(3.465736, abs=1e-6)


@pytest.mark.parametrize(
    ("values", "verdict"),
    [
        (np.full(20, 0.7), "flat"),
        (0.7 + 0.05 * np.sin(ROUNDS * 2), "flat"),
        (0.7 + 0.01 * np.exp(-0.2 * ROUNDS), "flat"),
        (0.9 - 0.02 * ROUNDS, "not identifiable"),
        (0.5 * np.exp(-0.005 * ROUNDS) + 0.45, "not identifiable"),
        (np.where(ROUNDS == 1, 0.9, 0.5), "not identifiable"),
        (0.5 * np.exp(-0.04 * ROUNDS) + 0.45 + 0.05 * np.sin(2 * ROUNDS), "not identifiable"),
    ],
    ids=["constant", "noise", "too little", "a line", "far from its plateau", "over after one round", "too noisy for its plateau"],
)
def test_a_curve_that_the_rounds_cannot_tell_has_no_half_life(values: np.ndarray, verdict: Verdict) -> None:
    found = fit_decay(ROUNDS, values)
    assert (found.verdict, found.half_life, found.plateau) == (verdict, None, None)


def test_five_rounds_are_too_few_for_three_parameters() -> None:
    assert fit_decay(ROUNDS[:5], 0.5 * np.exp(-0.2 * ROUNDS[:5])).verdict == "not identifiable"


def test_noise_alone_seldom_has_a_half_life_and_a_noisy_decay_has_the_right_one() -> None:
    rng = np.random.default_rng(0)
    noise = [fit_decay(ROUNDS, 0.5 + 0.05 * rng.standard_normal(20)).half_life for _ in range(200)]
    assert sum(half is not None for half in noise) <= 4
    halves = [fit_decay(ROUNDS, 0.5 * np.exp(-0.2 * ROUNDS) + 0.45 + 0.02 * rng.standard_normal(20)).half_life for _ in range(100)]
    assert np.median([half for half in halves if half is not None]) == pytest.approx(3.47, abs=0.1)


def test_the_vendi_score_has_the_value_worked_out_by_hand() -> None:
    assert vendi(np.array([[1, 0.9, 0], [0.9, 1, 0], [0, 0, 1]])) == pytest.approx(2.1573, abs=5e-5)


@pytest.mark.parametrize("width", [3, 40])
def test_the_vendi_score_counts_what_differs(width: int) -> None:
    rows = np.eye(width)[[0, 1, 2, 0, 1, 2]]
    assert vendi_of_rows(rows) == pytest.approx(3)
    assert vendi_of_rows(rows[[0, 3]]) == pytest.approx(1)
    assert np.isnan(vendi_of_rows(rows[:1]))
    assert np.isnan(vendi_of_rows(np.array([[1, 0], [np.nan, np.nan]])))


def test_the_vendi_score_is_the_same_by_either_square() -> None:
    rows = unit(*np.random.default_rng(0).standard_normal((12, 5)))
    assert vendi_of_rows(rows) == pytest.approx(vendi(rows @ rows.T))


def test_repetition_compresses() -> None:
    one = "a man riding a wave on a surfboard"
    assert compression_ratio([one] * 20) > compression_ratio([one, "two cats under a palm tree at night"])
    assert np.isnan(compression_ratio(["", ""]))


def test_clusters_of_four_captions_have_one_and_a_half_bits() -> None:
    assert cluster_entropy([0, 1, 2, 1]) == pytest.approx(1.0397, abs=5e-5)
    assert cluster_entropy([0, 1, 2, 1]) / np.log(2) == pytest.approx(1.5)
    assert np.isnan(cluster_entropy([0]))


def test_a_cluster_takes_only_what_is_alike_to_all_of_it() -> None:
    steps = [(np.cos(angle), np.sin(angle)) for angle in np.arccos(0.96) * np.array([0, 1, 2])]
    assert clusters_of(unit(*steps)) == [0, 0, 1]
    assert semantic_entropy(unit(*steps)) == pytest.approx(entropy(np.array([2, 1])) * np.log(2))
    assert semantic_entropy(unit((1, 0), (1, 0))) == 0


def test_captions_that_name_the_same_facts_mean_the_same() -> None:
    same = ["cartoon of a cat and a dog at the beach", "a dog and a cat at the beach, cartoon"]
    assert fact_entropy(same) == 0
    assert fact_entropy([*same, "sticker of a cat and a dog at the beach", same[0]]) == pytest.approx(entropy(np.array([3, 1])) * np.log(2))
    assert np.isnan(fact_entropy([*same, "a nice day"]))


def test_the_attractor_of_a_line_is_where_it_meets_the_diagonal() -> None:
    first = np.array([0.0, 0.3, 0.9, np.nan])
    found = attractor(first, 0.2 * first + 0.4)
    assert (found.position, found.strength) == pytest.approx((0.5, 0.8))


def test_what_stays_as_it_is_has_no_attractor() -> None:
    first = np.array([0.0, 0.3, 0.9])
    found = attractor(first, first + 0.1)
    assert np.isnan(found.position)
    assert found.strength == pytest.approx(0)
    assert np.isnan(attractor(first[[0, 0, 1]], first).strength)


def test_mean_cumulative_drift_has_the_value_worked_out_by_hand() -> None:
    mappings = [(0.9, 0.8, 0.7), (0.31, 0.30, 0.29), (0.8, 0.6, 0.5), (0.32, 0.30, 0.28)]
    assert mean_cumulative([np.array(values) for values in mappings]) == pytest.approx(0.508333, abs=1e-6)
    assert np.isnan(mean_cumulative([np.array(values) for values in mappings[:3]]))
    assert np.isnan(mean_cumulative([np.array([]), *(np.array(values) for values in mappings[1:])]))


def test_each_round_counts_the_same_however_many_chains_reach_it() -> None:
    found = over_chains([np.array([1, 2]), np.array([1, 2, 3])], [np.array([1.0, np.nan]), np.array([0.0, 0.4, 0.7])])
    assert found == pytest.approx([0.5, 0.4, 0.7])
    assert over_chains([], []).size == 0


def test_the_two_clipscores_differ_by_their_scale_and_know_no_negative() -> None:
    cosines = np.array([0.3, 0.0, -0.2])
    assert clipscore.hessel(cosines) == pytest.approx([0.75, 0, 0])
    assert clipscore.torchmetrics(cosines) == pytest.approx([30, 0, 0])


@given(CAPTIONS)
def test_entropies_of_many_captions_are_those_of_each(captions: list[str]) -> None:
    assert word_entropies(captions) == pytest.approx([word_entropy(caption) for caption in captions], abs=1e-9, nan_ok=True)


@given(CAPTIONS)
def test_each_window_has_the_divergence_of_its_captions(captions: list[str]) -> None:
    found = windowed_caption_jsd(captions, window=2)[1:]
    assert found == pytest.approx([caption_jsd(captions[i : i + 2]) for i in range(len(captions) - 1)], abs=1e-9, nan_ok=True)


def test_windows_of_a_long_chain_do_not_depend_on_how_they_are_computed(monkeypatch: pytest.MonkeyPatch) -> None:
    captions = [f"a {['cat', 'dog', 'owl'][i % 3]} and {i % 7} stars" for i in range(40)]
    whole = windowed_caption_jsd(captions)
    monkeypatch.setattr("imageloop.measures.entropy.STRIDE", 7)
    assert windowed_caption_jsd(captions) == pytest.approx(whole, nan_ok=True, abs=1e-12)


@given(st.lists(st.integers(1, 50), min_size=1, max_size=30))
def test_entropy_is_that_of_scipy(weights: list[int]) -> None:
    assert entropy(np.array(weights)) == pytest.approx(stats.entropy(weights, base=2), abs=1e-9)
