"""A number of all chains with each original left out: what its interval is, what it holds, and where there is none."""

import runpy
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from scipy.stats import t

from imageloop.measures.definitions import MEASURES
from imageloop.measures.diversity import vendi_of_rows
from imageloop.measures.leave_one_out import JUMPS, LEAST, LeftOut, difference, estimate, leave_one_out, shares_of
from imageloop.measures.paired import sign_flip_p

COVERAGE = runpy.run_path(str(Path(__file__).parent.parent / "benchmarks" / "coverage.py"))
ORIGINALS = [f"o{i:02}" for i in range(12)]


def mean_of(values: Sequence[float]) -> LeftOut:
    array = np.array(values)
    return leave_one_out(ORIGINALS[: len(values)], lambda places: float(array[places].mean()))


def vendi(rows: np.ndarray, originals: Sequence[str] = ORIGINALS) -> LeftOut:
    return leave_one_out(originals, lambda places: vendi_of_rows(rows[places]))


def unit(rows: np.ndarray) -> np.ndarray:
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


def test_of_a_mean_the_shares_are_its_values_and_the_interval_is_students() -> None:
    values = np.random.default_rng(1).gamma(2, 1, 12)
    found = mean_of(values)
    assert shares_of(found) == pytest.approx(values)
    interval = estimate(found)
    low, high = t.interval(0.95, 11, values.mean(), values.std(ddof=1) / np.sqrt(12))
    assert (interval.mean, interval.low, interval.high, interval.n) == (
        pytest.approx(values.mean()),
        pytest.approx(low),
        pytest.approx(high),
        12,
    )


def test_of_two_means_the_difference_is_that_of_the_paired_values() -> None:
    left, right = np.random.default_rng(2).normal(size=(2, 12))
    found = difference(mean_of(left), mean_of(right))
    assert found is not None
    low, high = t.interval(0.95, 11, (left - right).mean(), (left - right).std(ddof=1) / np.sqrt(12))
    assert (found.estimate.mean, found.estimate.low, found.estimate.high) == (
        pytest.approx((left - right).mean()),
        pytest.approx(low),
        pytest.approx(high),
    )
    assert (found.p, found.exact, found.originals, found.seeds) == (sign_flip_p(left - right), True, 12, 1)


def test_all_chains_of_an_original_are_left_out_at_once() -> None:
    seen: list[list[int]] = []

    def counting(places: np.ndarray) -> float:
        seen.append(places.tolist())
        return float(len(places))

    found = leave_one_out(["b", "a", "b", "c"], counting)
    assert sorted(seen) == [[0, 1, 2], [0, 1, 2, 3], [0, 2, 3], [1, 3]]
    assert (found.whole, found.without, found.chains) == (4.0, {"a": 3.0, "b": 2.0, "c": 3.0}, {"a": 1, "b": 2, "c": 1})


def test_lines_of_other_chains_have_no_difference() -> None:
    rows = unit(np.random.default_rng(3).normal(size=(13, 5)))
    one = vendi(rows[:12])
    assert difference(one, vendi(rows[1:], [*ORIGINALS[1:], "another"])) is None
    assert difference(one, vendi(rows, [*ORIGINALS, ORIGINALS[0]])) is None  # as many originals, and a chain more
    assert difference(one, vendi(rows[1:])) is not None


def test_lines_that_meet_the_same_originals_are_told_apart_more_sharply() -> None:
    rng = np.random.default_rng(4)
    own = rng.normal(size=(12, 30)) * rng.gamma(1, 1, (12, 1))
    line = [vendi(unit(np.eye(30)[0] + own + 0.05 * rng.normal(size=(12, 30)))) for _ in range(2)]
    found, alone = difference(*line), [estimate(one) for one in line]
    assert found is not None
    assert found.estimate.high is not None
    assert found.estimate.low is not None
    width = found.estimate.high - found.estimate.low
    assert all(one.high is not None and one.low is not None and one.high - one.low > 2 * width for one in alone)


@pytest.mark.parametrize(
    "found",
    [
        mean_of(np.arange(LEAST - 1, dtype=float)),
        vendi(np.eye(12)),  # each original adds exactly one picture
        LeftOut(0.4, {**dict.fromkeys(ORIGINALS[1:], 0.3), ORIGINALS[0]: float("nan")}, dict.fromkeys(ORIGINALS, 1)),
    ],
    ids=["too few originals", "leaving any out changes as much", "undefined without one"],
)
def test_where_the_spread_is_not_known_there_is_no_interval_and_no_p(found: LeftOut) -> None:
    assert (estimate(found).low, estimate(found).high) == (None, None)
    assert estimate(found).mean == found.whole
    same = difference(found, found)
    assert same is not None
    assert (same.estimate.mean, same.estimate.low, same.p) == (0, None, None)


def test_with_just_enough_originals_there_is_one() -> None:
    assert estimate(mean_of(np.arange(LEAST, dtype=float))).low is not None


def test_an_interval_stays_within_the_range_of_its_measure() -> None:
    found = mean_of([0.0] * 11 + [1.0])
    assert estimate(found).low is not None
    assert (estimate(found).low or 0) < 0
    assert (estimate(found, 0, 0.1).low, estimate(found, 0, 0.1).high) == (0, 0.1)


def test_no_chains_are_refused() -> None:
    with pytest.raises(ValueError, match="no chains"):
        leave_one_out([], lambda _: 0.0)


def test_every_measure_that_is_said_to_jump_is_one_of_all_chains_together() -> None:
    assert all(MEASURES[name].per_pair for name in JUMPS)


@pytest.mark.parametrize("scene", ["apart", "alike", "motifs", "half_lost"])
def test_intervals_of_a_vendi_score_and_of_a_difference_cover_what_they_say(scene: str) -> None:
    # Standard error over 150 runs: 0.02; benchmarks/coverage.py takes 400, and more originals.
    assert min(COVERAGE["left_out"](COVERAGE[scene], LEAST, 150)) >= 0.87


def test_a_bootstrap_does_not_cover_a_vendi_score() -> None:
    assert COVERAGE["resampled"](COVERAGE["apart"], LEAST, 20) < 0.1
