"""Where the differences between final values come from: the captioner, the generator, what the two do together, the original, the seed."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float
from numpy.typing import NDArray
from scipy.stats import t

from imageloop.measures.statistics import LEVEL

SOURCES = ("captioner", "generator", "interaction", "original", "original by pair", "seed")
"""`interaction`: what a captioner does with one generator and not with another; `original by pair`: that originals differ in which pair
keeps them best."""
_SMALLEST = 1e-15

Values = Float[np.ndarray, "captioners generators originals seeds"]
Parts = NDArray[np.float64]
"""One number for each of `SOURCES`."""


@dataclass(frozen=True, slots=True)
class Share:
    """One source's part of the variance; None where the design cannot tell it."""

    source: str
    share: float | None
    """0 to 1; the shares of all sources that can be told sum to 1."""
    low: float | None
    high: float | None
    variance: float | None
    """In squared units of the value. Below 0 where there was less of it than chance alone makes; its share is then 0."""


@dataclass(frozen=True, slots=True)
class Blame:
    """The split, in the order of `SOURCES`."""

    shares: tuple[Share, ...]
    variance: float
    """What the shares are parts of: the sum of the variances above 0."""
    originals: int
    seeds: int
    notes: tuple[str, ...]


def blame(values: Values) -> Blame | None:
    """The split of the variance of `values`, one a chain, no gaps; None below two originals or where there is no variance.

    Captioners and generators are those at hand, taken whole; originals are drawn at random, and seeds at random within each original, the
    same for all pairs, which meet the same noise. Parts: sums of squares with their expected noise taken off (method of moments), each
    unbiased. Intervals: 95 % by `jackknifed`. Searle, Casella & McCulloch 1992, "Variance Components", chapter 4.
    """
    captioners, generators, originals, seeds = values.shape
    if originals < 2:
        return None
    told = _told(captioners, generators, seeds)
    parts = components(values)
    total = float(np.maximum(parts[told], 0).sum())
    if total <= _SMALLEST:
        return None
    low, high = jackknifed(values, told)
    shares = tuple(
        Share(source, max(0.0, float(parts[i])) / total, float(low[i]), float(high[i]), float(parts[i]))
        if told[i]
        else Share(source, None, None, None, None)
        for i, source in enumerate(SOURCES)
    )
    return Blame(shares, total, originals, seeds, tuple(_notes(shares, captioners, generators, seeds)))


def components(values: Values) -> Parts:
    """The unbiased variance of each of `SOURCES`; 0 for the seed where there is one, whose part is then in those of the originals."""
    seeds = values.shape[3]
    cells = values.mean(axis=3)
    over_pairs = cells.mean(axis=(0, 1))
    apart = cells - over_pairs
    captioner, generator = apart.mean(axis=1, keepdims=True), apart.mean(axis=0, keepdims=True)
    noise = shared = 0.0
    if seeds > 1:
        noise = float(values.var(axis=3, ddof=1).mean())
        shared = float(values.mean(axis=(0, 1)).var(axis=1, ddof=1).mean())
    return np.array(
        [
            _fixed(captioner),
            _fixed(generator),
            _fixed(apart - captioner - generator),
            float(over_pairs.var(ddof=1)) - shared / seeds,
            float(apart.var(axis=2, ddof=1).mean()) - (noise - shared) / seeds,
            noise,
        ]
    )


def _fixed(effects: Float[np.ndarray, "captioners generators originals"]) -> float:
    """Mean square of effects that are the same for every original, without what their spread over originals adds."""
    n = effects.shape[2]
    return float((effects.mean(axis=2) ** 2 - effects.var(axis=2, ddof=1) / n).mean())


def jackknifed(values: Values, told: NDArray[np.bool_]) -> tuple[Parts, Parts]:
    """Low and high of each share's 95 % interval: the jackknife over originals with Student's t, on the scale arcsin √share.

    That scale gives shares a spread that depends little on their size; a part below 0 counts there with its sign. Covers 88–97 % where a
    bootstrap covers 78–97 % (`design/statistics.md`). With two originals nothing is left to leave one out of: 0 to 1.
    """
    n = values.shape[2]
    if n < 3:
        return np.zeros(len(SOURCES)), np.ones(len(SOURCES))
    left_out = np.stack([_angles(np.delete(values, i, axis=2), told) for i in range(n)])
    error = np.sqrt((n - 1) / n * ((left_out - left_out.mean(axis=0)) ** 2).sum(axis=0))
    reach = t.ppf((1 + LEVEL) / 2, n - 1) * error
    centre = _angles(values, told)
    low, high = (np.sin(np.clip(centre + side * reach, 0, np.pi / 2)) ** 2 for side in (-1, 1))
    return low, high


def _angles(values: Values, told: NDArray[np.bool_]) -> Parts:
    parts = np.where(told, components(values), 0.0)
    shares = parts / max(_SMALLEST, float(np.maximum(parts, 0).sum()))
    return np.sign(shares) * np.arcsin(np.sqrt(np.minimum(np.abs(shares), 1)))


def _told(captioners: int, generators: int, seeds: int) -> NDArray[np.bool_]:
    several = (captioners > 1, generators > 1, captioners > 1 and generators > 1, True, captioners * generators > 1, seeds > 1)
    return np.array(several)


def _notes(shares: tuple[Share, ...], captioners: int, generators: int, seeds: int) -> list[str]:
    notes = [
        f"one {role}: its share cannot be told" for role, count in (("captioner", captioners), ("generator", generators)) if count == 1
    ]
    if seeds == 1:
        notes.append("one seed: what it does cannot be told from what the original does")
    below = [share.source for share in shares if share.variance is not None and share.variance < -_SMALLEST]
    return notes + [f"{source}: less than chance alone would make, shown as 0" for source in below]
