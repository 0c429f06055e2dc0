"""The test of the science: runs of the analytic pair, measured as any run, must find what is known of it in closed form."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from jaxtyping import Float
from PIL import Image
from scipy.stats import bootstrap, norm
from tiny_runs import model, plan_of

from imageloop.arms import arm_of
from imageloop.casting import Pair
from imageloop.comparison import compare_runs
from imageloop.loop import ChainState, in_batches, turn
from imageloop.measures import measure_run, summary
from imageloop.measures.decay_interval import decay_estimate
from imageloop.measures.entropy import caption_identity_entropy
from imageloop.measures.statistics import Estimate, intervals
from imageloop.models import closed_form
from imageloop.models.analytic import World, draw, world_of
from imageloop.plan import Plan
from imageloop.records import ChainKey, Original
from imageloop.runner import carry_out

SHARP: dict[str, Any] = {"prior": [0.6, 0.4], "likelihood": [[0.92, 0.08], [0.1, 0.9]]}
"""Two hypotheses that are seldom mistaken for each other: half of what is above chance is left after three rounds."""
WORLD = world_of({**SHARP, "size": 8})
NOISY = [[0.6, 0.4], [0.4, 0.6]]
"""What the second generator draws of the same hypotheses."""


def originals_of(world: World, count: int, rng: np.random.Generator) -> list[Original]:
    """So many originals of a world: a hypothesis of the prior, a datum of it, and a shade by which no two are the same picture."""
    found = []
    for i in range(count):
        state = int(rng.choice(len(world.prior), p=world.prior))
        datum = int(rng.choice(world.likelihood.shape[1], p=world.likelihood[state]))
        pixels = draw(state, datum, world, 8)
        pixels[0, 0] = (i, i, i)
        found.append(Original(f"original-{i:08}", pixels=pixels))
    return found


def walked(
    world: dict[str, Any], originals: Sequence[Original], plan: Plan, arm: str = "plain", fresh: Sequence[Original] = ()
) -> Float[np.ndarray, "originals seeds rounds"]:
    """Which hypothesis each chain shows after each round, by the loop's own turns under an arm; round 0 first."""
    captioner, generator, embedder = (model(role, 64, **world) for role in ("captioner", "generator", "embedder"))
    noisy = model("generator", 64, **{**world, "likelihood": NOISY})
    pair = Pair(plan, "analytic", "analytic", [arm_of(arm)], {"": fresh})
    label = arm_of(arm).label
    keys = [(original, ChainKey("analytic", "analytic", original.id, seed, label)) for original in originals for seed in range(plan.seeds)]
    states = [ChainState(key, original, 0, original.pixels) for original, key in keys]
    shown = [states_shown(embedder, states)]
    for _ in range(plan.rounds):
        states = [pair.ready(state) for state in states]
        drawing = noisy if states[0].act.generator == "analytic-noisy" else generator
        done = turn(states, captioner, drawing, None, plan)
        states = [
            replace(state, round=one.round, pixels=pixels[0], first_caption=state.first_caption or one.caption)
            for state, (one, pixels) in zip(states, done, strict=True)
        ]
        shown.append(states_shown(embedder, states))
    return np.array(shown).T.reshape(len(originals), plan.seeds, plan.rounds + 1)


def states_shown(embedder: Any, states: Sequence[ChainState]) -> Float[np.ndarray, " n"]:
    rows = np.array(in_batches(embedder.embed_images, embedder.recipe.batch, [state.pixels for state in states]))
    return np.argmax(rows, axis=1)


def plain_plan(**changes: Any) -> Plan:
    return plan_of(**{"captions": 1, "images": 1, "pick_caption": "first", "pick_image": "first", **changes})


def simulated(run: int, originals: int, seeds: int, rounds: int) -> Float[np.ndarray, "originals rounds"]:
    """Each original's share of chains that still show its hypothesis, by round, in one run of originals drawn anew."""
    world = originals_of(WORLD, originals, np.random.default_rng([7, run]))
    return kept(walked(SHARP, world, plain_plan(rounds=rounds, seeds=seeds, seed=run)))


def holds(estimate: Estimate, truth: float) -> bool:
    assert estimate.low is not None
    assert estimate.high is not None
    return estimate.low <= truth <= estimate.high


def test_intervals_cover_the_truth_in_95_of_100_runs() -> None:
    runs, rounds = 240, 4
    truth = [closed_form.retention(WORLD, t) for t in range(1, rounds + 1)]
    covered = [[holds(*pair) for pair in zip(intervals(simulated(run, 24, 3, rounds)), truth, strict=True)] for run in range(runs)]
    assert 0.93 <= np.mean(covered) <= 0.97


def share_of_state_0(shown: Float[np.ndarray, "originals seeds rounds"]) -> Estimate:
    return intervals((shown == 0).mean(axis=(1, 2))[:, None])[0]


@pytest.mark.parametrize("p", [0, 0.05, 0.2, 1])
def test_fresh_data_settles_where_the_closed_form_says(p: float) -> None:
    rng = np.random.default_rng(11)
    fresh = [replace(original, pixels=draw(1, 1, WORLD, 8)) for original in originals_of(WORLD, 3, rng)]
    start = closed_form.after(WORLD, 1, np.array([0.0, 1.0]))
    truth = closed_form.with_fresh(WORLD.transition, p, start, WORLD.prior)[0]
    shown = walked(SHARP, originals_of(WORLD, 40, rng), plain_plan(rounds=60, seeds=2), f"fresh(p={p})", fresh)
    assert holds(share_of_state_0(shown[:, :, 30:]), truth)


def kept(shown: Float[np.ndarray, "originals seeds rounds"]) -> Float[np.ndarray, "originals rounds"]:
    return (shown[:, :, 1:] == shown[:, :, :1]).mean(axis=1)


def all_hold(values: Float[np.ndarray, "originals rounds"], truths: Sequence[float]) -> bool:
    """Whether every truth lies in its column's interval, all together with 95 % (Bonferroni)."""
    error = values.std(axis=0, ddof=1) / len(values) ** 0.5
    return bool((np.abs(values.mean(axis=0) - truths) <= norm.ppf(1 - 0.025 / len(truths)) * error).all())


def test_reanchor_follows_the_product_of_its_transitions() -> None:
    shown = walked(SHARP, originals_of(WORLD, 120, np.random.default_rng(3)), plain_plan(rounds=9, seeds=4), "reanchor(every=3)")
    since = [t if t < 3 else t % 3 + 1 for t in range(1, 10)]  # in rounds 3, 6 and 9 the captioner sees the original, as in round 1
    truths = [closed_form.retention(WORLD, t) for t in since]
    assert all_hold(kept(shown), truths)
    assert not all_hold(kept(shown), [closed_form.retention(WORLD, t) for t in range(1, 10)])


def test_rotation_follows_the_product_of_its_transitions() -> None:
    plan = plain_plan(rounds=6, seeds=4, generators=("analytic", "analytic-noisy"))
    shown = walked(SHARP, originals_of(WORLD, 120, np.random.default_rng(5)), plan, "rotate(generators)")
    step, truths = WORLD.transition, []
    for t in range(1, 7):
        truths.append(float(WORLD.prior @ np.diag(step)))
        # Round t + 1 describes what round t's generator drew: the noisy one draws in rounds 2, 4 and 6.
        step = step @ (np.array(NOISY) @ WORLD.posterior if t % 2 == 0 else WORLD.transition)
    assert all_hold(kept(shown), truths)
    assert not all_hold(kept(shown), [closed_form.retention(WORLD, t) for t in range(1, 7)])


def test_half_life_and_plateau_are_recovered() -> None:
    shown = walked(SHARP, originals_of(WORLD, 160, np.random.default_rng(8)), plain_plan(rounds=14, seeds=6))
    curves = {str(i): curve for i, curve in enumerate(kept(shown))}
    found = decay_estimate(curves, np.arange(1.0, 15.0))
    assert found.verdict == "decays"
    assert found.half_life is not None
    assert found.plateau is not None
    assert holds(found.half_life, closed_form.half_life(WORLD))
    assert holds(found.plateau, closed_form.chance(WORLD))


@pytest.mark.parametrize("rounds", [1, 3, 6])
def test_what_a_round_tells_of_the_original_is_recovered(rounds: int) -> None:
    shown = walked(SHARP, originals_of(WORLD, 200, np.random.default_rng(9)), plain_plan(rounds=6, seeds=4))

    def information(*rows: Any) -> float:
        chosen = shown[np.array(rows[0])]
        joint = np.zeros((2, 2))
        np.add.at(joint, (chosen[:, :, 0].ravel(), chosen[:, :, rounds].ravel()), 1 / chosen[:, :, 0].size)
        told = closed_form.entropy(joint.sum(axis=0)) + closed_form.entropy(joint.sum(axis=1)) - closed_form.entropy(joint.ravel())
        return float(told)

    found = bootstrap((range(200),), information, vectorized=False, n_resamples=999, method="percentile", rng=np.random.default_rng(0))
    assert found.confidence_interval.low <= closed_form.mutual_information(WORLD, rounds) <= found.confidence_interval.high


def test_the_whole_pipeline_recovers_the_closed_form(tmp_path: Path) -> None:
    (tmp_path / "originals").mkdir()
    for original in originals_of(WORLD, 24, np.random.default_rng(2)):
        Image.fromarray(original.pixels).save(tmp_path / "originals" / f"{original.id}.png")
    changes = {"originals": (str(tmp_path / "originals"),), "rounds": 6, "seeds": 4, "controls": "auto", "models": {"analytic": SHARP}}
    run = carry_out(plain_plan(**changes, batch=64), tmp_path / "run")
    table = measure_run(run, model("embedder", 64, **SHARP))
    [pair] = compare_runs([run], [table]).entries
    [normalised] = compare_runs([run], [table], measure="normalised_retention").entries
    [summed] = summary(table)
    assert pair.value is not None
    assert holds(pair.value, closed_form.retention(WORLD, 6))
    assert summed.floor is not None
    assert holds(summed.floor, closed_form.floor(WORLD))
    above = (closed_form.retention(WORLD, 6) - closed_form.chance(WORLD)) / (closed_form.floor(WORLD) - closed_form.chance(WORLD))
    assert normalised.value is not None
    assert holds(normalised.value, above)
    captions = [run.rounds(key)[-1].caption for key in run.keys() if key.arm == "plain"]  # noqa: SIM118
    assert caption_identity_entropy(captions) == pytest.approx(closed_form.entropy(WORLD.prior), abs=0.05)
