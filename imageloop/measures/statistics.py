"""Means with intervals. Originals are what is resampled, never rounds, which depend on each other."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float
from scipy.stats import bootstrap, norm, t

RESAMPLES = 2000
LEVEL = 0.95
FEW = 6
"""Below this many originals an interval made by resampling is too narrow, and nothing mends that: it cannot reach beyond what was seen."""


@dataclass(frozen=True, slots=True)
class Estimate:
    """A mean over originals, its 95 % interval, and the number of originals it rests on. One original has no interval."""

    mean: float
    low: float | None
    high: float | None
    n: int


def over_originals(values: Mapping[str, Sequence[float]]) -> Estimate | None:
    """The mean over originals of each original's own mean, with its interval; None where there are no values.

    `values`: original → the values of its chains. The interval is `intervals`' for one column.
    """
    means = np.array([[np.mean(of_one)] for of_one in values.values() if len(of_one)])
    return intervals(means)[0] if means.size else None


def intervals(means: Float[np.ndarray, "originals columns"], *, resample: bool = True) -> list[Estimate]:
    """For each column, the mean over originals with its 95 % interval: BCa bootstrap at `expanded_level`, 2,000 resamples, one fixed seed.

    Below two originals, or without `resample`, there is no interval; where all originals agree it has no width. Efron 1987,
    "Better bootstrap confidence intervals", by `scipy.stats.bootstrap`.
    """
    n, columns = means.shape
    centre = means.mean(axis=0)
    if n < 2 or not resample:
        return [Estimate(float(value), None, None, n) for value in centre]
    low, high = centre.copy(), centre.copy()
    spread = np.flatnonzero(np.ptp(means, axis=0) > 1e-12)
    if spread.size:
        found = bootstrap(
            (means[:, spread],),
            np.mean,
            axis=0,
            n_resamples=RESAMPLES,
            batch=max(1, 4_000_000 // max(1, n * spread.size)),
            confidence_level=expanded_level(n),
            method="BCa",
            rng=np.random.default_rng(0),
        ).confidence_interval
        low[spread], high[spread] = found.low, found.high
    return [Estimate(float(centre[i]), float(low[i]), float(high[i]), n) for i in range(columns)]


def expanded_level(n: int) -> float:
    """The level to ask a bootstrap of n values for, so that it covers 95 %: 0.9654 for 24 values, 0.9885 for 8; at most 0.999.

    A resample varies by (n − 1)/n too little and takes the estimated spread for the true one; asked for 95 % it covers 93 % at 24
    originals and 89 % at 8 (`benchmarks/coverage.py`). Hesterberg 2015, "What teachers should know about the bootstrap", section 4.2.
    """
    tail = norm.cdf(-np.sqrt(n / (n - 1)) * t.ppf((1 + LEVEL) / 2, n - 1))
    return min(1 - 2 / RESAMPLES, float(1 - 2 * tail))
