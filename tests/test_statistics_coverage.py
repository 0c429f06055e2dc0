"""Intervals promise to hold the truth 95 times in 100. Here they are held to it, on values like those that runs give."""

import runpy
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from imageloop.measures.blame import SOURCES, components, jackknifed
from imageloop.measures.statistics import expanded_level, intervals

RUNS = 800
Draw = Callable[[np.random.Generator, int], np.ndarray]


def hits(seeds: int, likely: float) -> Draw:
    """Each original's share of `seeds` chains that kept something, kept with the same chance everywhere."""
    return lambda rng, n: rng.binomial(seeds, likely, (n, RUNS)) / seeds


WORLDS: dict[str, tuple[Draw, float]] = {
    "bell": (lambda rng, n: rng.normal(0.5, 0.1, (n, RUNS)), 0.5),
    "skewed towards 0": (lambda rng, n: rng.beta(0.5, 2.5, (n, RUNS)), 1 / 6),
    "skewed towards 1": (lambda rng, n: 1 - rng.beta(0.8, 6, (n, RUNS)), 6 / 6.8),
    "4 seeds that hit or miss, originals alike": (hits(4, 0.3), 0.3),
    "10 seeds that hit or miss, originals alike": (hits(10, 0.15), 0.15),
    "4 seeds that hit or miss, originals apart": (lambda rng, n: rng.binomial(4, rng.beta(1.3, 2, (n, RUNS))) / 4, 1.3 / 3.3),
}


def covered(draw: Draw, truth: float, n: int) -> float:
    found = intervals(draw(np.random.default_rng([n, 5]), n))
    return float(np.mean([e.low is not None and e.high is not None and e.low <= truth <= e.high for e in found]))


@pytest.mark.parametrize("n", [16, 24, 40])
@pytest.mark.parametrize("world", WORLDS)
def test_an_interval_over_16_to_40_originals_covers_what_it_says(world: str, n: int) -> None:
    # Standard error over 800 runs: 0.008.
    assert 0.925 <= covered(*WORLDS[world], n) <= 0.98


def test_with_eight_originals_it_is_a_little_short_at_worst() -> None:
    shares = {world: covered(*WORLDS[world], 8) for world in WORLDS}
    assert all(0.90 <= share <= 0.98 for share in shares.values()), shares


def test_a_bootstrap_is_asked_for_more_the_fewer_originals_there_are() -> None:
    levels = [expanded_level(n) for n in (2, 5, 8, 24, 1000)]
    assert levels == sorted(levels, reverse=True)
    assert levels == pytest.approx([0.999, 0.99809, 0.98852, 0.96541, 0.95039], abs=1e-5)


def test_intervals_of_shares_cover_the_true_shares() -> None:
    truth = np.array([0.0064, 0.0025, 0.0004, 0.0225, 0.0027, 0.0125])
    rng = np.random.default_rng(3)
    inside = np.zeros(len(SOURCES))
    for _ in range(300):
        low, high = jackknifed(chains_of_known_parts(rng, 24, 3), np.ones(len(SOURCES), bool))
        inside += (low <= truth / truth.sum()) & (truth / truth.sum() <= high)
    assert ((inside / 300 >= 0.90) & (inside / 300 <= 0.99)).all(), inside / 300


def test_parts_of_the_variance_are_right_on_average() -> None:
    truth = np.array([0.0064, 0.0025, 0.0004, 0.0225, 0.0027, 0.0125])
    rng = np.random.default_rng(4)
    found = np.array([components(chains_of_known_parts(rng, 12, 3)) for _ in range(1500)])
    error = found.std(axis=0) / np.sqrt(len(found))
    assert (np.abs(found.mean(axis=0) - truth) < 4 * error).all()
    assert (error < 0.2 * truth).all()


def test_the_benchmark_prints_its_tables(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr("sys.argv", ["coverage.py", "--runs", "10"])
    runpy.run_path(str(Path(__file__).parent.parent / "benchmarks" / "coverage.py"), run_name="__main__")
    rows = [line.split(" | ") for line in capsys.readouterr().out.splitlines() if line.startswith("| ")]
    assert [len(row) for row in rows] == [6] * 22 + [7] * 9 + [7] * 17
    assert all(0 <= float(cell.strip(" |")) <= 1 for row in (*rows[1:22], *rows[23:31], *rows[32:]) for cell in row[1:])


def chains_of_known_parts(rng: np.random.Generator, originals: int, seeds: int) -> np.ndarray:
    """Two captioners ± .08, two generators ± .05, interaction ± .02, originals .15, originals by pair .06·√¾, seeds √(.05² + .1²)."""
    side = np.array([1, -1])
    values = 0.08 * side[:, None] + 0.05 * side[None, :] + 0.02 * np.outer(side, side)
    by_pair = rng.normal(0, 0.06, (2, 2, originals))
    by_pair -= by_pair.mean(axis=(0, 1))
    chains = values[..., None] + rng.normal(0, 0.15, originals) + by_pair
    # Seeds are shared by the pairs (.05), and each pair makes something else of them (.1).
    return chains[..., None] + rng.normal(0, 0.05, (originals, seeds)) + rng.normal(0, 0.1, (2, 2, originals, seeds))
