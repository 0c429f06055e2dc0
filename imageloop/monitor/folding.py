"""Alarms from rounds in their order: of one chain, and of all chains of a pair and arm. What was seen before is all that counts."""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from jaxtyping import Float

from imageloop.measures.concepts import Vocabulary
from imageloop.monitor import rules as arithmetic
from imageloop.monitor.alarms import Alarm, alarm_of
from imageloop.monitor.history import History, Seen, cosine
from imageloop.records import ChainKey
from imageloop.watch import KINDS

Vector = Float[np.ndarray, " d"]
Rules = Mapping[str, Mapping[str, Any]]


@dataclass(slots=True)
class Fold:
    """One chain under some rules."""

    key: ChainKey
    rules: Rules
    history: History
    before: Vector | None = None
    """The picture before the next one: the original's at first."""
    holding: set[str] = field(default_factory=set)

    def see(self, seen: Seen, vector: Vector | None, control: float = math.nan) -> list[Alarm]:
        """The rules that begin to hold in the next round, whose picture has this unit vector; None where it is not known."""
        step = replace(seen, step=cosine(self.before, vector))
        self.before = vector
        self.history.add(step)
        alarms = []
        for name, rule in self.rules.items():
            reading = arithmetic.CHAIN_RULES[name](self.history, rule, control)
            if reading is not None and reading.holds and name not in self.holding:
                alarms.append(alarm_of(self.key, name, seen.round, reading.value, reading.threshold, rule["action"]))
            _keep(self.holding, name, reading)
        return alarms


@dataclass(slots=True)
class Crowd:
    """All chains of one pair and arm, which are looked at together once all of them have made a round."""

    rules: Rules
    vocabulary: Vocabulary
    chains: int
    """How many there are, each of which makes every round unless it is stopped."""
    ended: dict[ChainKey, int] = field(default_factory=dict)
    """The last round of those that were stopped."""
    next: int = 1
    rounds: dict[int, dict[ChainKey, tuple[str, Vector | None]]] = field(default_factory=dict)
    start: dict[ChainKey, Vector | None] = field(default_factory=dict)
    named: dict[ChainKey, frozenset[str]] = field(default_factory=dict)
    """The rare concepts of each chain's first caption."""
    holding: set[str] = field(default_factory=set)

    def see(self, key: ChainKey, seen: Seen, vector: Vector | None) -> list[Alarm]:
        """One chain's next round; what can then be said of all."""
        if seen.round == 1:
            self.start[key] = vector
            found = self.vocabulary.concepts(seen.caption)
            self.named[key] = frozenset(concept for concept in found if self.vocabulary.rarity(concept) == "rare")
        self.rounds.setdefault(seen.round, {})[key] = (seen.caption, vector)
        return self.look()

    def look(self) -> list[Alarm]:
        """What can be said of all chains now, round after round."""
        alarms: list[Alarm] = []
        while len(self.rounds.get(self.next, ())) >= max(1, self._awaited()):
            members = self.rounds.pop(self.next)
            keys = sorted(members)
            for name, rule in self.rules.items():
                reading = self._reading(name, rule, keys, members)
                if reading is not None and reading.holds and name not in self.holding:
                    alarms.append(alarm_of(keys[0], name, self.next, reading.value, reading.threshold, rule["action"], together=True))
                _keep(self.holding, name, reading)
            self.next += 1
        return alarms

    def _awaited(self) -> int:
        return self.chains - sum(last < self.next for last in self.ended.values())

    def _reading(
        self, name: str, rule: Mapping[str, Any], keys: Sequence[ChainKey], members: Mapping[ChainKey, tuple[str, Vector | None]]
    ) -> arithmetic.Reading | None:
        if name == "vendi":
            now, start = ([members[key][1] for key in keys], [self.start[key] for key in keys])
            return arithmetic.vendi(_stack(now), _stack(start), rule) if all(v is not None for v in (*now, *start)) else None
        kept = [len(self.named[key] & self.vocabulary.concepts(members[key][0])) for key in keys]
        return arithmetic.rare(kept, [len(self.named[key]) for key in keys], rule)


def apart(rules: Rules) -> tuple[Rules, Rules]:
    """The rules of one chain, and those of all chains together."""
    return {n: rule for n, rule in rules.items() if not KINDS[n].together}, {n: rule for n, rule in rules.items() if KINDS[n].together}


def _keep(holding: set[str], name: str, reading: arithmetic.Reading | None) -> None:
    if reading is not None and reading.holds:
        holding.add(name)
    else:
        holding.discard(name)


def _stack(vectors: Iterable[Vector | None]) -> Float[np.ndarray, "n d"]:
    return np.stack([vector for vector in vectors if vector is not None])
