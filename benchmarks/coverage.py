"""How often the intervals hold the truth, on values like those of runs: means, and shares of the variance.

    python benchmarks/coverage.py --runs 4000

A world is a distribution of an original's mean; its true mean is known. Plain is scipy's BCa at 95 %, expanded what `statistics.intervals`
gives, t Student's interval. design/statistics.md holds the outcome.
"""

import argparse
from collections.abc import Callable, Iterator
from itertools import product

import numpy as np
from scipy.stats import bootstrap, t

from imageloop.measures.blame import SOURCES, jackknifed
from imageloop.measures.statistics import RESAMPLES, intervals

Draw = Callable[[np.random.Generator, int, int], np.ndarray]
WORLDS: dict[str, tuple[Draw, float]] = {
    "bell": (lambda rng, n, runs: rng.normal(0.5, 0.1, (n, runs)), 0.5),
    "skewed towards 0": (lambda rng, n, runs: rng.beta(0.5, 2.5, (n, runs)), 1 / 6),
    "skewed towards 1": (lambda rng, n, runs: 1 - rng.beta(0.8, 6, (n, runs)), 6 / 6.8),
    "4 seeds hit or miss at .3": (lambda rng, n, runs: rng.binomial(4, 0.3, (n, runs)) / 4, 0.3),
    "10 seeds hit or miss at .15": (lambda rng, n, runs: rng.binomial(10, 0.15, (n, runs)) / 10, 0.15),
    "4 seeds hit or miss, originals apart": (lambda rng, n, runs: rng.binomial(4, rng.beta(1.3, 2, (n, runs))) / 4, 1.3 / 3.3),
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


def main() -> None:
    """Print both tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=int, default=4000, help="Runs of each world; the second table has a fifth of them.")
    runs = parser.parse_args().runs
    for line in (*means_table(runs), "", *shares_table(max(1, runs // 5))):
        print(line)


if __name__ == "__main__":
    main()
