"""Comparisons of pairs: differences on the same chains, permutation p-values, their correction, and how many originals it takes."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import permutation_test, ttest_1samp

from imageloop.measures.paired import DRAWN, EXACT_ORIGINALS, holm, paired_difference, sign_flip_p
from imageloop.measures.power import MOST, needed


def test_a_difference_counts_only_the_chains_that_both_have() -> None:
    left = {("a", 0): 0.9, ("a", 1): 0.7, ("b", 0): 0.5, ("only left", 0): 9.0}
    right = {("a", 0): 0.5, ("a", 1): 0.5, ("b", 0): 0.4, ("b", 1): -9.0}
    found = paired_difference(left, right)
    assert found is not None
    assert found.estimate.mean == pytest.approx((0.3 + 0.1) / 2)
    assert (found.originals, found.seeds, found.estimate.n, found.exact) == (2, 1, 2, True)


def test_pairs_without_a_common_chain_have_no_difference() -> None:
    assert paired_difference({("a", 0): 1.0}, {("a", 1): 1.0}) is None


def test_one_common_original_has_a_difference_and_neither_interval_nor_p() -> None:
    found = paired_difference({("a", 0): 1.0, ("a", 1): 0.5}, {("a", 0): 0.5, ("a", 1): 0.5})
    assert found is not None
    assert (found.estimate.mean, found.estimate.low, found.p) == (0.25, None, None)


def test_pairing_takes_away_what_the_original_does() -> None:
    hard = np.random.default_rng(0).normal(0, 1, 12)
    left = {(str(i), 0): float(value + 0.1) for i, value in enumerate(hard)}
    right = {(str(i), 0): float(value) for i, value in enumerate(hard)}
    found = paired_difference(left, right)
    assert found is not None
    assert found.estimate.low == pytest.approx(0.1)
    assert found.p == pytest.approx(2 / 2**12)


@pytest.mark.parametrize("n", [2, 5, 9, 12])
def test_the_exact_p_value_is_that_of_scipy(n: int) -> None:
    values = np.random.default_rng(n).normal(0.4, 1, n)
    expected = permutation_test((values,), np.mean, permutation_type="samples", n_resamples=np.inf, vectorized=True).pvalue
    assert sign_flip_p(values) == pytest.approx(expected, abs=1e-12)


def test_a_drawn_p_value_is_near_that_of_scipy() -> None:
    values = np.random.default_rng(2).normal(0.25, 1, 30)
    assert len(values) > EXACT_ORIGINALS
    rng = np.random.default_rng(1)
    expected = permutation_test((values,), np.mean, permutation_type="samples", n_resamples=200_000, batch=10_000, vectorized=True, rng=rng)
    assert sign_flip_p(values) == pytest.approx(expected.pvalue, abs=0.015)


@pytest.mark.parametrize(("values", "p"), [([1.0], 1.0), ([1, 1, 1], 0.25), ([3, 1, -1], 0.75), ([0.0, 0.0], 1.0), ([0.1, 0.2, 0.3], 0.25)])
def test_p_values_that_can_be_counted_by_hand(values: list[float], p: float) -> None:
    assert sign_flip_p(np.array(values, float)) == p


def test_a_drawn_p_value_is_never_0() -> None:
    assert sign_flip_p(np.ones(40)) == 1 / (DRAWN + 1)


def test_p_values_are_uniform_where_there_is_no_difference() -> None:
    rng = np.random.default_rng(8)
    ps = np.array([sign_flip_p(rng.normal(size=10)) for _ in range(600)])
    assert [np.mean(ps <= level) for level in (0.05, 0.2, 0.5)] == pytest.approx([0.05, 0.2, 0.5], abs=0.05)


def test_holm_corrects_as_in_his_example() -> None:
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm([0.5, None, 0.01]) == [0.5, None, 0.02]
    assert holm([0.6, 0.9]) == [1.0, 1.0]
    assert holm([]) == []


@settings(max_examples=60, deadline=None)
@given(st.lists(st.floats(0.0001, 1), min_size=1, max_size=12))
def test_holm_keeps_the_order_and_never_helps(ps: list[float]) -> None:
    corrected = [p for p in holm(ps) if p is not None]
    order = np.argsort(ps, kind="stable")
    assert all(after >= before for before, after in zip(ps, corrected, strict=True))
    assert max(corrected) <= 1
    assert (np.diff(np.array(corrected)[order]) >= 0).all()
    assert min(corrected) <= min(ps) * len(ps)


def drawn(rng: np.random.Generator, originals: int, seeds: int) -> dict[str, list[float]]:
    """Differences of .05 in the mean, .08 between originals, .1 between seeds."""
    means = rng.normal(0.05, 0.08, originals)
    return {str(i): list(rng.normal(mean, 0.1, seeds)) for i, mean in enumerate(means)}


@pytest.mark.parametrize("seeds", [1, 2, 5])
def test_as_many_originals_as_are_asked_for_find_the_difference_8_times_in_10(seeds: int) -> None:
    rng = np.random.default_rng(seeds)
    asked = needed(drawn(rng, 30_000, 3), seeds)
    assert asked is not None
    assert asked.originals is not None
    exact = 2.801585**2 * (0.08**2 + 0.1**2 / seeds) / 0.05**2
    assert asked.originals == pytest.approx(exact + 1.92, rel=0.1)
    ps = [ttest_1samp([np.mean(of_one) for of_one in drawn(rng, asked.originals, seeds).values()], 0).pvalue for _ in range(500)]
    assert np.mean(np.array(ps) < 0.05) == pytest.approx(0.8, abs=0.06)


def test_the_detectable_difference_is_found_8_times_in_10_by_what_there_is() -> None:
    rng = np.random.default_rng(6)
    asked = needed(drawn(rng, 60, 2))
    assert asked is not None
    found = [sign_flip_p(rng.normal(asked.detectable, np.sqrt(0.08**2 + 0.1**2 / 2), 60)) < 0.05 for _ in range(100)]
    assert np.mean(found) == pytest.approx(0.8, abs=0.12)


def test_power_says_nothing_where_nothing_can_be_said() -> None:
    assert needed({"a": [0.1, 0.2]}) is None
    assert needed({"a": [0.1], "b": [0.2]}, seeds=4) is None
    alike = needed({"a": [0.1], "b": [-0.1]})
    assert alike is not None
    assert alike.originals is None
    tiny = needed({"a": [1.0], "b": [-1.0], "c": [1e-4]})
    assert tiny is not None
    assert tiny.originals is None
    assert tiny.detectable > 0.5
    assert MOST == 10_000


def test_never_fewer_originals_are_asked_for_than_a_permutation_needs() -> None:
    sure = {str(i): [0.5 + i * 1e-6] for i in range(8)}
    assert [getattr(needed(sure, alpha=alpha), "originals", None) for alpha in (0.05, 0.05 / 6)] == [6, 8]
    assert getattr(needed({"a": [0.5], "b": [0.5]}), "originals", None) == 6
