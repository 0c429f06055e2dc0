"""How often the monitor's rules raise a false alarm, and how many rounds ahead they warn of a collapse.

    python benchmarks/monitor.py [RUN ...] [--rule jsd.below=0.1] [--without-controls] [--cost] [--json]

Two worlds of the analytic pair, of which the truth is known, and copies of finished runs, whose rounds are gone through again. Each
RUN gets an `alarms.jsonl` and measures, so name copies. With --cost, also what watching adds to a run of the built-in models.

A chain has collapsed from the round on in which its normalised retention is under 0.1 for good, for five rounds at least; the chains of a
pair and arm, where the mean of theirs is under 0.5. In the analytic worlds, retention is 1 until a chain is absorbed, and 0 then. An alarm
of a chain warns where it is raised at most ten rounds before its collapse; any earlier one is false, and so are all of a chain that does
not collapse. `by chance`: how many collapsed chains as many false alarms would have warned of.
"""

import argparse
import json
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import median
from typing import Any, NamedTuple
from unittest.mock import patch

import numpy as np
from numpy.typing import NDArray

from imageloop import catalog
from imageloop.arms import arm_of
from imageloop.asking import load_model
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
from imageloop.runner import carry_out
from imageloop.store import RunFolder, RunInfo
from imageloop.watch import KINDS

AHEAD = 10
"""Rounds before a collapse in which an alarm is a warning of it."""
LOST, HALF, HELD = 0.1, 0.5, 5
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


Kept = NDArray[np.float64]
"""Normalised retention of rounds 1, 2, …; NaN where it is undefined. In the analytic worlds 1 before the chain is absorbed, and 0 then."""


class Row(NamedTuple):
    """How a rule did."""

    false: float
    """False alarms per 1,000 rounds; rounds of all chains together, for a rule that watches them together."""
    collapsed: int
    warned: int
    """Of those, how many with an alarm before."""
    by_chance: float | None
    noticed: int
    """Of those, how many with an alarm before or after."""
    lead: float | None
    """Median of rounds from the first such alarm to the collapse; negative: the alarm came after."""


@dataclass(frozen=True, slots=True)
class Case:
    """Chains that were watched: how much of its original each kept in every round, and all alarms."""

    name: str
    retention: dict[ChainKey, Kept]
    alarms: Sequence[Alarm]

    @property
    def collapses(self) -> dict[ChainKey, int | None]:
        """The round each chain collapsed in; None: it did not."""
        return {key: for_good(kept < LOST) for key, kept in self.retention.items()}

    def row(self, rule: str) -> Row:
        """The figures of one rule."""
        raised = [alarm for alarm in self.alarms if alarm.rule == rule]
        return self._together(raised) if KINDS[rule].together else self._alone(raised)

    def _alone(self, alarms: Sequence[Alarm]) -> Row:
        rounds, false, leads, gone = 0, 0, [], 0
        raised: dict[tuple[str, str, str, int], list[int]] = {}
        for alarm in alarms:
            raised.setdefault((alarm.pair, alarm.arm, alarm.original, alarm.seed), []).append(alarm.round)
        for key, end in self.collapses.items():
            own = raised.get((key.pair, key.arm, key.original, key.seed), [])
            calm = len(self.retention[key]) if end is None else max(0, end - AHEAD - 1)
            rounds, false = rounds + calm, false + sum(number <= calm for number in own)
            if end is not None:
                gone += 1
                leads += [end - min(late)] if (late := [number for number in own if number > calm]) else []
        rate = false / rounds if rounds else 0.0
        return Row(1000 * rate, gone, sum(lead > 0 for lead in leads), (1 - (1 - rate) ** AHEAD) * gone, len(leads), middle(leads))

    def _together(self, alarms: Sequence[Alarm]) -> Row:
        rounds, false, leads, gone = 0, 0, [], 0
        groups: dict[tuple[str, str], list[Kept]] = {}
        for key, kept in self.retention.items():
            groups.setdefault((key.pair, key.arm), []).append(kept)
        for group, rows in groups.items():
            end = for_good(np.nanmean(np.stack(rows), axis=0) < HALF)
            raised = [alarm.round for alarm in alarms if (alarm.pair, alarm.arm) == group]
            if end is None:
                rounds, false = rounds + len(rows[0]), false + len(raised)
            else:
                gone += 1
                leads += [end - min(raised)] if raised else []
        rate = 1000 * false / rounds if rounds else 0.0
        return Row(rate, gone, sum(lead > 0 for lead in leads), None, len(leads), middle(leads))


def for_good(lost: NDArray[np.bool_]) -> int | None:
    """The round from which on it is lost to the end, for `HELD` rounds at least; None where there is none."""
    kept = np.flatnonzero(~lost)
    first = int(kept[-1]) + 2 if kept.size else 1
    return first if len(lost) - first + 1 >= HELD else None


def middle(leads: Sequence[int]) -> float | None:
    """The median, if there is one."""
    return median(leads) if leads else None


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
    return Case(name, {key: np.array([not (world is ABSORBING and row) for row in rows], float) for key, rows in absorbed.items()}, alarms)


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
    kept = {key: np.array([retention.get(key, {}).get(number, np.nan) for number in range(1, lengths[key] + 1)]) for key in keys}
    return Case(folder.name, {key: row for key, row in kept.items() if key.arm != FLOOR}, alarms_of(run))


def cost(repetitions: int) -> dict[str, float]:
    """What watching costs in a run of the fastest built-in pair: runs with and without it in turn, medians, as shares of those without."""
    rows = []
    for number in range(repetitions + 1):
        plan = changed(
            None, {"originals": (f"stickers:sample 8 seed {number}",), "rounds": 5, "seeds": 1, "generators": ("sticker-sprint",)}
        )
        seconds = {}
        for watch in (False, True) if number % 2 else (True, False):
            models: dict[str, Any] = {"embedder": Timed(load_model("embedder", plan.embedder, plan))}
            models["captioner"] = load_model("captioner", plan.captioners[0], plan)
            models["generator"] = load_model("generator", plan.generators[0], plan)
            with tempfile.TemporaryDirectory() as folder, watching() as spent:
                watched, start = plan.model_copy(update={"watch": watch}), time.perf_counter()
                carry_out(watched, Path(folder) / "run", load=lambda role, _spec, _plan, models=models: models[role])
                seconds[watch] = time.perf_counter() - start
            if watch:
                embedding, own = models["embedder"].seconds, sum(spent) - models["embedder"].seconds
        rows.append((seconds[True] / seconds[False] - 1, embedding / seconds[False], own / seconds[False]))
    names = ("a run takes longer by", "of which embedding, which measuring then need not do", "and the rules")
    return dict(zip(names, map(median, zip(*rows[1:], strict=True)), strict=True))  # the first warms up


@contextmanager
def watching() -> Iterator[list[float]]:
    """The seconds of every call into the monitor."""
    spent: list[float] = []

    def timed(call: Callable[..., Any]) -> Callable[..., Any]:
        def run(*arguments: Any) -> Any:
            start = time.perf_counter()
            try:
                return call(*arguments)
            finally:
                spent.append(time.perf_counter() - start)

        return run

    with ExitStack() as stack:
        for name in ("__init__", "ready", "see", "save", "close"):
            stack.enter_context(patch.object(Watch, name, timed(getattr(Watch, name))))
        yield spent


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
    lines = [
        f"{case.name}: {len(case.retention)} chains, {sum(map(len, case.retention.values()))} rounds, {collapsed} chains collapsed",
        "",
    ]
    lines.append(f"{'rule':<8}{'false/1,000':>12}{'collapsed':>11}{'warned':>8}{'by chance':>11}{'noticed':>9}{'lead':>7}")
    for rule in KINDS:
        row = case.row(rule)
        chance, lead = ("–" if value is None else f"{value:.1f}" for value in (row.by_chance, row.lead))
        lines.append(f"{rule:<8}{row.false:>12.1f}{row.collapsed:>11}{row.warned:>8}{chance:>11}{row.noticed:>9}{lead:>7}")
    return "\n".join(lines)


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
        found = {case.name: {rule: case.row(rule)._asdict() for rule in KINDS} for case in cases}
        print(json.dumps({"cases": found, "cost": spent}, indent=2))
        return
    print("\n\n".join(map(table, cases)), end="\n\n" if spent else "\n")
    for name, share in spent.items():
        print(f"{name}: {share:.2%} of the time of a run that is not watched")


if __name__ == "__main__":
    main()
