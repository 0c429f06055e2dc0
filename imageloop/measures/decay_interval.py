"""Half-life and plateau of a pair: the decay fitted to the mean curve, with intervals from fitting it again to resampled originals."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from imageloop.measures.decay import Decay, fit_decay
from imageloop.measures.statistics import Estimate, expanded_level

REFITS = 400
"""Resamples of the originals that the curve is fitted to again."""
SURE = 0.9
"""The least share of them in which half-life and plateau must be told for an interval to be given."""
MOST_ROUNDS = 400
"""Rounds that are fitted, at most; more are thinned evenly."""


@dataclass(frozen=True, slots=True)
class DecayEstimate:
    """What the fit says. Half-life (rounds) and plateau (the measure's unit) are None unless the verdict is decays or rises."""

    half_life: Estimate | None
    plateau: Estimate | None
    verdict: str
    flat: float
    """Share of the resamples whose curve is flat, 0 to 1; 0 where nothing was resampled."""
    unidentified: float
    """Share of the resamples whose curve cannot be identified, 0 to 1."""


def decay_estimate(curves: Mapping[str, Float[np.ndarray, " rounds"]], rounds: Float[np.ndarray, " rounds"]) -> DecayEstimate:
    """The decay of the mean over originals of their curves, each at the same rounds. Raises ValueError on no curves.

    Intervals: percentiles of the fits that could be told, at the level of `expanded_level`; none below two originals, nor where a tenth of
    the resamples or more is flat or not identifiable. `Estimate.mean` is the fit to the mean curve, not a mean of fits.
    """
    if not curves:
        raise ValueError("no curves to fit")
    chosen = np.unique(np.linspace(0, len(rounds) - 1, min(len(rounds), MOST_ROUNDS)).round().astype(int))
    rows = np.array([curves[original] for original in sorted(curves)])[:, chosen]
    fitted = fit_decay(rounds[chosen], rows.mean(axis=0))
    n = len(rows)
    if n < 2:
        return DecayEstimate(_estimate(fitted.half_life, [], n), _estimate(fitted.plateau, [], n), fitted.verdict, 0.0, 0.0)
    drawn = np.random.default_rng(0).integers(0, n, (REFITS, n))
    refits = [fit_decay(rounds[chosen], rows[places].mean(axis=0)) for places in drawn]
    told = [fit for fit in refits if fit.half_life is not None]
    sure = told if len(told) > SURE * REFITS else []
    return DecayEstimate(
        _estimate(fitted.half_life, [fit.half_life for fit in sure], n),
        _estimate(fitted.plateau, [fit.plateau for fit in sure], n),
        fitted.verdict,
        _share(refits, "flat"),
        _share(refits, "not identifiable"),
    )


def _estimate(value: float | None, resampled: list[float | None], n: int) -> Estimate | None:
    if value is None:
        return None
    if not resampled:
        return Estimate(value, None, None, n)
    tail = (1 - expanded_level(n)) / 2
    low, high = np.quantile(np.array(resampled, dtype=float), [tail, 1 - tail])
    return Estimate(value, min(value, float(low)), max(value, float(high)), n)


def _share(refits: list[Decay], verdict: str) -> float:
    return sum(fit.verdict == verdict for fit in refits) / len(refits)
