"""One line of the leaderboard: every column from a group's measures, over the chains that are compared."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np

from imageloop.comparison.found import Entry
from imageloop.comparison.groups import Chains, Group, Rival
from imageloop.measures.curves import ChainValues
from imageloop.measures.decay_interval import DecayEstimate, decay_estimate
from imageloop.measures.pairs import CHANCE_OF, NORMALISED_OF
from imageloop.measures.statistics import Estimate, over_originals
from imageloop.measures.table import WHOLE_CHAIN

RARE = ("object_survival_rare", "survival_rare")
"""Survival of what is rare: of objects in the picture where the built-in world tells them, else of words in the caption."""


@dataclass(frozen=True, slots=True)
class Scope:
    """What all lines of one leaderboard have in common."""

    measure: str
    round: int
    """Where `measure` is taken; −1 for a measure of whole chains."""
    last: int
    """Where everything else is."""
    closeness: str | None
    rare: str | None


def scope_of(groups: Iterable[Group], measure: str, round: int, last: int) -> Scope:
    """Picks the closeness to the original that most chains have, and the survival of what is rare that there is."""
    every = list(groups)
    counts = {name: sum(len(group.values(name)) for group in every) for name in (*CHANCE_OF, *RARE)}
    closeness = measure if measure in CHANCE_OF else max(CHANCE_OF, key=lambda name: counts[name])
    rare = next((name for name in RARE if counts[name]), None)
    return Scope(measure, round, last, closeness if counts[closeness] else None, rare)


def entry_of(rival: Rival, scope: Scope, value: Estimate | None, vendi: Estimate | None) -> Entry:
    """The line of a rival, with its value of the measure that is compared."""
    group, chains, records = rival.group, rival.chains, rival.records
    captioner, _, generator = group.pair.partition("+")
    near = among(group.values(scope.closeness), chains) if scope.closeness else {}
    return Entry(
        label=rival.label,
        run=group.run,
        pair=group.pair,
        captioner=captioner,
        generator=generator,
        arm=group.arm,
        chains=len(chains),
        originals=len({original for original, _ in chains}),
        rounds=group.reached(chains),
        saw_original=records.looked,
        value=value,
        similarity=at(near, chains, scope.last),
        normalised=at(group.values(NORMALISED_OF[scope.closeness]), chains, scope.last) if scope.closeness else None,
        hop_1_loss=_lost(at(near, chains, 1)) if scope.closeness == "clip_image_similarity" else None,
        decay=_decay(near, scope.last),
        windowed_jsd=at(group.values("windowed_caption_jsd"), chains, scope.last),
        vendi=vendi,
        rare_survival=at(group.values(scope.rare), chains, scope.last) if scope.rare else None,
        truncated_share=at(group.values("truncated_share"), chains, WHOLE_CHAIN),
        seconds_a_round=records.seconds_a_round,
    )


def among(values: ChainValues, chains: Chains) -> ChainValues:
    """The values of these chains only."""
    return {chain: own for chain, own in values.items() if chain in chains}


def value_at(values: ChainValues, chains: Chains, round: int) -> Mapping[tuple[str, int], float]:
    """The value of each of these chains at a round, in order; chains without one are left out."""
    return {chain: values[chain][round] for chain in sorted(chains) if chain in values and round in values[chain]}


def at(values: ChainValues, chains: Chains, round: int) -> Estimate | None:
    """The mean over originals at a round, with its interval; None where no chain has a value."""
    rows: dict[str, list[float]] = {}
    for (original, _), value in value_at(values, chains, round).items():
        rows.setdefault(original, []).append(value)
    return over_originals(rows)


def _lost(kept: Estimate | None) -> Estimate | None:
    if kept is None:
        return None
    low, high = (None if bound is None else 1 - bound for bound in (kept.high, kept.low))
    return Estimate(1 - kept.mean, low, high, kept.n)


def _decay(values: ChainValues, last: int) -> DecayEstimate | None:
    """From round 1 on: the first hop is no part of the decay, and has its own column."""
    known = [set(own) for own in values.values()]
    rounds = sorted(number for number in set.intersection(*known) if 1 <= number <= last) if known else []
    if len(rounds) < 2:
        return None
    rows: dict[str, list[list[float]]] = {}
    for (original, _), own in sorted(values.items()):
        rows.setdefault(original, []).append([own[number] for number in rounds])
    return decay_estimate({original: np.mean(of_one, axis=0) for original, of_one in rows.items()}, np.array(rounds, dtype=float))
