"""One number of all chains together, such as a Vendi score: its interval, and its difference between two lines, by leaving originals out.

Such a number is no mean over originals, but it can be made again without the chains of one of them. What that changes, times n − 1, is the
original's share, and shares are what is spread. Tukey 1958, "Bias and confidence in not-quite large samples"; Efron and Stein 1981, "The
jackknife estimate of variance", on why it errs to the wide side. Resampling will not do: it draws an original twice, and duplicates are
what such numbers count.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from math import inf, nan

import numpy as np
from jaxtyping import Float, Int
from scipy.stats import t

from imageloop.measures.paired import EXACT_ORIGINALS, Difference, sign_flip_p
from imageloop.measures.statistics import LEVEL, Estimate

LEAST = 10
"""Below this many originals the interval misses too often (design/population.md), and none is given."""
FLAT = 1e-9
"""Shares that differ by less do not differ: then the spread between originals is unknown, and not 0."""
JUMPS = (
    *("basins", "basins_of_originals", "basins_of_random_captions", "basins_of_fixed_caption", "commitment_round"),
    *("fixed_point_share_random_captions", "two_cycle_share_random_captions", "concept_half_life"),
)
"""Measures that jump when one original goes: counts of clusters and what rests on them, orders that are dealt anew, a median. Leaving one
out does not tell their spread (of the true number of basins, intervals held 57 to 92 in 100)."""


@dataclass(frozen=True, slots=True)
class LeftOut:
    """A number of all chains of a line, and what it is without the chains of each original; NaN where that is undefined."""

    whole: float
    without: Mapping[str, float]
    chains: Mapping[str, int]
    """How many chains each original has."""


def leave_one_out(originals: Sequence[str], value: Callable[[Int[np.ndarray, " k"]], float]) -> LeftOut:
    """The number with every original left out once. `originals[i]` is that of chain i; `value` is given the places of the chains that stay.

    It is never asked about no chains at all: without the only original the number is undefined. Raises ValueError on no chains.
    """
    if not originals:
        raise ValueError("no chains to leave out")
    names, own = np.unique(np.array(originals), return_inverse=True)
    without = {str(name): value(np.flatnonzero(own != number)) if len(names) > 1 else nan for number, name in enumerate(names)}
    return LeftOut(value(np.arange(len(originals))), without, {str(name): int((own == number).sum()) for number, name in enumerate(names)})


def estimate(found: LeftOut, lowest: float = -inf, highest: float = inf) -> Estimate:
    """The number itself, with the 95 % interval of what so many originals read on average: Student's t over the originals' shares.

    The interval stays within the range of the measure, `lowest` to `highest`. There is none below `LEAST` originals, where the number is
    undefined without one of them, and where leaving out any of them changes as much.
    """
    free = _interval(found.whole, shares_of(found))
    if free.low is None or free.high is None:
        return free
    return replace(free, low=max(lowest, free.low), high=min(highest, free.high))


def difference(left: LeftOut, right: LeftOut) -> Difference | None:
    """Left minus right, with an interval of the same kind; None where their originals differ, or their numbers of chains of any.

    Such a number grows with its chains. p is `sign_flip_p` of the originals' shares in the difference; None where there is no interval.
    """
    if left.chains != right.chains:
        return None
    both = shares_of(left) - shares_of(right)
    found = _interval(left.whole - right.whole, both)
    p = None if found.low is None else sign_flip_p(both)
    return Difference(found, p, len(both) <= EXACT_ORIGINALS, len(both), min(left.chains.values()))


def shares_of(found: LeftOut) -> Float[np.ndarray, " n"]:
    """One an original, in order. Their mean is the number itself: lines are compared at one number of originals, not at infinitely many."""
    without = np.array([found.without[name] for name in sorted(found.without)])
    shares: Float[np.ndarray, " n"] = found.whole + (len(without) - 1) * (without.mean() - without)
    return shares


def reach(shares: Float[np.ndarray, " n"]) -> float:
    """Half the width of the 95 % interval: Student's t with n − 1 degrees of freedom times the shares' standard error."""
    n = len(shares)
    return float(t.ppf((1 + LEVEL) / 2, n - 1) * shares.std(ddof=1) / np.sqrt(n))


def _interval(whole: float, shares: Float[np.ndarray, " n"]) -> Estimate:
    n = len(shares)
    if n < LEAST or not np.isfinite(shares).all() or np.ptp(shares) < FLAT:
        return Estimate(whole, None, None, n)
    return Estimate(whole, whole - reach(shares), whole + reach(shares), n)
