"""Into how many groups a pair's last pictures fall, beside what the same clustering says where nothing is attracted."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from imageloop.measures import table as long
from imageloop.report.following import Followed
from imageloop.report.panels import is_control, pair_label

if TYPE_CHECKING:
    import pyarrow as pa

MEASURES = (
    "basins",
    "basins_of_random_captions",
    "basins_of_originals",
    "basins_of_fixed_caption",
    "largest_basin_share",
    "largest_basin_share_of_random_captions",
    "commitment_round",
)
"""In the order of the fields of `Grouped`."""


@dataclass(frozen=True, slots=True)
class Grouped:
    """One pair and arm. What is not defined is None."""

    label: str
    chains: int
    last: float | None
    """Groups of the last pictures."""
    first: float | None
    """Of the same chains' first pictures."""
    originals: float | None
    redrawn: float | None
    """Of pictures of one caption drawn again and again, on average over the control chains."""
    largest: float | None
    """Share of the chains in the largest group of the last pictures."""
    largest_first: float | None
    committed: float | None
    """The mean round from which on a chain stays in its last group."""


@dataclass(frozen=True, slots=True)
class Nulls:
    """The groups of every pair and arm, and what could not be compared with."""

    rows: tuple[Grouped, ...]
    missing: tuple[str, ...]


def nulls_of(table: pa.Table, chains: Sequence[Followed]) -> Nulls | None:
    """The table of groups; None where no pair's last pictures were grouped."""
    own = [chain.key for chain in chains if not is_control(chain.key.arm)]
    sizes = Counter((key.pair, key.arm) for key in own)
    found: dict[tuple[str, str], dict[str, float]] = {}
    for name in MEASURES:
        some = long.select(table, measure=name)
        for pair, arm, value in zip(*(some[column].to_pylist() for column in ("pair", "arm", "value")), strict=True):
            found.setdefault((pair, arm), {})[name] = value
    rows = [
        Grouped(pair_label(pair, arm), size, *(found[pair, arm].get(name) for name in MEASURES))
        for (pair, arm), size in sorted(sizes.items())
        if "basins" in found.get((pair, arm), {})
    ]
    return Nulls(tuple(rows), tuple(_missing(rows))) if rows else None


def _missing(rows: Sequence[Grouped]) -> list[str]:
    """What a reader would compare with, and is not there."""
    said = []
    if all(row.redrawn is None for row in rows):
        said.append("No control chains draw one caption again and again here, so how many groups the noise alone makes is not known.")
    if all(row.originals is None for row in rows):
        said.append("There is one original, or none that is a picture, so there are no groups of originals to compare with.")
    return said
