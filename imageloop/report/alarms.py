"""The monitor's alarms as the page shows them: those of single chains, and those of all chains of a pair together."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import urlencode

from imageloop.monitor import Alarm, alarms_of
from imageloop.monitor.alarms import ALL_ORIGINALS
from imageloop.records import ChainKey
from imageloop.report.panels import pair_label
from imageloop.report.words import plural, shown
from imageloop.watch import KINDS, STOP

if TYPE_CHECKING:
    from imageloop.report.following import Followed
    from imageloop.store import RunFolder

MOST = 60
"""Alarms of one chain, or of one pair, that the page is told; the first ones. All are in `alarms.jsonl`."""
DONE = {"stop": "the chain ends here", "reanchor": "the next round sees the original again"}

Sign = tuple[int, str]
"""A round, and what the monitor saw in it."""
Group = tuple[str, str]
"""A pair and an arm."""


@dataclass(frozen=True, slots=True)
class First:
    """The first alarm of a run, for the first screen. `link`: the address of its round, and of its chain where it is about one."""

    told: str
    round: int
    says: str
    link: str


@dataclass(frozen=True, slots=True)
class Signs:
    """What the monitor saw, in the order of rounds."""

    of_chains: Mapping[ChainKey, tuple[Alarm, ...]]
    of_pairs: Mapping[Group, tuple[Alarm, ...]]
    """Of the rules that watch all chains of a pair and arm together."""

    def chains(self, pair: str, arm: str) -> int:
        """How many chains of a pair and arm have an alarm."""
        return sum((key.pair, key.arm) == (pair, arm) for key in self.of_chains)

    def ended(self, chain: Followed) -> bool:
        """Whether a rule stopped the chain where it stands."""
        return any(alarm.action == STOP and alarm.round == chain.rounds for alarm in self.of_chains.get(chain.key, ()))

    def words(self, pair: str, arm: str) -> list[str]:
        """What all chains of a pair and arm did together, the first time of each rule: `the chains' pictures became alike in round 7`."""
        first: dict[str, Alarm] = {}
        for alarm in self.of_pairs.get((pair, arm), ()):
            first.setdefault(alarm.rule, alarm)
        return [f"{KINDS[rule].says} in round {alarm.round}" for rule, alarm in first.items()]

    def marks(self, rule: str) -> dict[Group, tuple[Sign, ...]]:
        """The rounds in which a rule that watches all chains together began to hold, by pair and arm."""
        found = {group: tuple((one.round, sentence(one)) for one in some if one.rule == rule) for group, some in self.of_pairs.items()}
        return {group: marks for group, marks in found.items() if marks}


def signs_of(run: RunFolder) -> Signs:
    """The alarms of a run's chains and pairs; none where it was not watched."""
    single: dict[ChainKey, list[Alarm]] = {}
    together: dict[Group, list[Alarm]] = {}
    for alarm in sorted(alarms_of(run), key=lambda one: (one.round, one)):
        if alarm.original == ALL_ORIGINALS:
            together.setdefault((alarm.pair, alarm.arm), []).append(alarm)
        else:
            captioner, _, generator = alarm.pair.partition("+")
            single.setdefault(ChainKey(captioner, generator, alarm.original, alarm.seed, alarm.arm), []).append(alarm)
    return Signs({key: tuple(some) for key, some in single.items()}, {group: tuple(some) for group, some in together.items()})


def told(alarms: Sequence[Alarm]) -> list[Sign]:
    """The first `MOST` alarms as the page gets them."""
    return [(alarm.round, sentence(alarm)) for alarm in alarms[:MOST]]


def sentence(alarm: Alarm) -> str:
    """What happened, and what was done about it."""
    done = DONE.get(alarm.action)
    return shown(f"{alarm.words}; {done}" if done else alarm.words)


def first_of(signs: Signs, chains: Sequence[Followed]) -> First | None:
    """The first alarm, and how many of these chains have any; None where there is none."""
    names = {chain.key: f"{chain.folder.parent.name}/{chain.folder.name}" for chain in chains}
    single = {key: some for key, some in signs.of_chains.items() if key in names}
    every = [*((some[0], key) for key, some in single.items()), *((some[0], None) for some in signs.of_pairs.values())]
    if not every:
        return None
    alarm, key = min(every, key=lambda item: (item[0].round, item[0]))
    place = {"t": alarm.round} if key is None else {"chain": shown(names[key]), "t": alarm.round}
    several = len({(one.key.pair, one.key.arm) for one in chains}) > 1
    where = f" of {pair_label(alarm.pair, alarm.arm)}" if key is None and several else ""
    count = f" in {len(single)} of {len(chains)} {plural(len(chains), 'chain')}" if single else ""
    return First(f"Early signs of collapse{count}", alarm.round, f"{KINDS[alarm.rule].says}{where}", "#" + urlencode(place))
