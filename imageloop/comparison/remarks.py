"""What a reader must know before believing a comparison, in sentences."""

from __future__ import annotations

from collections.abc import Sequence

from imageloop.arms import PLAIN
from imageloop.comparison.entries import Scope
from imageloop.comparison.found import Comparison, Entry
from imageloop.comparison.groups import Group
from imageloop.measures.decay_interval import SURE
from imageloop.measures.leave_one_out import JUMPS, LEAST
from imageloop.measures.pairs import CHANCE_OF, CONTROLS
from imageloop.measures.power import ALPHA
from imageloop.measures.statistics import FEW
from imageloop.monitor import alarms_of
from imageloop.watch import STOP


def remarks(found: Comparison, groups: Sequence[Group], scope: Scope, *, asked: bool) -> list[str]:
    """`groups`: all that were there, compared or not. `asked`: whether somebody chose the round."""
    return [
        *_left_out(found, groups),
        *_rounds(found.entries, scope, asked=asked),
        *_stopped(found, groups),
        *_too_few(found),
        *_together(found),
        *_columns(found.entries, groups),
    ]


def _left_out(found: Comparison, groups: Sequence[Group]) -> list[str]:
    notes = [
        f"left out, without any value of {found.measure}: {group.pair} ({group.run})" for group in groups if not group.values(found.measure)
    ]
    if found.by == "pair":
        arms = {arm for group in groups for part in group.parts for arm in part.arms if arm not in (PLAIN, *CONTROLS)}
        notes += [f"the plain loop only; --by arm compares {', '.join(sorted(arms))}"] if arms else []
    every = {chain for group in groups for chain in group.chains}
    able = {chain for group in groups for chain in group.present(found.measure)}
    if without := len(every - able):
        other = next((name for name in CHANCE_OF if name != found.measure and any(group.values(name) for group in groups)), None)
        hint = f"; --measure {other} compares those" if other else ""
        notes.append(f"{without} of {len(every)} chains have no {found.measure} and are left out{hint}")
    used = {entry.chains for entry in found.entries}
    if max(used) < len(able):
        notes.append(f"of {len(able)} chains a line could have, {_range(used)} are compared: those that its rivals have too")
    return notes


def _rounds(entries: Sequence[Entry], scope: Scope, *, asked: bool) -> list[str]:
    reached = {entry.rounds for entry in entries}
    if asked or max(reached) == scope.last:
        return []
    return [f"lines have {_range(reached)} rounds: all are compared at round {scope.last}, the last that all have"]


def _stopped(found: Comparison, groups: Sequence[Group]) -> list[str]:
    """Where the monitor ended chains, which takes every line back to the earliest of those rounds."""
    compared = {(entry.pair, entry.arm) for entry in found.entries}
    parts = {part.run.path: part.run for group in groups for part in group.parts}
    ended = [alarm for run in parts.values() for alarm in alarms_of(run) if alarm.action == STOP and (alarm.pair, alarm.arm) in compared]
    if not ended:
        return []
    chains = len({(alarm.pair, alarm.arm, alarm.original, alarm.seed) for alarm in ended})
    where = ", ".join(dict.fromkeys(alarm.pair if alarm.arm == PLAIN else f"{alarm.pair} @ {alarm.arm}" for alarm in sorted(ended)))
    first = min(alarm.round for alarm in ended)
    count = f"{chains} chain{'s' if chains > 1 else ''}"
    effect = "all lines are compared no later than that, and whole chains differ in length"
    return [f"the monitor stopped {count} of {where}, the first in round {first}: {effect}"]


def _together(found: Comparison) -> list[str]:
    """How far a number of all chains can be trusted."""
    if not found.all_chains:
        return []
    notes = [f"{found.measure} is one number of all chains: its intervals leave out one original at a time, and hold for as many chains"]
    without = [entry for entry in found.entries if entry.value and entry.value.low is None]
    fewest = min(entry.originals for entry in found.entries)
    if found.measure in JUMPS:
        notes.append(f"no interval of {found.measure}: it jumps where one original is left out, and that does not tell its spread")
    elif fewest < LEAST:
        notes += [f"{fewest} originals: no interval of {found.measure} below {LEAST}, for it would miss too often"] if fewest > 1 else []
    elif without:
        notes.append(
            "no interval where the run's embeddings are gone (`imageloop measure` makes them again), or where leaving out any original "
            f"changes as much: {', '.join(entry.label for entry in without)}"
        )
    return notes


def _too_few(found: Comparison) -> list[str]:
    notes = []
    fewest = min(entry.originals for entry in found.entries)
    if len(found.entries) == 1:
        notes.append(f"one {found.by}: there is nothing to compare it with")
    elif not found.differences:
        notes.append("no chains in common, so no differences: take the same originals and seeds for all")
    if fewest == 1:
        notes.append("one original: no interval, no test, and nothing is said of other originals")
    elif fewest < FEW and not found.all_chains:
        notes.append(f"{fewest} originals: intervals over fewer than {FEW} are too narrow")
    tested = [one for one in found.differences if one.difference.p is not None]
    if tested and not any(one.decided for one in tested):
        least = min(2.0 ** (1 - one.difference.originals) for one in tested) * len(tested)
        if least >= ALPHA:
            notes.append(
                f"{max(one.difference.originals for one in tested)} originals cannot decide any of {len(tested)} "
                f"{'difference' if len(tested) == 1 else 'differences'}: the smallest corrected p they allow is {least:.2g}"
            )
    return notes


def _columns(entries: Sequence[Entry], groups: Sequence[Group]) -> list[str]:
    notes = []
    if any(entry.saw_original for entry in entries):
        notes.append("* looked at the original in some round: what it keeps is not the loop's merit alone")
    if all(entry.normalised is None for entry in entries):
        notes.append(
            "no normalised retention: it needs several originals for the chance level, a noise floor "
            '(controls = "auto" makes it), and room between the two'
        )
    if all(entry.rare_survival is None for entry in entries):
        notes.append("no survival of what is rare: no chain began with anything rare")
    if any(entry.vendi is None for entry in entries):
        notes.append(
            "no Vendi score where pictures or their embeddings are gone, and a line's chains lie in several runs or are not all compared"
        )
    doubtful = [
        entry.label
        for entry in entries
        if entry.decay and entry.decay.half_life and entry.decay.half_life.low is None and entry.originals > 1
    ]
    if doubtful:
        notes.append(f"half-life without interval where over {1 - SURE:.0%} of the resamples have none: {', '.join(doubtful)}")
    devices = {part.run.info.device for group in groups for part in group.parts}
    if len(devices) > 1:
        notes.append(f"seconds a round are of different devices: {', '.join(sorted(devices))}")
    return notes


def _range(counts: set[int]) -> str:
    return str(min(counts)) if len(counts) == 1 else f"{min(counts)} to {max(counts)}"
