"""How much of an original is left, on a scale that the controls set: 0 at chance, 1 at the noise floor."""

import numpy as np
from jaxtyping import Float

from imageloop.measures.similarity import to_one

ROOM = 0.05
"""The least distance between floor and chance, for pictures compared with pictures, at which a place between them means anything."""
TEXT_ROOM = 0.02
"""The same for pictures compared with texts, whose cosines differ less from each other."""


def floor(redrawn: Float[np.ndarray, "k d"] | None, original: Float[np.ndarray, " d"]) -> float:
    """Mean cosine, −1 to 1, of the pictures that one caption of the original gave with the original: what a loop that loses nothing reads.

    `redrawn` are unit rows, or None where that control was not run; then, and where a row is missing, NaN.
    """
    return float("nan") if redrawn is None or not len(redrawn) else float(to_one(redrawn, original).mean())


def normalised(
    similarities: Float[np.ndarray, " n"], floor: float, chance: Float[np.ndarray, " n"], room: float = ROOM
) -> Float[np.ndarray, " n"]:
    """`(similarity − chance) / (floor − chance)` of each round: 1 nothing lost beyond one drawing, 0 nothing kept; it may leave both.

    NaN where floor and chance are closer than `room`, or one of them is unknown.
    """
    span = floor - chance
    wide = np.abs(span) >= room
    values: Float[np.ndarray, " n"] = np.where(wide, (similarities - chance) / np.where(wide, span, 1.0), np.nan)
    return values


def retrieval(
    rows: Float[np.ndarray, "n d"], own: Float[np.ndarray, " d"], others: Float[np.ndarray, "k d"]
) -> tuple[Float[np.ndarray, " n"], Float[np.ndarray, " n"]]:
    """Top-1 hits and reciprocal ranks (both 0 to 1) of a chain's own original among all originals, by cosine with each unit row.

    Originals that are equally near share the places they take: each value is the mean over all orders of them, so that one who
    guesses reads exactly `1 / (k + 1)` and `H / (k + 1)`, with `H` the harmonic number of `k + 1`. NaN without others.
    """
    if not len(others):
        return np.full(len(rows), np.nan), np.full(len(rows), np.nan)
    mine = to_one(rows, own)
    theirs = rows.astype(np.float64) @ others.astype(np.float64).T
    nearer = (theirs > mine[:, None] + 1e-9).sum(axis=1)
    tied = (np.abs(theirs - mine[:, None]) <= 1e-9).sum(axis=1)
    harmonic = np.concatenate([[0.0], np.cumsum(1 / np.arange(1, len(others) + 2))])
    top = np.where(nearer == 0, 1 / (tied + 1), 0.0)
    reciprocal = (harmonic[nearer + tied + 1] - harmonic[nearer]) / (tied + 1)
    known = np.isfinite(mine) & np.isfinite(theirs).all(axis=1)
    return np.where(known, top, np.nan), np.where(known, reciprocal, np.nan)


def guessing(others: Float[np.ndarray, "k d"]) -> float:
    """The share of hits of one who guesses among all originals: `1 / (k + 1)`. NaN without others."""
    return 1 / (len(others) + 1) if len(others) else float("nan")


def lost(before: Float[np.ndarray, " d"], after: Float[np.ndarray, " d"]) -> float:
    """One minus the cosine of two unit vectors, 0 to 2; NaN where one is missing."""
    return 1 - float(to_one(after[None], before)[0])
