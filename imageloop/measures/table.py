"""Measures as a long table, one number a row, and its two files in a run's folder.

Rows of all chains of a pair at one round have original `*` and seed −1; rows of a whole chain have round −1; rows of a pair have both.
The schema's metadata says what is undefined and by which models it was measured.
"""

import io
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pc_csv
import pyarrow.parquet as pq
from jaxtyping import Float
from numpy.typing import NDArray

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
UNDEFINED, RECIPES, VERSIONS = b"imageloop.undefined", b"imageloop.recipes", b"imageloop.measures"


@dataclass(slots=True)
class Rows:
    """Collects values; a NaN becomes no row but one more in the count of what the measure could not say."""

    blocks: list[tuple[tuple[str, str, int, str, str], NDArray[np.int64], NDArray[np.float64]]] = field(default_factory=list)
    undefined: dict[str, int] = field(default_factory=dict)

    def add(self, pair: str, original: str, seed: int, arm: str, round: int, measure: str, value: float) -> None:
        """One value. Raises ValueError where it is infinite."""
        self.add_rounds(pair, original, seed, arm, [round], measure, np.array([value]))

    def add_rounds(
        self, pair: str, original: str, seed: int, arm: str, rounds: Sequence[int], measure: str, values: Float[np.ndarray, " n"]
    ) -> None:
        """One value a round. Raises ValueError where one is infinite."""
        numbers, values = np.asarray(rounds, np.int64), np.asarray(values, np.float64)
        if (endless := np.isinf(values)).any():
            raise ValueError(f"{measure} of {pair} {original}-s{seed} at round {numbers[endless][0]} is {values[endless][0]}")
        if missing := int((absent := np.isnan(values)).sum()):
            self.undefined[measure] = self.undefined.get(measure, 0) + missing
            numbers, values = numbers[~absent], values[~absent]
        if values.size:
            self.blocks.append(((pair, original, seed, arm, measure), numbers, values))

    def add_chain(self, key: ChainKey, rounds: Sequence[int], measure: str, values: Float[np.ndarray, " n"]) -> None:
        """One value of a chain for each of these rounds."""
        self.add_rounds(key.pair, key.original, key.seed, key.arm, rounds, measure, values)

    def table(self, metadata: Mapping[bytes, bytes] | None = None) -> pa.Table:
        """All rows in the order they came, with the counts of what is undefined in the schema's metadata."""
        lengths = [len(values) for _, _, values in self.blocks]
        places = np.repeat(np.arange(len(self.blocks)), lengths)
        pairs, originals, seeds, arms, measures = zip(*(labels for labels, _, _ in self.blocks), strict=True) if self.blocks else [()] * 5
        columns = {
            "pair": _repeated(pairs, places),
            "original": _repeated(originals, places),
            "seed": pa.array(np.array(seeds, np.int64)[places]),
            "arm": _repeated(arms, places),
            "round": pa.array(_joined([numbers for _, numbers, _ in self.blocks], np.int64)),
            "measure": _repeated(measures, places),
            "value": pa.array(_joined([values for _, _, values in self.blocks], np.float64)),
        }
        counts = {UNDEFINED: json.dumps(self.undefined).encode()}
        return pa.table(columns, schema=SCHEMA.with_metadata({**counts, **(metadata or {})}))


def _repeated(texts: Sequence[str], places: NDArray[np.int64]) -> pa.Array:
    return pa.DictionaryArray.from_arrays(pa.array(places, pa.int32()), pa.array(texts, pa.string())).cast(pa.string())


def _joined(parts: Sequence[NDArray[Any]], dtype: type) -> NDArray[Any]:
    return np.concatenate(parts) if parts else np.empty(0, dtype)


def undefined(table: pa.Table) -> dict[str, int]:
    """How many values each measure could not give, by its name; why is in its row of `MEASURES`."""
    counts: dict[str, int] = json.loads((table.schema.metadata or {}).get(UNDEFINED, b"{}"))
    return counts


def recipes(table: pa.Table) -> dict[str, dict[str, Any]]:
    """The recipe of each model that it was measured by, by its part: embedder, eye, text-embedder. Empty where that is not known."""
    found: dict[str, dict[str, Any]] = json.loads((table.schema.metadata or {}).get(RECIPES, b"{}"))
    return found


def versions(table: pa.Table) -> dict[str, int]:
    """The measures that were computed, each with the version of its definition. Empty where that is not known."""
    found: dict[str, int] = json.loads((table.schema.metadata or {}).get(VERSIONS, b"{}"))
    return found


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
