"""The catalog as a person or a program reads it."""

import os
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from rich.table import Table

from imageloop.catalog import Row
from imageloop.doctor import cache_folder


def as_json(row: Row) -> dict[str, Any]:
    """A row's fields, and `here`: whether loading it needs no network."""
    return {**asdict(row), "settings": dict(row.settings), "here": is_here(row)}


def as_table(rows: Sequence[Row]) -> Table:
    """All rows, one a line."""
    table = Table(box=None, pad_edge=False)
    for title in ("name", "role", "parameters", "pixels", "prompt limit", "licence", "here", "id"):
        table.add_column(title, justify="right" if title in ("parameters", "pixels", "prompt limit") else "left", no_wrap=title != "id")
    for row in rows:
        size, limit = row.settings.get("size"), row.settings.get("max_sequence_length")
        here = "yes" if is_here(row) else "gated" if row.gated else "no"
        where = "built in" if row.family == "analytic" or row.local else row.target
        table.add_row(row.name, row.role, shortened(row.parameters), str(size or ""), str(limit or ""), row.licence, here, where)
    return table


def shortened(count: int | None) -> str:
    """A number of parameters as 6.2M or 3.5B; empty when not known."""
    if count is None:
        return ""
    if count < 1_000_000:
        return str(count)
    return f"{count / 1e9:.2f}B" if count >= 1_000_000_000 else f"{count / 1e6:.1f}M"


def is_here(row: Row) -> bool:
    """Whether the model comes with the package, or some snapshot of it lies in the hub's cache."""
    if row.family == "analytic":
        return True
    if row.local:
        return Path(row.target).is_dir()
    return any((cache_folder(os.environ) / f"models--{row.target.replace('/', '--')}" / "snapshots").glob("*"))
