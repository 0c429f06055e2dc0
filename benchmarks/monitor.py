"""How often the monitor's rules raise a false alarm, and how many rounds ahead they warn of a collapse.

    python benchmarks/monitor.py [RUN ...] [--rule jsd.below=0.1] [--without-controls] [--cost] [--json]

Two worlds of the analytic pair, of which the truth is known, and copies of finished runs, whose rounds are gone through again. Each
RUN gets an `alarms.jsonl` and measures, so name copies. With --cost, also what watching adds to a run of the built-in models.

A chain has collapsed from the round on in which its normalised retention is under 0.1 for good, for five rounds at least; in the analytic
worlds, from the round on in which it shows the absorbing hypothesis to its end. An alarm of a chain warns where it is raised at most ten
rounds before its collapse; any other before the collapse is false. `by chance`: the share of collapsed chains that so many false alarms
would have warned of.
"""

import argparse
import json
import tempfile
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np

from imageloop import catalog
from imageloop.arms import arm_of
from imageloop.casting import Pair
from imageloop.errors import ImageloopError
from imageloop.interventions import FLOOR
from imageloop.loop import ChainState, turn
from imageloop.measures import measure_run
from imageloop.models import analytic
from imageloop.monitor import Alarm, Watch, alarms_of
from imageloop.plan import Plan, changed
from imageloop.records import ChainKey, Original
from imageloop.roles import Embedder
from imageloop.runner import carry_out, load_model
from imageloop.store import RunFolder, RunInfo
from imageloop.watch import KINDS

AHEAD = 10
"""Rounds before a collapse in which an alarm is a warning of it."""
LOST, HELD = 0.1, 5
STATES = 6
WELL_MIXED = {
    "prior": [1 / STATES] * STATES,
    "likelihood": [[0.5 if i == j else 0.5 / (STATES - 1) for j in range(STATES)] for i in range(STATES)],
}
LEAK = 0.04
ABSORBING = {
    "prior": [0.95] + [0.05 / (STATES - 1)] * (STATES - 1),
    "likelihood": [[1.0] + [0.0] * (STATES - 1), *([[LEAK] + [(1 - LEAK) / (STATES - 1)] * (STATES - 1)] * (STATES - 1))],
}
"""Five hypotheses among which chains wander, and a sixth into which one of 25 falls each round; it is left again once in 500 rounds."""


@dataclass(frozen=True, slots=True)
class Case:
    """Chains that were watched: their lengths, the round each collapsed in (None: it did not), and all alarms."""

    name: str
    lengths: dict[ChainKey, int]
    collapses: dict[ChainKey, int | None]
    alarms: Sequence[Alarm]

    def row(self, rule: str) -> dict[str, Any]:
        """The figures of one rule."""
        of_rule = [alarm for alarm in self.alarms if alarm.rule == rule]
        if KINDS[rule].together:
            return self._together(of_rule)
        raised = {key: [a.round for a in of_rule if (a.pair, a.arm, a.original, a.seed) == _names(key)] for key in self.lengths}
        watched = {key: (self.collapses[key] or self.lengths[key] + 1) - 1 for key in self.lengths}
        warning = {key: [t for t in raised[key] if end - AHEAD <= t] for key, end in self.collapses.items() if end}
        false = sum(t <= watched[key] - (AHEAD if self.collapses[key] else 0) for key, rounds in raised.items() for t in rounds)
        rounds = sum(max(0, end - (AHEAD if self.collapses[key] else 0)) for key, end in watched.items())
        rate = false / rounds if rounds else 0.0
        leads = [end - min(warning[key]) for key, end in self.collapses.items() if end and warning[key]]
        return {
            "false alarms per 1,000 rounds": 1000 * rate,
            "collapsed": len(warning),
            "warned before": sum(lead > 0 for lead in leads),
            "by chance": (1 - (1 - rate) ** AHEAD) * len(warning),
            "noticed": len(leads),
            "median lead": median(leads) if leads else None,
        }

    def _together(self, alarms: Sequence[Alarm]) -> dict[str, Any]:
        """A pair and arm has collapsed once nine of ten of its chains have."""
        groups = {(key.pair, key.arm) for key in self.lengths}
        rounds, false, leads, gone = 0, 0, [], 0
        for pair, arm in groups:
            keys = [key for key in self.lengths if (key.pair, key.arm) == (pair, arm)]
            ends = sorted(end for key in keys if (end := self.collapses[key]))
            collapse = ends[int(np.ceil(0.9 * len(keys))) - 1] if len(ends) >= 0.9 * len(keys) else None
            raised = [alarm.round for alarm in alarms if (alarm.pair, alarm.arm) == (pair, arm)]
            gone += collapse is not None
            if collapse is None:
                rounds += max(self.lengths[key] for key in keys)
                false += len(raised)
            elif raised:
                leads.append(collapse - min(raised))
        return {
            "false alarms per 1,000 rounds": 1000 * false / rounds if rounds else 0.0,
            "collapsed": gone,
            "warned before": sum(lead > 0 for lead in leads),
            "by chance": None,
            "noticed": len(leads),
            "median lead": median(leads) if leads else None,
        }


def simulated(name: str, world: dict[str, Any], rules: dict[str, Any], *, controls: bool, chains: int = 60, rounds: int = 100) -> Case:
    """Chains of an analytic world, from originals of the hypotheses in turn."""
    settings = {**world, "size": 8}
    known = analytic.world_of(settings)
    starts = range(1, STATES) if world is ABSORBING else range(STATES)
    originals = []
    for number in range(chains):
        state = starts[number % len(starts)]
        pixels = analytic.draw(state, state, known, 8)
        pixels[0, 0] = (number, number, number)
        originals.append(Original(f"original-{number:08}", pixels=pixels))
    models = {"captioners": ("analytic",), "generators": ("analytic",), "embedder": "analytic", "models": {"analytic": settings}}
    plan = Plan(originals=("text:x",), rounds=rounds, seeds=1, controls="auto" if controls else "none", rules=rules, batch=chains, **models)
    captioner, generator, embedder = (load_model(role, "analytic", plan) for role in ("captioner", "generator", "embedder"))
    arms = [arm_of("plain"), *([arm_of(FLOOR)] if controls else [])]
    pair = Pair(plan, "analytic", "analytic", arms, {"": originals})
    states = [ChainState(ChainKey("analytic", "analytic", o.id, 0, a.label), o, 0, o.pixels) for a in arms for o in originals]
    absorbed: dict[ChainKey, list[bool]] = {state.key: [] for state in states if state.key.arm != FLOOR}
    with tempfile.TemporaryDirectory() as folder:
        run = RunFolder(Path(folder), RunInfo(plan=plan.model_dump(mode="json")))
        watch = Watch(pair, run, states, lambda: embedder, lambda _line: None)
        while behind := [pair.ready(state) for state in states if state.round < pair.rounds(state)]:
            moved = {}
            for state, (done, pictures) in zip(behind, turn(behind, captioner, generator, None, plan), strict=True):
                watch.see(state, done, pictures[0])
                if state.key in absorbed:
                    absorbed[state.key].append(done.caption == "state0")
                first = state.first_caption or done.caption
                moved[state.key] = replace(state, round=done.round, pixels=pictures[0], first_caption=first)
            states = [moved.get(state.key, state) for state in states]
        watch.close()
        alarms = alarms_of(run)
    collapses = {key: _for_good(np.array(rows)) if world is ABSORBING else None for key, rows in absorbed.items()}
    return Case(name, {key: len(rows) for key, rows in absorbed.items()}, collapses, alarms)


def replayed(folder: Path, rules: dict[str, Any], *, controls: bool) -> Case:
    """The chains of a run on disk, gone through again under these rules."""
    run = RunFolder.open(folder)
    plan = Plan(**{**run.info.plan, "rules": rules, "watch": True, **({} if controls else {"controls": "none"})})
    embedder: Embedder = load_model("embedder", plan.embedder, plan)
    table = measure_run(run, embedder, measures=("normalised_retention",)).to_pylist()
    retention: dict[ChainKey, dict[int, float]] = {}
    for row in table:
        captioner, _, generator = row["pair"].partition("+")
        key = ChainKey(captioner, generator, row["original"], row["seed"], row["arm"])
        retention.setdefault(key, {})[row["round"]] = row["value"]
    keys = [key for key in run.keys() if key.arm != FLOOR or controls]  # noqa: SIM118, a run folder is no mapping
    lengths = {key: len(run.rounds(key)) for key in keys}
    (folder / "alarms.jsonl").unlink(missing_ok=True)
    arms = [arm_of(text) for text in (*plan.arms, *((FLOOR,) if controls else ()))]
    for captioner, generator in ((c, g) for c in plan.captioners for g in plan.generators):
        names = catalog.label(captioner), catalog.label(generator)
        states = [ChainState(k, run.originals[k.original], lengths[k], None) for k in keys if (k.captioner, k.generator) == names]
        if states:
            Watch(Pair(plan, captioner, generator, arms, {}), run, states, lambda: embedder, lambda _line: None).close()
    chains = {key: length for key, length in lengths.items() if key.arm != FLOOR}
    gone = {key: np.array([retention.get(key, {}).get(t, np.inf) < LOST for t in range(1, n + 1)]) for key, n in chains.items()}
    return Case(folder.name, chains, {key: _for_good(lost) for key, lost in gone.items()}, alarms_of(run))


def cost(repetitions: int) -> dict[str, float]:
    """What watching adds to a run of the built-in models, one after the other in turn: seconds as they are and without the embedding."""
    rows = []
    for number in range(repetitions + 1):
        plan = changed(None, {"originals": (f"stickers:sample 8 seed {number}",), "rounds": 6, "seeds": 2, "batch": 16})
        timed = {}
        for watch in (False, True) if number % 2 else (True, False):
            models: dict[str, Any] = {"embedder": Timed(load_model("embedder", plan.embedder, plan))}
            models["captioner"] = load_model("captioner", plan.captioners[0], plan)
            models["generator"] = load_model("generator", plan.generators[0], plan)
            with tempfile.TemporaryDirectory() as folder:
                watched, start = plan.model_copy(update={"watch": watch}), time.perf_counter()
                carry_out(watched, Path(folder) / "run", load=lambda role, _spec, _plan, models=models: models[role])
                timed[watch] = (time.perf_counter() - start, models["embedder"].seconds)
        rows.append(((timed[True][0] - timed[True][1]) / timed[False][0] - 1, timed[True][1] / timed[False][0]))
    rest, embedded = zip(*rows[1:], strict=True)  # the first warms up
    return {"added, embedding left out": median(rest), "embedding, which measuring then need not do": median(embedded)}


class Timed:
    """An embedder that notes how long it takes."""

    def __init__(self, model: Embedder) -> None:
        self.recipe, self._model, self.seconds = model.recipe, model, 0.0

    def embed_images(self, images: Sequence[Any]) -> Any:
        start = time.perf_counter()
        rows = self._model.embed_images(images)
        self.seconds += time.perf_counter() - start
        return rows


def table(case: Case) -> str:
    """A case as a person reads it."""
    collapsed = sum(end is not None for end in case.collapses.values())
    lines = [f"{case.name}: {len(case.lengths)} chains, {sum(case.lengths.values())} rounds, {collapsed} chains collapsed", ""]
    lines.append(f"{'rule':<8}{'false/1,000':>12}{'collapsed':>11}{'warned':>8}{'by chance':>11}{'noticed':>9}{'lead':>7}")
    for rule in KINDS:
        row = case.row(rule)
        chance, lead = ("–" if row[name] is None else f"{row[name]:.1f}" for name in ("by chance", "median lead"))
        shown = f"{row['collapsed']:>11}{row['warned before']:>8}{chance:>11}{row['noticed']:>9}{lead:>7}"
        lines.append(f"{rule:<8}{row['false alarms per 1,000 rounds']:>12.1f}{shown}")
    return "\n".join(lines)


def _for_good(lost: Any) -> int | None:
    """The round from which on it is lost to the end, for `HELD` rounds at least; None where there is none."""
    kept = np.flatnonzero(~lost)
    first = int(kept[-1]) + 2 if kept.size else 1
    return first if len(lost) - first + 1 >= HELD else None


def _names(key: ChainKey) -> tuple[str, str, str, int]:
    return key.pair, key.arm, key.original, key.seed


def main(arguments: Iterable[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("runs", nargs="*", type=Path, metavar="RUN")
    parser.add_argument("--rule", action="append", default=[], metavar="RULE.KEY=VALUE", help="change a rule")
    parser.add_argument("--without-controls", action="store_true", help="as if no noise floor had been run")
    parser.add_argument("--cost", action="store_true", help="also time runs with and without the monitor")
    parser.add_argument("--repetitions", type=int, default=5)
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args(None if arguments is None else list(arguments))
    try:
        rules, controls = changed(None, {"originals": ("text:x",)}, (), given.rule).rules, not given.without_controls
        cases = [simulated("analytic, well mixed", WELL_MIXED, rules, controls=controls)]
        cases.append(simulated("analytic, absorbing", ABSORBING, rules, controls=controls))
        cases += [replayed(folder, rules, controls=controls) for folder in given.runs]
    except ImageloopError as error:
        parser.error(str(error))
    spent = cost(given.repetitions) if given.cost else {}
    if given.json:
        found = {case.name: {rule: case.row(rule) for rule in KINDS} for case in cases}
        print(json.dumps({"cases": found, "cost": spent}, indent=2))
        return
    print("\n\n".join(map(table, cases)))
    for name, share in spent.items():
        print(f"\n{name}: {share:.1%} of the run's time")


if __name__ == "__main__":
    main()
