"""How many originals it takes to tell two pairs apart."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import ceil, log2, sqrt

import numpy as np
from scipy.stats import norm

POWER = 0.8
ALPHA = 0.05
MOST = 10_000
"""Above this many originals the difference is too small to ask for them."""


@dataclass(frozen=True, slots=True)
class Needed:
    """What a comparison would have taken."""

    originals: int | None
    """To find the difference that was seen, 8 times in 10; None where it is 0 or would take more than 10,000."""
    seeds: int
    """Chains of each original that this counts on."""
    detectable: float
    """The difference that as many originals as there were find 8 times in 10."""


def needed(differences: Mapping[str, Sequence[float]], seeds: int | None = None, alpha: float = ALPHA) -> Needed | None:
    """What it takes to find a paired difference at 80 % power, from the ones observed; None below two originals.

    `differences`: original → left minus right of its chains. `seeds`: plan for so many chains of each original, by default as many as there
    are; another number needs two chains of some original, else the answer is None, for the spread between seeds is then unknown.

    Two-sided paired test of means over originals by the normal approximation, n = (z₁₋α/₂ + z_power)²·(σ_o² + σ_s²/m)/δ² + z²₁₋α/₂/2, the
    last term for the spread being estimated (Guenther 1981, "Sample size formulas for normal theory T tests"); never fewer than a
    sign-flip test needs to reach alpha at all. The difference that was seen stands for the true one, so this is an order of magnitude.
    """
    rows = [np.asarray(of_one, dtype=float) for of_one in differences.values() if len(of_one)]
    if len(rows) < 2:
        return None
    means = np.array([row.mean() for row in rows])
    now = min(map(len, rows))
    variance = float(means.var(ddof=1))
    if seeds is not None and seeds != now:
        repeated = [row for row in rows if len(row) > 1]
        if not repeated:
            return None
        within = float(np.mean([row.var(ddof=1) for row in repeated]))
        by_chance = within * float(np.mean([1 / len(row) for row in rows]))
        variance = max(0.0, variance - by_chance) + within / seeds
    significant = float(norm.ppf(1 - alpha / 2))
    far = significant + float(norm.ppf(POWER))
    detectable = far * sqrt(variance / len(rows))
    return Needed(_originals(float(means.mean()), variance, alpha, significant, far), seeds or now, detectable)


def _originals(difference: float, variance: float, alpha: float, significant: float, far: float) -> int | None:
    fewest = ceil(1 + log2(1 / alpha))
    if variance <= 0:
        return fewest if difference else None
    if far**2 * variance > MOST * difference**2:
        return None
    return max(fewest, ceil(far**2 * variance / difference**2 + significant**2 / 2))
