"""Measures as a long table, one number a row, and its two files in a run's folder.

Rows of all chains of a pair at one round have original `*` and seed −1; rows of a whole chain have round −1.
"""

import io
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pc_csv
import pyarrow.parquet as pq

from imageloop.disk import write_whole
from imageloop.errors import RunError
from imageloop.records import ChainKey

PARQUET, CSV = "measures.parquet", "measures.csv"
ALL_ORIGINALS, ALL_SEEDS, WHOLE_CHAIN = "*", -1, -1
SCHEMA = pa.schema(
    [
        ("pair", pa.string()),
        ("original", pa.string()),
        ("seed", pa.int64()),
        ("arm", pa.string()),
        ("round", pa.int64()),
        ("measure", pa.string()),
        ("value", pa.float64()),
    ]
)
UNDEFINED = b"imageloop.undefined"


@dataclass(slots=True)
class Rows:
    """Collects rows; a NaN becomes no row but one more in the count of what the measure could not say."""

    columns: dict[str, list[object]] = field(default_factory=lambda: {name: [] for name in SCHEMA.names})
    undefined: dict[str, int] = field(default_factory=dict)

    def add(self, pair: str, original: str, seed: int, arm: str, round: int, measure: str, value: float) -> None:
        if np.isnan(value):
            self.undefined[measure] = self.undefined.get(measure, 0) + 1
            return
        if not np.isfinite(value):
            raise ValueError(f"{measure} of {pair} {original}-s{seed} at round {round} is {value}")
        for column, cell in zip(self.columns.values(), (pair, original, seed, arm, round, measure, float(value)), strict=True):
            column.append(cell)

    def add_chain(self, key: ChainKey, round: int, measure: str, value: float) -> None:
        self.add(key.pair, key.original, key.seed, key.arm, round, measure, value)

    def table(self) -> pa.Table:
        return pa.table(self.columns, schema=SCHEMA.with_metadata({UNDEFINED: json.dumps(self.undefined).encode()}))


def undefined(table: pa.Table) -> dict[str, int]:
    """How many values each measure could not give, by its name; why is in its row of `MEASURES`."""
    counts: dict[str, int] = json.loads((table.schema.metadata or {}).get(UNDEFINED, b"{}"))
    return counts


def write(table: pa.Table, folder: Path) -> None:
    """Write `measures.parquet` and `measures.csv` into the folder, each whole or not at all. Raises RunError where it cannot."""
    for name, save in ((PARQUET, pq.write_table), (CSV, pc_csv.write_csv)):
        content = io.BytesIO()
        save(table, content)
        write_whole(folder / name, content.getvalue())


def read(path: Path) -> pa.Table:
    """The table of a run's folder, or of a `measures.parquet`. Raises RunError where there is none or it is broken."""
    file = path / PARQUET if path.is_dir() else path
    if not file.is_file():
        raise RunError(f"{file}: no measures yet; make them with: imageloop measure {file.parent}")
    try:
        table = pq.read_table(file)
    except (OSError, pa.ArrowInvalid) as error:
        raise RunError(f"{file}: not a table of measures; make it again with: imageloop measure {file.parent}") from error
    if not table.schema.equals(SCHEMA):
        raise RunError(f"{file}: its columns are not those of a table of measures; make it again with: imageloop measure {file.parent}")
    return table


def select(table: pa.Table, **cells: str | int) -> pa.Table:
    """The rows whose columns hold exactly these values: `select(table, measure="word_entropy", pair=…)`."""
    keep = pa.scalar(True)
    for column, value in cells.items():
        keep = pc.and_(keep, pc.equal(table[column], value))
    return table.filter(keep) if cells else table


def groups(table: pa.Table) -> list[tuple[str, str]]:
    """Every (pair, arm) in the table, sorted."""
    both = table.group_by(["pair", "arm"]).aggregate([])
    return sorted(zip(both["pair"].to_pylist(), both["arm"].to_pylist(), strict=True))


def by_chain(table: pa.Table) -> Mapping[tuple[str, int], dict[int, float]]:
    """Round → value of every (original, seed) in a table of one measure of one pair and arm."""
    chains: dict[tuple[str, int], dict[int, float]] = {}
    columns = (table[name].to_pylist() for name in ("original", "seed", "round", "value"))
    for original, seed, turn, value in zip(*columns, strict=True):
        chains.setdefault((original, seed), {})[turn] = value
    return chains
