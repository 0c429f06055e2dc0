"""Carries a plan out: takes those of its chains that are furthest behind, turn after turn, and stores each turn while the next one runs."""

import math
import signal
import threading
import time
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from imageloop import catalog
from imageloop.arms import Arm, arm_of
from imageloop.asking import load_model
from imageloop.casting import Pair
from imageloop.forward import Forward
from imageloop.interventions import FLOOR
from imageloop.lineup import Lineup, Loader
from imageloop.loop import ChainState, Clock, Turned, Vector, anchors, turn
from imageloop.models.budget import Budget
from imageloop.moment import NOTHING
from imageloop.monitor import Watch, refuse_unseen
from imageloop.originals import STICKERS, load_originals
from imageloop.plan import Plan
from imageloop.records import ChainKey, Original, Pixels, Recipe, Round
from imageloop.roles import Captioner, Embedder, Generator
from imageloop.store import RunFolder
from imageloop.writer import RunWriter

if TYPE_CHECKING:
    from types import FrameType

SIZE = 512
"""Side of the originals, in pixels, where neither the plan nor the catalog says what size the generator draws."""

OTHER_SCENES = f"{STICKERS}sample 64"
"""New material for a run whose only original is a scene of the sticker world, so that it has no others to take."""


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

    def rounds_dropped(self, pair: str, rounds: int) -> None:
        """So many of the pair's rounds will not be made: a rule of the plan stopped chains."""
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

    def rounds_dropped(self, pair: str, rounds: int) -> None:
        """Says nothing."""

    def message(self, text: str) -> None:
        """Says nothing."""


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
    refuse_unseen(plan)
    originals = load_originals(plan.originals, _size(plan))
    arms = _arms(plan)
    material = {"": originals} | {source: load_originals([source], _size(plan)) for arm in arms for source in arm.sources}
    if len(originals) == 1 and plan.originals[0].startswith(STICKERS) and any(arm.parts for arm in arms):
        material[""] = [*originals, *load_originals([OTHER_SCENES], _size(plan))]
    with _interruptible(), RunWriter.open(folder, plan.model_dump(mode="json"), originals) as writer:
        chosen = load or partial(load_model, budget=Budget(plan.max_requests))
        chains = len(originals) * plan.seeds * len(arms)
        models = Lineup(plan, writer, chosen, watcher.message, size=_size(plan), chains=chains)
        if more := len(writer.run.originals) - len(originals):
            watcher.message(f"{folder} also holds {more} of an earlier command's originals; --name or --out begins another run")
        for text in _idle(plan, arms):
            watcher.message(text)
        for captioner, generator in _pairs(plan):
            pair = Pair(plan, captioner, generator, arms, material)
            states = _states(plan, writer, originals, pair)
            for text in writer.told():
                watcher.message(text)
            watch = Watch(pair, writer.run, states, models.watching, watcher.message)
            done = sum(min(state.round, watch.rounds(state)) for state in states)
            total = sum(map(watch.rounds, states))
            watcher.pair_started(states[0].key.pair, len(states), done, total)
            if done < total:
                models.keep(pair.casts)
                states = _anchored(states, originals, models.embedder())
                try:
                    _Course(pair, writer, models, watch, watcher, clock).run(states)
                finally:
                    watch.save()
            watch.close()
    return RunFolder.open(folder)


@dataclass(slots=True)
class _Course:
    """One pair on its way to its last round."""

    pair: Pair
    writer: RunWriter
    models: Lineup
    watch: Watch
    watcher: Progress
    clock: Clock

    def run(self, states: Sequence[ChainState]) -> None:
        """Take the chains that are furthest behind one round further, until none is behind."""
        forward = Forward(self.pair, self.writer.run, states)
        behind = self._behind([self._forwarded(state, forward) for state in states])
        storing: Future[None] | None = None
        with ThreadPoolExecutor(1, "store") as store:
            while behind:
                behind.sort(key=lambda state: (state.round, state.key))
                start = self.clock()
                cast = self.pair.cast(behind[0])
                captioner, generator = self.models.cast(cast)
                fewest = _chains_a_turn(self.pair.plan, captioner, generator, behind[0])
                most = self.models.chains_a_turn(fewest, behind[0].act.images or self.pair.plan.images)
                together = list(islice((state for state in behind if self.pair.cast(state) == cast), most))
                turned = turn(together, captioner, generator, self.models.embedder(), self.pair.plan, clock=self.clock)
                if storing:
                    storing.result()
                storing = store.submit(_store, self.writer, together, turned, generator.recipe.hash)
                moved = {state.key: self._moved(state, *result) for state, result in zip(together, turned, strict=True)}
                self.watcher.turn_done(behind[0].key.pair, [done for done, _ in turned], self.clock() - start)
                for key, (done, _) in zip(moved, turned, strict=True):
                    forward.see(key, done)
                if any(map(forward.repeats, moved)):
                    storing.result()
                    moved = {key: self._forwarded(state, forward) for key, state in moved.items()}
                behind = self._behind([moved.get(state.key, state) for state in behind])
            if storing:
                storing.result()

    def _behind(self, states: Iterable[ChainState]) -> list[ChainState]:
        """Those that are not at their last round, with what is done to the next one."""
        return [self.watch.ready(self.pair.ready(state)) for state in states if state.round < self.watch.rounds(state)]

    def _moved(self, state: ChainState, done: Round, pictures: tuple[Pixels, ...]) -> ChainState:
        pixels = pictures[done.picture_pick.chosen]
        if dropped := self.watch.see(state, done, pixels):
            self.watcher.rounds_dropped(state.key.pair, dropped)
        first = done.caption if state.first_caption is None else state.first_caption
        return replace(state, round=done.round, pixels=pixels, first_caption=first, act=NOTHING)

    def _forwarded(self, state: ChainState, forward: Forward) -> ChainState:
        """The chain at its last round, where what is left of it need not be generated."""
        left = self.watch.rounds(state) - state.round
        if left <= 0 or not forward.repeats(state.key):
            return state
        recipe = self.writer.run.info.recipes.get(f"generator/{self.pair.cast(state).generator.label}", {})
        start = self.clock()
        for done, pictures in forward.rounds(state, self.writer.run):
            self.writer.append(state.key, done, pictures, Recipe(**recipe).hash)
            state = self._moved(state, done, pictures)
            self.watcher.turn_done(state.key.pair, [done], self.clock() - start)
            start = self.clock()
            if state.round >= self.watch.rounds(state):
                break
        return state


def _store(writer: RunWriter, states: Sequence[ChainState], turned: Sequence[Turned], recipe: str) -> None:
    for state, (done, pictures) in zip(states, turned, strict=True):
        writer.append(state.key, done, pictures, recipe)


def _chains_a_turn(plan: Plan, captioner: Captioner, generator: Generator, state: ChainState) -> int:
    """The fewest chains that fill whole batches of captions and of pictures; more would only put more at stake in a turn."""
    captions, images = state.act.captions or plan.captions, state.act.images or plan.images
    stages = ((captioner.recipe.batch, captions), (generator.recipe.batch, images))
    return math.lcm(*(batch // math.gcd(batch, candidates) for batch, candidates in stages))


def _states(plan: Plan, writer: RunWriter, originals: Sequence[Original], pair: Pair) -> list[ChainState]:
    states = []
    for arm in pair.arms:
        for original in originals:
            for seed in range(plan.seeds):
                key = ChainKey(catalog.label(pair.captioner), catalog.label(pair.generator), original.id, seed, arm.label)
                stand = writer.resume(key)
                pixels = stand.pixels if stand.rounds else original.pixels
                first = original.text if stand.first_caption is None else stand.first_caption
                states.append(ChainState(key, original, stand.rounds, pixels, first_caption=first))
    return states


def _anchored(states: list[ChainState], originals: Sequence[Original], embedder: Embedder | None) -> list[ChainState]:
    vectors: dict[str, Vector] = anchors(originals, embedder) if embedder else {}
    return [replace(state, anchor=vectors.get(state.original.id)) for state in states]


def _idle(plan: Plan, arms: Sequence[Arm]) -> Iterator[str]:
    """What to say of arms that have no other model to take."""
    for arm in arms:
        for role, among in arm.rotates.items():
            if not among and len(plan.captioners if role == "captioner" else plan.generators) == 1:
                yield f"{arm.text}: the plan has one {role}, so nothing rotates; name others: rotate({role}s, among=['NAME'])"


def _arms(plan: Plan) -> list[Arm]:
    return [arm_of(text) for text in (*plan.arms, *((FLOOR,) if plan.controls == "auto" else ()))]


def _pairs(plan: Plan) -> list[tuple[str, str]]:
    """Every captioner with every generator, in an order in which neighbours share a model."""
    return [
        (captioner, generator)
        for i, captioner in enumerate(plan.captioners)
        for generator in (plan.generators if i % 2 == 0 else reversed(plan.generators))
    ]


def _models(plan: Plan) -> list[tuple[catalog.Role, str]]:
    captioners: list[tuple[catalog.Role, str]] = [("captioner", spec) for spec in plan.captioners]
    rotated = [(role, spec) for arm in plan.arms for role, among in arm_of(arm).rotates.items() for spec in among]
    return [*captioners, *(("generator", spec) for spec in plan.generators), ("embedder", plan.embedder), *rotated]


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
