"""Means with intervals, and the sentences made from them."""

from pathlib import Path

import numpy as np
import pytest
from compared_runs import made_up
from scipy.stats import bootstrap

from imageloop.measures.pairs import summary
from imageloop.measures.statistics import Estimate, expanded_level, intervals, over_originals
from imageloop.measures.verdict import verdict


@pytest.mark.parametrize("n", [8, 12, 30])
def test_the_interval_is_the_bca_interval_of_scipy_at_the_expanded_level(n: int) -> None:
    values = np.random.default_rng(n).normal(size=n) ** 2
    wanted = {"n_resamples": 100_000, "method": "BCa", "rng": np.random.default_rng(5), "batch": 10_000}
    expected = bootstrap((values,), np.mean, confidence_level=expanded_level(n), **wanted).confidence_interval
    plain = bootstrap((values,), np.mean, confidence_level=0.95, **wanted).confidence_interval
    found = over_originals({str(i): [value] for i, value in enumerate(values)})
    assert found is not None
    assert found.low is not None
    assert found.high is not None
    assert (found.mean, found.n) == (pytest.approx(values.mean()), n)
    width = expected.high - expected.low
    assert (found.low, found.high) == (pytest.approx(expected.low, abs=0.05 * width), pytest.approx(expected.high, abs=0.08 * width))
    assert found.high - found.low > plain.high - plain.low


def test_seeds_of_one_original_are_one_cluster() -> None:
    few = over_originals({"a": [0.0], "b": [1.0]})
    many = over_originals({"a": [0.0] * 50, "b": [1.0] * 50})
    assert few == many


def test_an_original_with_many_seeds_counts_no_more_than_one_with_few() -> None:
    found = over_originals({"a": [0.0] * 9, "b": [1.0]})
    assert found is not None
    assert found.mean == pytest.approx(0.5)


def test_one_original_has_a_mean_and_no_interval() -> None:
    found = over_originals({"a": [0.2, 0.4]})
    assert found is not None
    assert (found.mean, found.low, found.high, found.n) == (pytest.approx(0.3), None, None, 1)
    assert over_originals({}) is None


def test_originals_that_agree_have_an_interval_without_width() -> None:
    found = over_originals({"a": [0.3], "b": [0.3], "c": [0.3]})
    assert found is not None
    assert (found.low, found.high) == (pytest.approx(0.3), pytest.approx(0.3))


@pytest.mark.parametrize("n", [2, 3, 4, 24])
def test_intervals_are_finite_and_hold_the_mean_however_few_originals(n: int) -> None:
    means = np.random.default_rng(n).uniform(size=(n, 7))
    for estimate in intervals(means):
        assert estimate.low is not None
        assert estimate.high is not None
        assert 0 <= estimate.low <= estimate.mean <= estimate.high <= 1


def test_intervals_cover_the_truth_about_as_often_as_they_say() -> None:
    means = np.random.default_rng(7).normal(size=(24, 300))
    covered = [e.low is not None and e.high is not None and e.low <= 0 <= e.high for e in intervals(means)]
    assert 0.90 <= np.mean(covered) <= 0.98


def test_a_summary_leaves_the_controls_out_and_uses_them(tmp_path: Path) -> None:
    _, table = made_up(
        tmp_path / "run",
        lambda key, number: 0.9 if key.arm == "floor" else 0.6,
        pairs=["eye+brush"],
        arms=("plain", "floor", "reanchor(every=2)"),
        measures={
            "floor_image_similarity": lambda key, number: 0.9 if key.arm == "plain" else None,
            "normalised_retention": lambda key, number: 0.5 + 0.1 * number if key.arm == "plain" else None,
        },
    )
    reanchored, plain = sorted(summary(table), key=lambda one: one.arm, reverse=True)
    assert (reanchored.arm, reanchored.floor, reanchored.normalised) == ("reanchor(every=2)", None, None)
    assert plain.floor == Estimate(pytest.approx(0.9), pytest.approx(0.9), pytest.approx(0.9), 8)
    assert plain.normalised == Estimate(pytest.approx(0.8), pytest.approx(0.8), pytest.approx(0.8), 8)


@pytest.mark.parametrize(
    ("similarities", "start", "chance", "sentence"),
    [
        ([], 1.0, None, "not measured"),
        ([0.99] * 12, 1.0, 0.4, "kept the original, then steady"),
        ([0.45] * 12, 1.0, 0.4, "lost the original, most of that in round 1, then steady"),
        ([0.6] * 12, 1.0, 0.4, "lost most of the original, most of that in round 1, then steady"),
        ([0.75] * 12, 1.0, 0.4, "lost part of the original, most of that in round 1, then steady"),
        ([1 - 0.04 * t for t in range(1, 13)], 1.0, None, "similarity fell to 0.52, half of that by round 6, still drifting"),
        ([0.5, 0.5, 0.5, 0.5, 0.5, 0.5, 0.6, 0.6, 0.6], 1.0, None, "similarity fell to 0.60, most of that in round 1, coming back"),
        ([0.6], 1.0, 0.4, "lost most of the original, most of that in round 1"),
        ([0.3, 0.3, 0.2], None, 0.1, "lost part of the original, half of that by round 3"),
        ([0.3, 0.3, 0.29], None, None, "similarity went from 0.30 to 0.29"),
        ([0.3] * 9, None, 0.1, "kept the original, then steady"),
        ([0.5] * 9, 1.0, 0.99, "similarity fell to 0.50, most of that in round 1, then steady"),
    ],
)
def test_the_verdict_follows_its_rules(similarities: list[float], start: float | None, chance: float | None, sentence: str) -> None:
    assert verdict(similarities, start, chance) == sentence
