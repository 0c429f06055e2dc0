"""The attractor of a quantity that chains carry, by regression of its last value on its first."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

LEAST = 3
"""Different first values, at least: through two goes a line whatever they are."""


@dataclass(frozen=True, slots=True)
class Attractor:
    """Where chains are drawn to, and how strongly."""

    position: float
    """The value that stays as it is: `intercept / (1 − slope)`. NaN where the slope draws nowhere, |slope| ≥ 1."""
    strength: float
    """One minus the slope's absolute value: 1 where the end forgets the start, 0 where differences stay, below 0 where they grow."""


def attractor(first: Float[np.ndarray, " chains"], last: Float[np.ndarray, " chains"]) -> Attractor:
    """Least-squares line through (first, last) over chains, read as an attractor.

    Chains where one of the two is NaN are left out; both fields are NaN where fewer than three different first values remain.
    Perez et al. 2025 (ICLR), "When LLMs play the telephone game".
    """
    known = np.isfinite(first) & np.isfinite(last)
    x, y = first[known].astype(np.float64), last[known].astype(np.float64)
    if len(np.unique(x)) < LEAST:
        return Attractor(float("nan"), float("nan"))
    slope = float(((x - x.mean()) * (y - y.mean())).sum() / ((x - x.mean()) ** 2).sum())
    intercept = float(y.mean() - slope * x.mean())
    return Attractor(intercept / (1 - slope) if abs(slope) < 1 - 1e-9 else float("nan"), 1 - abs(slope))
