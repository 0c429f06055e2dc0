"""How often the intervals hold the truth, on values like those of runs: means, shares of the variance, and Vendi scores.

    python benchmarks/coverage.py --runs 4000

A world is a distribution of an original's mean; its true mean is known. Plain is scipy's BCa at 95 %, expanded what `statistics.intervals`
gives, t Student's interval. design/statistics.md and design/population.md hold the outcome.
"""

import argparse
from collections.abc import Callable, Iterator
from itertools import chain, product

import numpy as np
from scipy.stats import bootstrap, t

from imageloop.measures.blame import SOURCES, jackknifed
from imageloop.measures.diversity import vendi_of_rows
from imageloop.measures.leave_one_out import leave_one_out, reach, shares_of
from imageloop.measures.paired import sign_flip_p
from imageloop.measures.statistics import RESAMPLES, intervals

Draw = Callable[[np.random.Generator, int, int], np.ndarray]
Scene = Callable[[np.random.Generator, int], np.ndarray]
WORLDS: dict[str, tuple[Draw, float]] = {
    "bell": (lambda rng, n, runs: rng.normal(0.5, 0.1, (n, runs)), 0.5),
    "skewed towards 0": (lambda rng, n, runs: rng.beta(0.5, 2.5, (n, runs)), 1 / 6),
    "skewed towards 1": (lambda rng, n, runs: 1 - rng.beta(0.8, 6, (n, runs)), 6 / 6.8),
    "4 seeds hit or miss at .3": (lambda rng, n, runs: rng.binomial(4, 0.3, (n, runs)) / 4, 0.3),
    "10 seeds hit or miss at .15": (lambda rng, n, runs: rng.binomial(10, 0.15, (n, runs)) / 10, 0.15),
    "4 seeds hit or miss, originals apart": (lambda rng, n, runs: rng.binomial(4, rng.beta(1.3, 2, (n, runs))) / 4, 1.3 / 3.3),
    "4 seeds, one original in 11 is lost": (
        lambda rng, n, runs: rng.binomial(4, np.where(rng.random((n, runs)) < 1 / 11, 0.09, 0.93)) / 4,
        (10 * 0.93 + 0.09) / 11,
    ),
}
ORIGINALS = (4, 8, 16, 24, 40)
PARTS = np.array([0.0064, 0.0025, 0.0004, 0.0225, 0.0027, 0.0125])
"""The true variance of each of SOURCES in `chains`."""


def plain(means: np.ndarray) -> np.ndarray:
    """scipy's BCa interval at 95 %, low and high; without width where all originals agree."""
    ends = np.array([means.mean(axis=0), means.mean(axis=0)])
    spread = np.ptp(means, axis=0) > 1e-12
    own = means[:, spread]
    batch = max(1, 4_000_000 // own.size)
    found = bootstrap((own,), np.mean, axis=0, n_resamples=RESAMPLES, batch=batch, rng=np.random.default_rng(0), method="BCa")
    ends[:, spread] = found.confidence_interval.low, found.confidence_interval.high
    return ends


def expanded(means: np.ndarray) -> np.ndarray:
    """What the package gives."""
    return np.array([[one.low, one.high] for one in intervals(means)]).T


def student(means: np.ndarray) -> np.ndarray:
    """Student's t."""
    reach = t.ppf(0.975, len(means) - 1) * means.std(axis=0, ddof=1) / np.sqrt(len(means))
    return np.array([means.mean(axis=0) - reach, means.mean(axis=0) + reach])


def share(ends: np.ndarray, truth: float) -> float:
    """How often the truth lies within."""
    return float(np.mean((ends[0] <= truth + 1e-12) & (truth - 1e-12 <= ends[1])))


def chains(rng: np.random.Generator, originals: int, seeds: int, *, skewed: bool) -> np.ndarray:
    """Two captioners with two generators; what is drawn is bell-shaped, or skewed as gamma is with shape 2."""

    def draw(*shape: int) -> np.ndarray:
        return (rng.gamma(2, 1, shape) - 2) / np.sqrt(2) if skewed else rng.normal(size=shape)

    side = np.array([1, -1])
    level = 0.08 * side[:, None] + 0.05 * side[None, :] + 0.02 * np.outer(side, side)
    by_pair = 0.06 * draw(2, 2, originals)
    cells = level[..., None] + 0.15 * draw(originals) + by_pair - by_pair.mean(axis=(0, 1))
    return cells[..., None] + 0.05 * draw(originals, seeds) + 0.1 * draw(2, 2, originals, seeds)


def means_table(runs: int) -> Iterator[str]:
    """How often intervals of means hold them, a line a world and kind of interval."""
    yield f"| coverage of 95 % intervals, {runs} runs | " + " | ".join(f"n={n}" for n in ORIGINALS) + " |"
    yield "|---|" + "---|" * len(ORIGINALS)
    for world, (draw, truth) in WORLDS.items():
        for interval in (plain, expanded, student):
            cells = [share(interval(draw(np.random.default_rng([n, 11]), n, runs)), truth) for n in ORIGINALS]
            yield f"| {world}, {interval.__name__} | " + " | ".join(f"{cell:.3f}" for cell in cells) + " |"


def shares_table(runs: int) -> Iterator[str]:
    """How often intervals of shares of the variance hold them, a line a number of originals and shape."""
    yield f"| shares of the variance, {runs} runs | " + " | ".join(SOURCES) + " |"
    yield "|---|" + "---|" * len(SOURCES)
    told, truth = np.ones(len(SOURCES), dtype=bool), PARTS / PARTS.sum()
    for n, skewed in product((4, 8, 24, 40), (False, True)):
        rng = np.random.default_rng(n)
        inside = np.zeros(len(SOURCES))
        for _ in range(runs):
            low, high = jackknifed(chains(rng, n, 3, skewed=skewed), told)
            inside += (low <= truth) & (truth <= high)
        yield f"| n={n}, {'skewed' if skewed else 'bell'} | " + " | ".join(f"{cell:.3f}" for cell in inside / runs) + " |"


def unit(rows: np.ndarray) -> np.ndarray:
    """Rows of length 1."""
    return rows / np.linalg.norm(rows, axis=-1, keepdims=True)


MOTIFS = unit(np.random.default_rng(0).normal(size=(8, 64)))
"""Where chains may end."""
LIKELY = np.array([[0.4, 0.2, 0.15, 0.1, 0.05, 0.04, 0.03, 0.03], [0.55, 0.25, 0.1, 0.04, 0.03, 0.01, 0.01, 0.01]])
"""How likely each motif is for each of two lines."""


def own_and_noise(rng: np.random.Generator, n: int) -> tuple[np.ndarray, np.ndarray]:
    """What an original's chains share in both lines, (n, 1, 64), and what each chain of each line has of its own, (2, n, 3, 64)."""
    return rng.normal(size=(n, 1, 64)) / 8, rng.normal(size=(2, n, 3, 64)) / 8


def apart(rng: np.random.Generator, n: int) -> np.ndarray:
    """Every original keeps its own picture, and seeds part a little."""
    own, noise = own_and_noise(rng, n)
    return unit(np.array([0.5, 0.7])[:, None, None, None] * MOTIFS[0] + own + np.array([1, 1.3])[:, None, None, None] * noise)


def alike(rng: np.random.Generator, n: int) -> np.ndarray:
    """All chains resemble each other."""
    own, noise = own_and_noise(rng, n)
    return unit(2.5 * MOTIFS[0] + np.array([1, 0.7])[:, None, None, None] * own + 0.6 * noise)


def motifs(rng: np.random.Generator, n: int) -> np.ndarray:
    """Chains end at a few motifs, half of them where their original's others do."""
    _, noise = own_and_noise(rng, n)
    place = np.where(rng.random((2, n, 3)) < 0.5, rng.random((n, 1)), rng.random((2, n, 3)))
    chosen = np.array([np.searchsorted(np.cumsum(likely), at).clip(max=7) for likely, at in zip(LIKELY, place, strict=True)])
    return unit(MOTIFS[chosen] + 0.25 * noise)


def half_lost(rng: np.random.Generator, n: int) -> np.ndarray:
    """Some chains keep their original, the others all end at one motif."""
    own, noise = own_and_noise(rng, n)
    keeps = rng.random((2, n, 3, 1)) < np.array([0.5, 0.3])[:, None, None, None]
    return unit(np.where(keeps, own, MOTIFS[1]) + 0.3 * noise)


SCENES = (apart, alike, motifs, half_lost)
"""Each gives the pictures of two lines, (2, originals, 3 seeds, 64)."""
SOME = (6, 8, 10, 12, 16, 24)
TRUTHS = 5
"""The true score is the mean over so many times the runs."""
DRAWN = 99
"""Resamples of the bootstrap."""


def score(rows: np.ndarray) -> float:
    """Vendi score of (originals, seeds, 64)."""
    return vendi_of_rows(rows.reshape(-1, rows.shape[-1]))


def spread(line: np.ndarray) -> np.ndarray:
    """The share of each original in the score of a line."""
    rows = line.reshape(-1, line.shape[-1])
    originals = [f"{number:02}" for number in np.arange(len(line)).repeat(line.shape[1])]
    return shares_of(leave_one_out(originals, lambda places: vendi_of_rows(rows[places])))


def left_out(scene: Scene, n: int, runs: int) -> list[float]:
    """How often leaving one out holds the score, and the difference of two lines, and how often p finds none where there is none."""
    rng = np.random.default_rng([n, 7])
    truths = np.mean([[score(line) for line in scene(rng, n)] for _ in range(TRUTHS * runs)], axis=0)
    found = np.zeros(3)
    for _ in range(runs):
        left, right = (spread(line) for line in scene(rng, n))
        off = left - right - (truths[0] - truths[1])
        found += (abs(left.mean() - truths[0]) <= reach(left), abs(off.mean()) <= reach(off), sign_flip_p(off) > 0.05)
    return list(found / runs)


def resampled(scene: Scene, n: int, runs: int) -> float:
    """How often the percentiles of a bootstrap of originals hold the score."""
    rng = np.random.default_rng([n, 8])
    truth = np.mean([score(scene(rng, n)[0]) for _ in range(TRUTHS * runs)])
    lines = (scene(rng, n)[0] for _ in range(runs))
    ends = [np.quantile([score(line[rng.integers(0, n, n)]) for _ in range(DRAWN)], [0.025, 0.975]) for line in lines]
    return float(np.mean([low <= truth <= high for low, high in ends]))


def scores_table(runs: int) -> Iterator[str]:
    """How often intervals of Vendi scores hold them, a line a scene and kind of interval."""
    yield f"| Vendi scores, {runs} runs | " + " | ".join(f"n={n}" for n in SOME) + " |"
    yield "|---|" + "---|" * len(SOME)
    for scene in SCENES:
        rows = np.array([[*left_out(scene, n, runs), resampled(scene, n, max(1, runs // 4))] for n in SOME]).T
        for kind, cells in zip(("score", "difference", "p above .05 where there is none", "score by a bootstrap"), rows, strict=True):
            yield f"| {scene.__name__}, {kind} | " + " | ".join(f"{cell:.3f}" for cell in cells) + " |"


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "--runs", type=int, default=4000, help="Runs of each world; the second table has a fifth of them, the third a tenth."
    )
    runs = parser.parse_args().runs
    for line in chain(means_table(runs), [""], shares_table(max(1, runs // 5)), [""], scores_table(max(1, runs // 10))):
        print(line, flush=True)


if __name__ == "__main__":
    main()
