"""How often a whole run's own 95 % intervals hold what is known of the analytic pair in closed form, from `run` to `compare`.

    python benchmarks/recovery.py --runs 200

Each run draws its originals anew from the world. What is printed is the share of runs whose interval holds the truth, which should be
0.95, with the range that chance alone gives so many runs.
"""

import argparse
import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from PIL import Image
from scipy.stats import binom

from imageloop import catalog
from imageloop.comparison import compare_runs
from imageloop.measures import Estimate, measure_run, summary
from imageloop.models import closed_form, load_embedder
from imageloop.models.analytic import World, draw, world_of
from imageloop.plan import Plan
from imageloop.runner import carry_out

SETTINGS = {"prior": [0.6, 0.4], "likelihood": [[0.92, 0.08], [0.1, 0.9]], "size": 8}
ROUNDS = 8


def save_originals(world: World, folder: Path, count: int, rng: np.random.Generator) -> None:
    """So many pictures of the world, no two with the same pixels."""
    folder.mkdir()
    for i in range(count):
        state = int(rng.choice(len(world.prior), p=world.prior))
        pixels = draw(state, int(rng.choice(world.likelihood.shape[1], p=world.likelihood[state])), world, 8)
        pixels[0, 0] = i
        Image.fromarray(pixels).save(folder / f"{i:03}.png")


def answers(world: World, run: int, originals: int, seeds: int) -> Iterator[tuple[str, Estimate | None, float]]:
    """What one run says, each with the truth."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        save_originals(world, folder / "originals", originals, np.random.default_rng([1, run]))
        plan = Plan(
            originals=(str(folder / "originals"),),
            captioners=("analytic",),
            generators=("analytic",),
            embedder="analytic",
            rounds=ROUNDS,
            seeds=seeds,
            seed=run,
            batch=64,
            size=8,
            models={"analytic": {key: SETTINGS[key] for key in ("prior", "likelihood")}},
        )
        done = carry_out(plan, folder / "run")
        embedder = load_embedder(catalog.find("embedder", "analytic"), batch=64, overrides=plan.models["analytic"])
        table = measure_run(done, embedder)
        [entry] = compare_runs([done], [table]).entries
        [normalised] = compare_runs([done], [table], measure="normalised_retention").entries
        [pair] = summary(table)
    last, chance, floor = closed_form.retention(world, ROUNDS), closed_form.chance(world), closed_form.floor(world)
    yield "retention", entry.value, last
    yield "noise floor", pair.floor, floor
    yield "normalised retention", normalised.value, (last - chance) / (floor - chance)
    yield "loss of round 1", entry.hop_1_loss, 1 - closed_form.retention(world, 1)
    if entry.decay is not None:
        yield "half-life, where it is told", entry.decay.half_life, closed_form.half_life(world)


def main() -> None:
    """Count, and print a line for each answer."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name, default in (("runs", 200), ("originals", 24), ("seeds", 4)):
        parser.add_argument(f"--{name}", type=int, default=default)
    options = parser.parse_args()
    held: dict[str, list[bool]] = {}
    for run in range(options.runs):
        for name, estimate, truth in answers(world_of(SETTINGS), run, options.originals, options.seeds):
            if estimate is not None and estimate.low is not None and estimate.high is not None:
                held.setdefault(name, []).append(estimate.low <= truth <= estimate.high)
    for name, hits in held.items():
        low, high = binom.ppf([0.025, 0.975], len(hits), 0.95) / len(hits)
        print(f"{name:<28} {np.mean(hits):.3f} of {len(hits)} runs; chance alone gives {low:.3f} to {high:.3f}")


if __name__ == "__main__":
    main()
