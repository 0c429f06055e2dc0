"""Two pairs of models compared on the same originals and seeds: the mean difference, its interval, and a permutation p-value."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from imageloop.measures.statistics import Estimate, over_originals

EXACT_ORIGINALS = 14
"""Up to this many originals all 2^n assignments of signs are gone through; above, `DRAWN` of them."""
DRAWN = 9999

ChainValue = Mapping[tuple[str, int], float]
"""(original, seed) → value."""


@dataclass(frozen=True, slots=True)
class Difference:
    """Left minus right, over the chains that both have."""

    estimate: Estimate
    p: float | None
    """Two-sided, of `sign_flip_p`; None below two originals."""
    exact: bool
    """Whether p went through all assignments of signs; else it is from 9,999 drawn ones."""
    originals: int
    seeds: int
    """The fewest chains of one original."""


def differences_of(left: ChainValue, right: ChainValue) -> dict[str, list[float]]:
    """Left minus right of every (original, seed) that both have, by original; seeds in order."""
    found: dict[str, list[float]] = {}
    for original, seed in sorted(left.keys() & right.keys()):
        found.setdefault(original, []).append(left[original, seed] - right[original, seed])
    return found


def paired_difference(left: ChainValue, right: ChainValue) -> Difference | None:
    """The mean over originals of left minus right, or None where they share no chain. What only one of them has is not counted."""
    rows = differences_of(left, right)
    estimate = over_originals(rows)
    if estimate is None:
        return None
    means = np.array([np.mean(of_one) for of_one in rows.values()])
    p = sign_flip_p(means) if len(means) > 1 else None
    return Difference(estimate, p, len(means) <= EXACT_ORIGINALS, len(means), min(map(len, rows.values())))


def sign_flip_p(differences: Float[np.ndarray, " n"]) -> float:
    """How often a mean at least this far from 0 comes about if each original's difference could as well have had the other sign.

    Two-sided, in (0, 1]. Exact up to `EXACT_ORIGINALS`, so at least 2^(1−n); else (k + 1)/(9,999 + 1) with a fixed seed. Fisher 1935,
    "The Design of Experiments", section 21; Phipson & Smyth 2010 for the added one. Raises ValueError on no differences.
    """
    n = len(differences)
    if n == 0:
        raise ValueError("no differences to flip the signs of")
    if n <= EXACT_ORIGINALS:
        signs = 1 - 2 * ((np.arange(2**n)[:, None] >> np.arange(n)) & 1)
        return float(_as_far(signs, differences).mean())
    signs = 1 - 2 * np.random.default_rng(0).integers(0, 2, (DRAWN, n))
    return float((_as_far(signs, differences).sum() + 1) / (DRAWN + 1))


def _as_far(signs: Float[np.ndarray, "k n"], differences: Float[np.ndarray, " n"]) -> Float[np.ndarray, " k"]:
    slack = 1e-12 * float(np.abs(differences).sum())  # sums in another order must not lose a tie
    far: Float[np.ndarray, " k"] = np.abs(signs @ differences) >= abs(float(differences.sum())) - slack
    return far


def holm(ps: Sequence[float | None]) -> list[float | None]:
    """p-values corrected for being a family, in their order: the chance of any false alarm among them stays below the one given.

    None is no member. Holm 1979, "A simple sequentially rejective multiple test procedure".
    """
    members = sorted((p, place) for place, p in enumerate(ps) if p is not None)
    corrected: list[float | None] = [None] * len(ps)
    highest = 0.0
    for rank, (p, place) in enumerate(members):
        highest = max(highest, min(1.0, p * (len(members) - rank)))
        corrected[place] = highest
    return corrected
