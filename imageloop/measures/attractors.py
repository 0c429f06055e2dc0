"""Whether a chain has come to rest: fixed points and two-cycles by likeness, exact cycles by identity, each beside its nulls.

The nulls say what the same rule would find where nothing is attracted: pictures of one caption drawn again and again ("fixed caption"),
which a good rule calls a fixed point, and pictures of unrelated captions one after the other ("random captions"), which it does not.
"""

from collections.abc import Hashable, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Int

from imageloop.measures import similarity

ALIKE = 0.95
"""Mean cosine above which pictures count as the same state."""
HELD = 3
"""Rounds over which it is taken, and periods that an exact cycle must have gone through."""
FEWEST_ORIGINALS = 3
"""For the null of random captions: with two, unrelated pictures could only alternate, which is a two-cycle."""
SEED = 0


@dataclass(frozen=True, slots=True)
class Cycle:
    """The states of a chain from round `start` to its last repeat every `period` rounds; a period of 1 is a state that stays."""

    start: int
    period: int


def fixed_point_round(images: Float[np.ndarray, "n d"], before: Float[np.ndarray, " d"]) -> float:
    """The first of the first three rounds in a row whose pictures' mean cosine with the picture before is above .95; infinity if none.

    `images`: unit rows `x_1 … x_n`; `before`: `x_0`, NaN for a chain that starts from a text. NaN where no three rounds in a row have
    all their pictures. Rule of Sardean123/vlm-iterative-loss.
    """
    steps = _held(similarity.to_previous(images, before))
    return _first(steps > ALIKE, np.isfinite(steps))


def two_cycle_round(images: Float[np.ndarray, "n d"], before: Float[np.ndarray, " d"]) -> float:
    """The first of the first three rounds in a row that are alike to the second picture before but not to the one before; infinity if none.

    Alike: a mean cosine above .95. Arguments and NaN as for `fixed_point_round`.
    """
    path = np.concatenate([before[None], images])
    skip = np.concatenate([[np.nan], similarity.pairwise(path[2:], path[:-2])])[: len(images)]
    steps, skips = _held(similarity.to_previous(images, before)), _held(skip)
    return _first((skips > ALIKE) & (steps < ALIKE), np.isfinite(steps) & np.isfinite(skips))


def exact_cycle(states: Sequence[Hashable]) -> Cycle | None:
    """The shortest cycle that the states of rounds 1, 2, … are in at their end, gone through at least three times; None if there is none.

    One that the chain left again is not counted. Time is linear in the rounds, by the Z-function of the states reversed (Gusfield 1997).
    """
    numbers = {state: number for number, state in enumerate(dict.fromkeys(states))}
    matches = prefix_matches(np.array([numbers[state] for state in reversed(states)], dtype=np.int64))
    for period in range(1, len(states) // HELD + 1):
        if matches[period] >= (HELD - 1) * period:
            return Cycle(len(states) - int(matches[period]) - period + 1, period)
    return None


def prefix_matches(row: Int[np.ndarray, " n"]) -> Int[np.ndarray, " n"]:
    """At each place, how many entries from there on are those of the row's beginning: the Z-function."""
    entries = row.tolist()
    found = [0] * len(entries)
    left = right = 0
    for place in range(1, len(entries)):
        length = min(right - place, found[place - left]) if place < right else 0
        while place + length < len(entries) and entries[length] == entries[place + length]:
            length += 1
        found[place] = length
        if place + length > right:
            left, right = place, place + length
    return np.array(found, dtype=np.int64)


def unrelated(originals: Sequence[str], rounds: int) -> Int[np.ndarray, "n rounds"]:
    """For each chain, which chain's first picture stands at each round of its null of random captions; from one fixed seed.

    `originals`: that of each chain. No picture is of the same original as either of the two before it. Without rows below three originals.
    """
    names, of_chain = np.unique(np.array(originals), return_inverse=True)
    if len(names) < FEWEST_ORIGINALS:
        return np.empty((0, rounds), dtype=np.int64)
    rng = np.random.default_rng(SEED)
    chosen = _apart(len(names), len(originals), rounds, rng)
    sizes, order = np.bincount(of_chain), np.argsort(of_chain, kind="stable")
    starts = np.cumsum(sizes) - sizes
    found: Int[np.ndarray, "n rounds"] = order[starts[chosen] + rng.integers(0, sizes[chosen])]
    return found


def _apart(count: int, rows: int, length: int, rng: np.random.Generator) -> Int[np.ndarray, "rows length"]:
    """Rows of random numbers below `count`, each other than the two before it in its row."""
    drawn = np.empty((rows, length), dtype=np.int64)
    for place in range(length):
        before = np.sort(drawn[:, max(0, place - 2) : place], axis=1)
        number = rng.integers(0, count - before.shape[1], size=rows)
        for taken in before.T:
            number = number + (number >= taken)
        drawn[:, place] = number
    return drawn


def _held(cosines: Float[np.ndarray, " n"]) -> Float[np.ndarray, " m"]:
    """Means of three rounds in a row, at the first of them."""
    if len(cosines) < HELD:
        return np.empty(0)
    means: Float[np.ndarray, " m"] = np.lib.stride_tricks.sliding_window_view(cosines, HELD).mean(axis=1)
    return means


def _first(held: Bool[np.ndarray, " m"], known: Bool[np.ndarray, " m"]) -> float:
    """The number from 1 of the first window that is held; infinity if none is, NaN if nothing is known of any."""
    if not known.any():
        return float("nan")
    return float(np.argmax(held)) + 1 if held.any() else float("inf")
