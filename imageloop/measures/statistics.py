"""Means with intervals. Originals are what is resampled, never rounds, which depend on each other."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float
from scipy.stats import bootstrap

RESAMPLES = 2000
LEVEL = 0.95


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
    """For each column, the mean over originals with its BCa bootstrap interval (95 %, 2,000 resamples, one fixed seed).

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
            confidence_level=LEVEL,
            method="BCa",
            rng=np.random.default_rng(0),
        ).confidence_interval
        low[spread], high[spread] = found.low, found.high
    return [Estimate(float(centre[i]), float(low[i]), float(high[i]), n) for i in range(columns)]
