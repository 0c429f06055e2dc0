"""Pairs and arms against each other: who leads, what is to blame for the differences, and which of them are more than chance."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from imageloop.comparison import Comparison, Entry, PairDifference, compare_runs
from imageloop.errors import RunError
from imageloop.measures import PairSummary
from imageloop.measures import table as long
from imageloop.measures.blame import Share

if TYPE_CHECKING:
    import pyarrow as pa

    from imageloop.store import RunFolder


@dataclass(frozen=True, slots=True)
class ArmLine:
    """An arm beside the plain loop of its pair; `difference` is None for that loop itself, and where none was run."""

    entry: Entry
    difference: PairDifference | None


@dataclass(frozen=True, slots=True)
class Rivalry:
    """What the page shows of a comparison."""

    blame: tuple[Share, ...]
    decided: tuple[PairDifference, ...]
    compared: int
    arms: tuple[ArmLine, ...]
    notes: tuple[str, ...]


def rivalry_of(run: RunFolder, table: pa.Table) -> Rivalry:
    """The run's pairs compared, and its arms where it has several. What cannot be compared is said in `notes`."""
    notes: list[str] = []
    alone = len({pair for pair, _ in long.groups(table)}) == 1  # then there are arms to compare, but no pairs
    pairs, arms = None if alone else _compared(run, table, "pair", notes), _compared(run, table, "arm", notes)
    several = arms is not None and len({entry.arm for entry in arms.entries}) > 1
    notes += [note for found in (pairs, arms if several else None) if found for note in found.notes]
    return Rivalry(
        pairs.blame.shares if pairs and pairs.blame else (),
        tuple(one for one in pairs.differences if one.decided) if pairs else (),
        len(pairs.differences) if pairs else 0,
        tuple(_lines(arms)) if arms and several else (),
        tuple(dict.fromkeys(notes)),
    )


def ranked(summaries: Sequence[PairSummary]) -> list[PairSummary]:
    """The pair that kept the original best first; those without a number last."""
    return sorted(summaries, key=lambda one: (one.similarity is None, -(one.similarity.mean if one.similarity else 0), one.pair, one.arm))


def _compared(run: RunFolder, table: pa.Table, by: str, notes: list[str]) -> Comparison | None:
    try:
        return compare_runs([run], [table], by="pair" if by == "pair" else "arm")
    except RunError as error:
        notes.append(str(error))
        return None


def _lines(found: Comparison) -> list[ArmLine]:
    against = {one.left: one for one in found.differences}
    return [ArmLine(entry, against.get(entry.label)) for entry in found.entries]
