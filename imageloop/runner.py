"""Carries a plan out: takes those of its chains that are furthest behind, turn after turn, and stores each turn while the next one runs."""

import math
import signal
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from imageloop import catalog
from imageloop.loop import ChainState, Clock, Turned, Vector, anchors, needs_embedder, turn
from imageloop.originals import load_originals
from imageloop.plan import Plan
from imageloop.records import ChainKey, Original, Pixels, Round
from imageloop.store import RunFolder
from imageloop.writer import RunWriter

if TYPE_CHECKING:
    from types import FrameType

    from imageloop.roles import Captioner, Embedder, Generator

SIZE = 512
"""Side of the originals, in pixels, where neither the plan nor the catalog says what size the generator draws."""


class Interrupted(KeyboardInterrupt):
    """Ctrl-C, or a polite kill: every finished turn is stored and the folder is closed. The command line exits with 130."""


class Progress(Protocol):
    """Who wants to know how a run gets on. Called from the thread that runs it, between turns."""

    def pair_started(self, pair: str, chains: int, done: int, total: int) -> None:
        """A pair's chains are about to go on: `done` of `total` rounds, summed over its chains, were there before."""
        ...

    def turn_done(self, pair: str, rounds: Sequence[Round], seconds: float) -> None:
        """One turn took these chains, one round of each, `seconds` of wall time; it is being stored."""
        ...

    def message(self, text: str) -> None:
        """A line a person should see."""
        ...


class Silent:
    """Progress that nobody watches."""

    def pair_started(self, pair: str, chains: int, done: int, total: int) -> None:
        """Says nothing."""

    def turn_done(self, pair: str, rounds: Sequence[Round], seconds: float) -> None:
        """Says nothing."""

    def message(self, text: str) -> None:
        """Says nothing."""


Loader = Callable[[catalog.Role, str, Plan], Any]
"""Gives the captioner, generator or embedder that a plan names."""


def carry_out(
    plan: Plan,
    folder: str | Path,
    *,
    progress: Progress | None = None,
    load: Loader | None = None,
    clock: Clock = time.perf_counter,
) -> RunFolder:
    """The run of a plan in a folder, new or gone on with, all chains at the plan's last round.

    Where nothing is left to do, no model is loaded. `load` gives the models, by default those of the catalog. Raises the errors of
    `imageloop.errors`, and Interrupted on SIGINT or SIGTERM; every turn but the one in flight is then on disk.
    """
    watcher = progress or Silent()
    for role, spec in _models(plan):
        catalog.find(role, spec)
    originals = load_originals(plan.originals, _size(plan))
    with _interruptible(), RunWriter.open(folder, plan.model_dump(mode="json"), originals) as writer:
        models = _Models(plan, writer, load or load_model, watcher)
        for captioner, generator in _pairs(plan):
            states = _states(plan, writer, originals, captioner, generator)
            for text in writer.told():
                watcher.message(text)
            done, total = sum(min(state.round, plan.rounds) for state in states), len(states) * plan.rounds
            watcher.pair_started(states[0].key.pair, len(states), done, total)
            if done < total:
                trio = models.of_pair(captioner, generator)
                _run_pair(plan, writer, _anchored(states, originals, trio), trio, watcher, clock)
    return RunFolder.open(folder)


def load_model(role: catalog.Role, spec: str, plan: Plan) -> Any:
    """The model of the catalog or of a hub, with the plan's device, dtype, batch and recipe changes. Raises ModelError or DeviceError."""
    from imageloop import models

    row = catalog.find(role, spec)
    overrides = {**({"size": plan.size} if plan.size and role == "generator" else {}), **plan.models.get(spec, {})}
    if role == "embedder":
        return models.load_embedder(row, device=plan.device, batch=plan.batch, overrides=overrides)
    load = models.load_captioner if role == "captioner" else models.load_generator
    return load(row, device=plan.device, dtype=plan.dtype, batch=plan.batch, overrides=overrides)


@dataclass(frozen=True, slots=True)
class _Trio:
    captioner: "Captioner"
    generator: "Generator"
    embedder: "Embedder | None"


class _Models:
    """The models of the pair that is running, and no others: the next pair shares one of them, by the order of `_pairs`."""

    def __init__(self, plan: Plan, writer: RunWriter, load: Loader, watcher: Progress) -> None:
        self._plan, self._writer, self._load, self._watcher = plan, writer, load, watcher
        self._loaded: dict[tuple[catalog.Role, str], Any] = {}

    def of_pair(self, captioner: str, generator: str) -> _Trio:
        wanted: list[tuple[catalog.Role, str]] = [("captioner", captioner), ("generator", generator)]
        if needs_embedder(self._plan):
            wanted.append(("embedder", self._plan.embedder))
        self._loaded = {name: model for name, model in self._loaded.items() if name in wanted}
        for role, spec in wanted:
            if (role, spec) not in self._loaded:
                self._watcher.message(f"loading the {role} {spec}")
                self._loaded[role, spec] = self._load(role, spec, self._plan)
                self._writer.use(self._loaded[role, spec].recipe, catalog.label(spec))
        embedder = self._loaded.get(("embedder", self._plan.embedder))
        return _Trio(self._loaded["captioner", captioner], self._loaded["generator", generator], embedder)


def _run_pair(plan: Plan, writer: RunWriter, states: list[ChainState], trio: _Trio, watcher: Progress, clock: Clock) -> None:
    behind = [state for state in states if state.round < plan.rounds]
    together = _chains_a_turn(plan, trio)
    storing: Future[None] | None = None
    with ThreadPoolExecutor(1, "store") as store:
        while behind:
            behind.sort(key=lambda state: (state.round, state.key))
            start = clock()
            turned = turn(behind[:together], trio.captioner, trio.generator, trio.embedder, plan, clock=clock)
            if storing:
                storing.result()
            storing = store.submit(_store, writer, behind[:together], turned, trio.generator.recipe.hash)
            watcher.turn_done(behind[0].key.pair, [done for done, _ in turned], clock() - start)
            moved = [_moved(state, *result) for state, result in zip(behind, turned, strict=False)]
            behind = [state for state in moved + behind[together:] if state.round < plan.rounds]
        if storing:
            storing.result()


def _store(writer: RunWriter, states: Sequence[ChainState], turned: Sequence[Turned], recipe: str) -> None:
    for state, (done, pictures) in zip(states, turned, strict=True):
        writer.append(state.key, done, pictures, recipe)


def _moved(state: ChainState, done: Round, pictures: tuple[Pixels, ...]) -> ChainState:
    return replace(state, round=done.round, pixels=pictures[done.picture_pick.chosen])


def _chains_a_turn(plan: Plan, trio: _Trio) -> int:
    """The fewest chains that fill whole batches of captions and of pictures; more would only put more at stake in a turn."""
    stages = ((trio.captioner.recipe.batch, plan.captions), (trio.generator.recipe.batch, plan.images))
    return math.lcm(*(batch // math.gcd(batch, candidates) for batch, candidates in stages))


def _states(plan: Plan, writer: RunWriter, originals: Sequence[Original], captioner: str, generator: str) -> list[ChainState]:
    states = []
    for original in originals:
        for seed in range(plan.seeds):
            key = ChainKey(catalog.label(captioner), catalog.label(generator), original.id, seed)
            done, pixels = writer.resume(key)
            states.append(ChainState(key, original, done, pixels if done else original.pixels))
    return states


def _anchored(states: list[ChainState], originals: Sequence[Original], trio: _Trio) -> list[ChainState]:
    vectors: dict[str, Vector] = anchors(originals, trio.embedder) if trio.embedder else {}
    return [replace(state, anchor=vectors.get(state.original.id)) for state in states]


def _pairs(plan: Plan) -> list[tuple[str, str]]:
    """Every captioner with every generator, in an order in which neighbours share a model."""
    return [
        (captioner, generator)
        for i, captioner in enumerate(plan.captioners)
        for generator in (plan.generators if i % 2 == 0 else reversed(plan.generators))
    ]


def _models(plan: Plan) -> list[tuple[catalog.Role, str]]:
    captioners: list[tuple[catalog.Role, str]] = [("captioner", spec) for spec in plan.captioners]
    return [*captioners, *(("generator", spec) for spec in plan.generators), ("embedder", plan.embedder)]


def _size(plan: Plan) -> int:
    if plan.size:
        return plan.size
    settings = [{**catalog.find("generator", spec).settings, **plan.models.get(spec, {})} for spec in plan.generators]
    return max((int(known["size"]) for known in settings if "size" in known), default=SIZE)


@contextmanager
def _interruptible() -> Iterator[None]:
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}

    def restore() -> None:
        for number, handler in before.items():
            signal.signal(number, handler)

    def stop(number: int, _frame: "FrameType | None") -> None:
        # Restored first, so that whoever asks a second time is not made to wait for the disk.
        restore()
        raise Interrupted(f"stopped by {signal.Signals(number).name}; the same command goes on from here")

    for number in before:
        signal.signal(number, stop)
    try:
        yield
    finally:
        restore()
