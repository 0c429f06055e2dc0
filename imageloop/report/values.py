"""The measures of each chain as the page reads them: so many rounds a file, and only those measures that it shows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from imageloop.disk import told
from imageloop.measures import table as long
from imageloop.report.blocks import data_file
from imageloop.report.following import Followed, put

if TYPE_CHECKING:
    import pyarrow as pa

SPAN = 1000
"""Rounds in one file."""

Values = Mapping[tuple[str, str, int, str], dict[int, float]]
"""(pair, original, seed, arm) → round → value."""


def write_values(table: pa.Table, measures: Sequence[str], chains: Sequence[Followed]) -> None:
    """Writes `values-000.js` … of every chain: for each measure a value a round, null where there is none."""
    found = {name: _by_chain(long.select(table, measure=name)) for name in measures}
    for chain in chains:
        key = chain.key
        own = {name: values.get((key.pair, key.original, key.seed, key.arm), {}) for name, values in found.items()}
        with told(chain.into):
            chain.into.mkdir(exist_ok=True)
        for number, start in enumerate(range(1, chain.rounds + 1, SPAN)):
            rounds = range(start, min(start + SPAN, chain.rounds + 1))
            part = {name: [_short(values.get(turn)) for turn in rounds] for name, values in own.items() if values}
            put(chain.into / f"values-{number:03}.js", data_file(f"{chain.into.name}/values-{number:03}", part))


def _by_chain(own: pa.Table) -> Values:
    found: dict[tuple[str, str, int, str], dict[int, float]] = {}
    columns = (own[name].to_pylist() for name in ("pair", "original", "seed", "arm", "round", "value"))
    for pair, original, seed, arm, turn, value in zip(*columns, strict=True):
        found.setdefault((pair, original, seed, arm), {})[turn] = value
    return found


def _short(value: float | None) -> float | None:
    return None if value is None else round(value, 4)
