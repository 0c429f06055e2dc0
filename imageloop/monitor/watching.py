"""One pair watched while it runs: its stored rounds are gone through first, as they were when they were made, then each new one.

A rule that only notes waits until pictures fill a batch of the embedder, and for the chain's noise floor. A rule that stops a chain or
brings its original back is asked after every turn, and looks at nothing but the chain's own rounds.
"""

import math
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace

from imageloop import catalog
from imageloop.casting import Pair
from imageloop.errors import PlanError
from imageloop.interventions import FLOOR
from imageloop.loop import ChainState
from imageloop.measures.concepts import WORDS, WORLD
from imageloop.measures.gathering import picture_readers
from imageloop.measures.readings import BUILT_IN
from imageloop.monitor.alarms import Alarm, AlarmFile, told
from imageloop.monitor.folding import Crowd, Fold, Rules, apart
from imageloop.monitor.history import History, Seen, mean, seen_of
from imageloop.monitor.space import Space, Vector
from imageloop.plan import Plan
from imageloop.records import ChainKey, Original, Pixels, Round, pixel_hash
from imageloop.roles import Embedder
from imageloop.store import RunFolder
from imageloop.watch import KINDS, REANCHOR, STOP, acting, embeds, on

Item = tuple[ChainKey, Seen]


class Watch:
    """The monitor of one pair. With `watch = false` in the plan it knows no rule and does nothing."""

    def __init__(
        self,
        pair: Pair,
        run: RunFolder,
        states: Sequence[ChainState],
        embedder: Callable[[], Embedder],
        tell: Callable[[str], object],
    ) -> None:
        """`embedder` is asked for where a rule needs it and a round is yet to be made or looked at; `tell` takes lines for people."""
        self._pair, self._run, self._tell = pair, run, tell
        self._states = {state.key: state for state in states}
        self._name = states[0].key.pair
        self._file = AlarmFile.read(run.path)
        self._alarms: list[Alarm] = []
        self._stopped: dict[ChainKey, int] = {}
        self._due: dict[ChainKey, Alarm] = {}
        self._queue: deque[Item] = deque()
        self._held: dict[ChainKey, list[Seen]] = {}
        """Rounds that wait for the noise floor of their chain."""
        self._rounds = sum(state.round for state in states)
        rules = self._rules(states)
        self._awake = bool(rules)
        self._space = Space(run.path, embedder() if embeds(rules) else None)
        self._acting = acting(rules)
        if self._awake:
            self._begin(*apart({name: rule for name, rule in rules.items() if name not in self._acting}))

    def rounds(self, state: ChainState) -> int:
        """How far a chain goes: to the round that a rule stopped it in, if one did."""
        planned, stop = self._pair.rounds(state), self._stopped.get(state.key)
        return planned if stop is None else min(planned, stop)

    def ready(self, state: ChainState) -> ChainState:
        """The chain, with its original brought back in the next round where a rule says so."""
        alarm = self._due.get(state.key)
        if alarm is None or alarm.round != state.round:
            return state
        note = {"arm": "watch", "rule": alarm.rule, "saw_original": True}
        original = state.original
        return replace(state, act=replace(state.act, notes=(*state.act.notes, note), picture=original.pixels, caption=original.text))

    def see(self, state: ChainState, done: Round, pixels: Pixels) -> int:
        """The chain's next round, just made, and its picture. Gives how many of the planned rounds will not be made because of it."""
        if not self._awake:
            return 0
        self._rounds += 1
        before, item = self.rounds(state), (state.key, seen_of(done))
        self._space.put(str(item[1].pixels), pixels)
        self._raise(self._act(*item))
        self._raise(self._note_all([item]))
        return before - self.rounds(state)

    def save(self) -> None:
        """What was embedded so far is kept. Raises RunError where the disk refuses."""
        self._space.save()

    def close(self) -> None:
        """All that was planned is made: looks at what still waits, and puts the file of alarms in order."""
        if not self._awake:
            return
        self._space.work(all=True)
        self._space.save()
        self._raise(self._note_all([]))
        self._raise([alarm for crowd in self._crowds.values() for alarm in crowd.look()])
        self._file.end(self._name, self._rounds)
        for line in told(self._alarms):
            self._tell(line)

    def _rules(self, states: Sequence[ChainState]) -> Rules:
        """Those of the plan; none where all rounds are made and were watched."""
        plan = self._pair.plan
        made = self._rounds >= sum(map(self._pair.rounds, states)) and self._file.watched.get(self._name) == self._rounds
        return on(plan.rules) if plan.watch and not made else {}

    def _begin(self, alone: Rules, together: Rules) -> None:
        chains = {key: tuple(self._run.rounds(key)) for key in self._states}
        self._space.take(picture_readers(self._run, [state.original for state in self._states.values()], chains))
        watched = [state for state in self._states.values() if state.key.arm != FLOOR]
        fixed = self._pair.plan.noise == "fixed"
        starts = {state.original.id: self._start(state.original) for state in watched}
        self._acts, self._notes = (
            {state.key: Fold(state.key, rules, History(fixed), starts[state.original.id]) for state in watched}
            for rules in (self._acting, alone)
        )
        self._floors = {key: Fold(key, {}, History()) for key in self._states if key.arm == FLOOR}
        vocabulary = WORLD if catalog.find("generator", self._pair.generator).name.startswith(BUILT_IN) else WORDS
        arms = {state.key.arm for state in watched}
        self._crowds = {arm: Crowd(together, vocabulary, sum(s.key.arm == arm for s in watched)) for arm in sorted(arms)}
        rows = sorted((done.round, key) for key, rounds in chains.items() for done in rounds)
        items = [(key, seen_of(chains[key][number - 1])) for number, key in rows]
        self._keep([alarm for item in items for alarm in self._act(*item)])
        self._keep(self._note_all(items))
        self._file.begin(self._name, self._alarms)

    def _start(self, original: Original) -> Vector | None:
        return None if original.pixels is None else self._space.vector(pixel_hash(original.pixels))

    def _act(self, key: ChainKey, seen: Seen) -> list[Alarm]:
        if not self._acting or key.arm == FLOOR:
            return []
        self._space.work(all=embeds(self._acting))
        return self._acts[key].see(seen, self._space.vector(seen.pixels))

    def _note_all(self, items: Iterable[Item]) -> list[Alarm]:
        """What can be said now of these rounds and of those that wait."""
        self._queue.extend(items)
        self._space.work()
        alarms: list[Alarm] = []
        while self._queue and not self._space.waits(self._queue[0][1].pixels):
            alarms += self._note(*self._queue.popleft())
        return alarms

    def _note(self, key: ChainKey, seen: Seen) -> list[Alarm]:
        vector, floor = self._space.vector(seen.pixels), replace(key, arm=FLOOR)
        if key == floor:
            self._floors[key].see(seen, vector)
            ready = [other for other in self._held if replace(other, arm=FLOOR) == key] if self._whole(key) else []
            return [alarm for other in ready for held in self._held.pop(other) for alarm in self._alone(other, held)]
        alarms = self._crowds[key.arm].see(key, seen, vector)
        if floor in self._floors and not self._whole(floor):
            self._held.setdefault(key, []).append(seen)
            return alarms
        return alarms + self._alone(key, seen)

    def _alone(self, key: ChainKey, seen: Seen) -> list[Alarm]:
        floor = self._floors.get(replace(key, arm=FLOOR))
        steps = [each.step for each in floor.history.recent if math.isfinite(each.step)] if floor else []
        return self._notes[key].see(seen, self._space.vector(seen.pixels), mean(steps))

    def _whole(self, floor: ChainKey) -> bool:
        return len(self._floors[floor].history.recent) >= self._pair.rounds(self._states[floor])

    def _raise(self, alarms: Sequence[Alarm]) -> None:
        """New alarms: kept, written down, and the first of each rule told."""
        known = {alarm.rule for alarm in self._alarms}
        self._keep(alarms)
        self._file.add(alarms)
        for alarm in alarms:
            if alarm.rule not in known:
                known.add(alarm.rule)
                self._tell(f"{self._name}: {alarm.rule} in round {alarm.round} of {alarm.where}: {alarm.words}")

    def _keep(self, alarms: Sequence[Alarm]) -> None:
        self._alarms += alarms
        for alarm in alarms:
            key = replace(next(iter(self._states)), original=alarm.original, seed=alarm.seed, arm=alarm.arm)
            if alarm.action == STOP:
                self._stopped[key] = self._crowds[key.arm].ended[key] = alarm.round
            if alarm.action == REANCHOR:
                self._due[key] = alarm


def refuse_unseen(plan: Plan) -> None:
    """Raises PlanError where a rule that acts needs pictures that the plan drops: a run that goes on could not decide the same again."""
    if plan.watch and plan.keep != "all":
        for name, rule in acting(plan.rules).items():
            if KINDS[name].embeds:
                what = f"{name}: {rule['action']} looks at the pictures of the last rounds"
                raise PlanError(f'{what}, so all must stay on disk: keep = "all"')
