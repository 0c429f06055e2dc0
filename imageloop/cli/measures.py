"""Measures as a person or a program reads them: the table of all, and what a run says of the ones that were asked for."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from rich.table import Table
from rich.text import Text

from imageloop.measures import MEASURES, Measure
from imageloop.measures import table as long
from imageloop.measures.curves import of_chains
from imageloop.measures.docs import direction_of, range_of
from imageloop.measures.statistics import Estimate

if TYPE_CHECKING:
    import pyarrow as pa


def as_json(measure: Measure) -> dict[str, Any]:
    """A row of the table; a bound that is infinite is null."""
    low, high = (None if abs(bound) == float("inf") else bound for bound in (measure.low, measure.high))
    return {
        "name": measure.name,
        "title": measure.title,
        "meaning": measure.meaning,
        "of": measure.scope,
        "unit": measure.unit,
        "low": low,
        "high": high,
        "higher_is_better": measure.higher_is_better,
        "version": measure.version,
        "source": measure.source,
        "undefined": measure.undefined,
        "limits": measure.limits,
    }


def as_table(measures: Sequence[Measure]) -> Table:
    """All rows, one a line."""
    table = Table(box=None, pad_edge=False)
    for title in ("name", "of", "unit", "range", "better", "version", "source"):
        table.add_column(title, no_wrap=title in ("name", "unit", "range"), overflow="fold")
    for row in measures:
        cells = (row.name, row.scope, row.unit, range_of(row), direction_of(row), str(row.version), row.source)
        table.add_row(*(Text(cell) for cell in cells))
    return table


def last_values(table: "pa.Table") -> list[dict[str, Any]]:
    """Of each measure in a run's table, by pair and arm: the mean over originals at its last round, with interval and n."""
    found = []
    for pair, arm in long.groups(table):
        own = long.select(table, pair=pair, arm=arm)
        for name in MEASURES:
            if chains := long.by_chain(long.select(own, measure=name)):
                last = min(max(values) for values in chains.values())
                (mean,) = of_chains(chains, [last]).means
                found.append({"pair": pair, "arm": arm, "measure": name, "round": last, **_cells(mean)})
    return found


def values_table(values: Sequence[dict[str, Any]]) -> Table:
    """`last_values`, one a line; a dash stands for the round of what is of a whole chain or pair, for no interval, and for no n."""
    table = Table(box=None, pad_edge=False)
    for title in ("pair", "arm", "measure", "round", "mean", "95 % interval", "n"):
        table.add_column(title, justify="right" if title in ("round", "mean", "n") else "left", overflow="fold")
    for row in values:
        between = "–" if row["low"] is None or row["high"] is None else f"[{row['low']:.4g}, {row['high']:.4g}]"
        number = "–" if row["round"] == long.WHOLE_CHAIN else str(row["round"])
        cells = (row["pair"], row["arm"], row["measure"], number, f"{row['mean']:.4g}", between, _originals(row))
        table.add_row(*(Text(cell) for cell in cells))
    return table


def _cells(mean: Estimate) -> dict[str, Any]:
    return {"mean": mean.mean, "low": mean.low, "high": mean.high, "n": mean.n}


def _originals(row: dict[str, Any]) -> str:
    return "–" if MEASURES[row["measure"]].scope in ("all chains at a round", "pair") else str(row["n"])
