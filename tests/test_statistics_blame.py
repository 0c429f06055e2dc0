"""The split of the variance, and half-life and plateau with their intervals, on values made by hand."""

import numpy as np
import pytest

from imageloop.measures.blame import SOURCES, blame
from imageloop.measures.decay_interval import decay_estimate


def shares_of(values: np.ndarray) -> dict[str, float | None]:
    found = blame(values)
    assert found is not None
    assert [share.source for share in found.shares] == list(SOURCES)
    return {share.source: share.share for share in found.shares}


def test_a_difference_between_captioners_alone_is_all_theirs() -> None:
    values = np.zeros((2, 2, 4, 3)) + np.array([0.2, 0.6])[:, None, None, None]
    found = blame(values)
    assert found is not None
    assert shares_of(values) == pytest.approx({**dict.fromkeys(SOURCES, 0.0), "captioner": 1.0})
    assert found.variance == pytest.approx(0.04)
    assert (found.shares[0].low, found.shares[0].high, found.notes) == (pytest.approx(1), pytest.approx(1), ())


@pytest.mark.parametrize(
    ("source", "effect"),
    [
        ("generator", np.array([0.3, 0.5, 0.1])[None, :, None, None]),
        ("interaction", np.array([[0.1, -0.1, 0], [-0.1, 0.1, 0]])[:, :, None, None]),
        ("original", np.array([0.9, 0.5, 0.2, 0.1])[None, None, :, None]),
    ],
)
def test_each_source_alone_gets_all(source: str, effect: np.ndarray) -> None:
    shares = shares_of(np.zeros((2, 3, 4, 2)) + effect)
    assert shares[source] == pytest.approx(1)
    assert sum(share or 0 for share in shares.values()) == pytest.approx(1)


def test_an_original_that_one_captioner_keeps_and_the_other_loses_is_told_from_a_bad_captioner() -> None:
    one = np.array([0.4, -0.4, 0.4, -0.4])
    shares = shares_of(np.stack([one, -one])[:, None, :, None] * np.ones((2, 1, 4, 3)))
    assert shares["original by pair"] == pytest.approx(1)
    assert shares["captioner"] == 0


def test_seeds_that_differ_within_an_original_are_blamed_and_not_the_original() -> None:
    within = np.array([0.5, -0.5]) * np.ones((2, 2, 6, 1))
    found = blame(within)
    assert found is not None
    by_source = {share.source: share for share in found.shares}
    assert by_source["seed"].share == 1
    assert by_source["seed"].variance == pytest.approx(0.5)
    # Every original has the same mean, so the noise that is taken off leaves less than nothing.
    assert by_source["original"].variance == pytest.approx(-0.25)
    assert "original: less than chance alone would make, shown as 0" in found.notes


def test_with_one_seed_its_share_is_not_told_and_a_note_says_why() -> None:
    found = blame(np.random.default_rng(0).uniform(size=(2, 2, 5, 1)))
    assert found is not None
    by_source = {share.source: share for share in found.shares}
    assert by_source["seed"].share is None
    assert "one seed: what it does cannot be told from what the original does" in found.notes
    assert sum(share.share or 0 for share in found.shares) == pytest.approx(1)


def test_with_one_pair_only_original_and_seed_are_told() -> None:
    found = blame(np.random.default_rng(0).uniform(size=(1, 1, 9, 3)))
    assert found is not None
    assert [share.source for share in found.shares if share.share is not None] == ["original", "seed"]
    assert found.notes[:2] == ("one captioner: its share cannot be told", "one generator: its share cannot be told")


@pytest.mark.parametrize("values", [np.ones((2, 2, 1, 3)), np.full((2, 2, 5, 3), 0.7)])
def test_one_original_or_no_variance_has_no_split(values: np.ndarray) -> None:
    assert blame(values) is None


def test_two_originals_have_shares_that_could_be_anything() -> None:
    found = blame(np.random.default_rng(1).uniform(size=(2, 2, 2, 3)))
    assert found is not None
    assert {(share.low, share.high) for share in found.shares} == {(0.0, 1.0)}


def test_every_share_lies_in_its_interval() -> None:
    for seed in range(20):
        found = blame(np.random.default_rng(seed).uniform(size=(2, 3, 6, 2)))
        assert found is not None
        assert all(s.low is not None and s.high is not None and s.share is not None and s.low <= s.share <= s.high for s in found.shares)


ROUNDS = np.arange(1.0, 41.0)


def curves(n: int, half_life: float, spread: float = 0.02, noise: float = 0.01) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(n)
    ends = rng.normal(0.4, spread, n)
    return {str(i): end + 0.5 * 0.5 ** (ROUNDS / half_life) + rng.normal(0, noise, len(ROUNDS)) for i, end in enumerate(ends)}


def test_half_life_and_plateau_are_found_with_intervals_that_hold_them() -> None:
    found = decay_estimate(curves(12, 5.0), ROUNDS)
    assert (found.verdict, found.flat, found.unidentified) == ("decays", 0, 0)
    for estimate, truth in ((found.half_life, 5.0), (found.plateau, 0.4)):
        assert estimate is not None
        assert estimate.low is not None
        assert estimate.high is not None
        assert estimate.low <= truth <= estimate.high
        assert estimate.low < estimate.mean < estimate.high
        assert estimate.n == 12


def test_intervals_of_the_half_life_cover_it() -> None:
    rng = np.random.default_rng(1)
    inside = 0
    for _ in range(25):
        lives = rng.lognormal(0, 0.1, 16) * 5
        own = {str(i): 0.4 + 0.5 * 0.5 ** (ROUNDS / life) + rng.normal(0, 0.03, len(ROUNDS)) for i, life in enumerate(lives)}
        estimate = decay_estimate(own, ROUNDS).half_life
        assert estimate is not None
        inside += estimate.low is not None and estimate.high is not None and estimate.low <= 5.03 <= estimate.high
    assert inside >= 21


def test_a_curve_that_does_not_fall_is_flat_and_has_no_half_life() -> None:
    found = decay_estimate({str(i): 0.5 + np.random.default_rng(i).normal(0, 0.01, len(ROUNDS)) for i in range(6)}, ROUNDS)
    assert (found.half_life, found.plateau, found.verdict) == (None, None, "flat")
    assert found.flat > 0.5


def test_a_fall_without_an_end_in_sight_has_no_half_life() -> None:
    found = decay_estimate({str(i): 0.9 - 0.01 * ROUNDS + 0.01 * i for i in range(5)}, ROUNDS)
    assert (found.half_life, found.verdict) == (None, "not identifiable")
    assert found.unidentified > 0.9


def test_one_original_has_a_half_life_without_an_interval() -> None:
    found = decay_estimate(curves(1, 5.0), ROUNDS)
    assert found.half_life is not None
    assert (found.half_life.low, found.half_life.n) == (None, 1)


def test_no_interval_where_many_resamples_have_no_half_life() -> None:
    own = {
        **{f"flat {i}": np.full(len(ROUNDS), 0.6) for i in range(5)},
        **{f"falls {i}": 0.4 + 0.5 * 0.5 ** (ROUNDS / 6) for i in range(1)},
    }
    found = decay_estimate(own, ROUNDS)
    assert found.half_life is not None
    assert found.half_life.low is None
    assert found.flat > 0.1


def test_no_curves_have_no_decay() -> None:
    with pytest.raises(ValueError, match="no curves"):
        decay_estimate({}, ROUNDS)
