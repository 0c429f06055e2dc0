"""Chains that become one line of the leaderboard, gathered from one or several runs, with the values of any measure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from math import nan
from typing import TYPE_CHECKING, Any

import numpy as np

from imageloop.arms import PLAIN
from imageloop.comparison.alike import MEASURED
from imageloop.comparison.found import By
from imageloop.errors import RunError
from imageloop.measures import MEASURES
from imageloop.measures import table as long
from imageloop.measures.curves import ChainValues
from imageloop.measures.pairs import CONTROLS
from imageloop.records import ChainKey, Round

if TYPE_CHECKING:
    import pyarrow as pa

    from imageloop.store import RunFolder

Chain = tuple[str, int]
"""Original and seed."""
Chains = frozenset[Chain]


@dataclass(frozen=True, slots=True)
class Part:
    """What one run has of a group."""

    run: RunFolder
    name: str
    table: pa.Table
    """Rows of the group's pair and arm only."""
    arms: tuple[str, ...]
    """All arms that the run has of this pair."""
    recipes: Mapping[str, Mapping[str, Any]]
    """Those of the models that measured the run, by their part: embedder, eye, text-embedder."""


@dataclass(frozen=True)
class Group:
    """One pair under one arm."""

    pair: str
    arm: str
    parts: tuple[Part, ...]
    alone: bool
    """Whether its runs must be told apart: then there is one part, and the label names its run."""

    @property
    def run(self) -> str:
        return ", ".join(part.name for part in self.parts)

    @cached_property
    def measured(self) -> dict[str, ChainValues]:
        """Every measure that has been asked for so far."""
        return {}

    def values(self, measure: str) -> ChainValues:
        """Round → value of every chain. A chain that several runs hold is taken from the first of them."""
        if measure not in self.measured:
            merged: dict[tuple[str, int], dict[int, float]] = {}
            for part in reversed(self.parts):
                merged.update(long.by_chain(long.select(part.table, measure=measure)))
            self.measured[measure] = merged
        return self.measured[measure]

    def present(self, measure: str) -> ChainValues:
        """The same; of a measure of all chains NaN for each chain at every round that it may be part of."""
        if MEASURES[measure].of_single_chains:
            return self.values(measure)
        rounds = {number for values in self.values(measure).values() for number in values}
        return {chain: {number: nan for number in rounds if number <= last} for chain, last in self.lasts.items()} if rounds else {}

    @cached_property
    def lasts(self) -> dict[tuple[str, int], int]:
        """The last round of every chain that has any value."""
        found: dict[tuple[str, int], int] = {}
        for part in reversed(self.parts):
            rows = part.table.group_by(["original", "seed"]).aggregate([("round", "max")])
            columns = (rows[name].to_pylist() for name in ("original", "seed", "round_max"))
            found.update({(original, seed): last for original, seed, last in zip(*columns, strict=True) if original != long.ALL_ORIGINALS})
        return found

    @property
    def chains(self) -> Chains:
        """Every chain that has any value."""
        return frozenset(self.lasts)

    def reached(self, chains: Chains) -> int:
        """The last round that all of these chains have."""
        return min(self.lasts[chain] for chain in chains)

    def together(self, measure: str, round: int) -> float | None:
        """A measure of all chains; None where there is none, or the chains lie in several runs."""
        found = [values[round] for values in self.values(measure).values() if round in values]
        return found[0] if len(self.parts) == 1 and found else None

    def rounds(self, chains: Chains) -> Iterable[tuple[Part, Chain, Sequence[Round]]]:
        """The records of these chains, each with the run that they are taken from."""
        waiting = set(chains)
        for part in self.parts:
            for key in sorted(_keys(part.run, self.pair, self.arm)):
                if (key.original, key.seed) in waiting:
                    waiting.remove((key.original, key.seed))
                    yield part, (key.original, key.seed), part.run.rounds(key)


@dataclass(frozen=True, slots=True)
class Records:
    """What the rounds of a line's chains say besides their measures."""

    seconds_a_round: float | None
    """None where no round was timed."""
    looked: bool
    """Whether any round looked at the original."""
    turns: Mapping[Chain, tuple[Part, Round]]
    """Of each chain the round that is compared, where it is on disk, with the run it lies in."""


@dataclass(frozen=True)
class Rival:
    """A group with the chains that it is compared on."""

    group: Group
    label: str
    family: tuple[str, ...]
    chains: Chains
    last: int
    """The round that is compared."""

    @cached_property
    def records(self) -> Records:
        """Read when first asked for."""
        seconds, looked, turns = [], False, {}
        for part, chain, rounds in self.group.rounds(self.chains):
            seconds += [sum(turn.seconds.values()) for turn in rounds if turn.seconds]
            looked = looked or any(turn.saw_original for turn in rounds)
            if len(rounds) >= self.last:
                turns[chain] = part, rounds[self.last - 1]
        return Records(float(np.mean(seconds)) if seconds else None, looked, turns)

    @property
    def whole(self) -> bool:
        """Whether these are all chains of the group, so that what was measured of all holds for them."""
        return self.chains == self.group.chains


def _keys(run: RunFolder, pair: str, arm: str) -> list[ChainKey]:
    return [key for key in run.keys() if (key.pair, key.arm) == (pair, arm)]  # noqa: SIM118, a run folder is no mapping


def groups_of(runs: Sequence[RunFolder], tables: Sequence[pa.Table], by: By, apart: set[str]) -> list[Group]:
    """Every pair and arm that can be compared, sorted; controls are none. By pair: the plain loop only.

    Chains of one pair and arm in several runs are one group, unless runs are what is compared, or `apart` holds one of its models
    or `MEASURED`.
    Raises RunError where there is nothing to compare.
    """
    parts: dict[tuple[str, str], list[Part]] = {}
    for run, name, table in zip(runs, names_of(runs), tables, strict=True):
        every, recipes = long.groups(table), long.recipes(table)
        for pair, arm in every:
            if arm not in CONTROLS and (by != "pair" or arm == PLAIN):
                own = long.select(table, pair=pair, arm=arm).replace_schema_metadata(None)
                parts.setdefault((pair, arm), []).append(Part(run, name, own, tuple(b for a, b in every if a == pair), recipes))
    if not parts:
        raise RunError(f"{', '.join(names_of(runs))}: no chains of the plain loop that are measured; take --by arm, or run the plan first")
    found: list[Group] = []
    for (pair, arm), own in sorted(parts.items(), key=lambda item: (item[0][0], item[0][1] != PLAIN, item[0][1])):
        captioner, _, generator = pair.partition("+")
        if by == "run" or (len(own) > 1 and {f"captioner/{captioner}", f"generator/{generator}", MEASURED} & apart):
            found += [Group(pair, arm, (part,), True) for part in own]
        else:
            found.append(Group(pair, arm, tuple(own), False))
    return found


def names_of(runs: Sequence[RunFolder]) -> list[str]:
    """The folders' names, or their paths where two have the same name."""
    names = [run.path.resolve().name for run in runs]
    return names if len(set(names)) == len(names) else [str(run.path) for run in runs]


def family_of(group: Group, by: By) -> tuple[str, ...]:
    """Groups with the same answer are compared with each other."""
    return {"pair": (), "arm": (group.pair,), "run": (group.pair, group.arm)}[by]


def label_of(group: Group, groups: Sequence[Group]) -> str:
    """What tells a group from the others: its pair, its arm unless plain, its run where runs are told apart."""
    one_pair = len({other.pair for other in groups}) == 1
    arms = len({other.arm for other in groups}) > 1
    what = group.pair
    if arms or group.arm != PLAIN:
        what = group.arm if one_pair else f"{group.pair} @ {group.arm}"
    if group.alone:
        return f"{group.run}" if one_pair and not arms and group.arm == PLAIN else f"{what} ({group.run})"
    return what
