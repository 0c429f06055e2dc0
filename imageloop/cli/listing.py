"""The catalog as a person or a program reads it."""

import os
from collections.abc import Sequence
from dataclasses import asdict
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from rich.console import Console, RenderableType
from rich.measure import Measurement
from rich.table import Table
from rich.text import Text

from imageloop.catalog import Row
from imageloop.doctor import cache_folder
from imageloop.models.memory import GIGABYTE, size_of

CLIP_READS = 77
"""Tokens that a CLIP text encoder has positions for: what a pipeline reads whose row sets no length."""
COLUMNS = ("name", "role", "kind", "here", "parameters", "GB", "pixels", "prompt", "licence", "id")
RIGHT = ("parameters", "GB", "pixels", "prompt")
WIDEST = 400
"""More than any row is wide, so that a table's own width can be asked for."""
ELSEWHERE = (
    "Any other model: a folder by its path, a hub model as owner/name or owner/name@revision, a server's as openai:URL#MODEL or a1111:URL.",
    "GB: memory at bf16, weights and a fifth more. prompt: tokens that are read. here: yes where loading needs no network.",
)


def as_json(row: Row) -> dict[str, Any]:
    """A row's fields; its `kind`; `gigabytes` of memory at bf16; `prompt_limit` in tokens; and `here`: whether loading needs no network."""
    size = size_of(row, "bf16")
    return {
        **asdict(row),
        "settings": dict(row.settings),
        "kind": kind(row),
        "gigabytes": None if size is None else round(size / GIGABYTE, 3),
        "prompt_limit": prompt_limit(row),
        "here": is_here(row),
    }


def show(rows: Sequence[Row], console: Console) -> None:
    """Print the rows: one a line where they fit the width, else by role, id and licence on a line of their own."""
    table = as_table(rows)
    fits = Measurement.get(console, console.options.update(max_width=WIDEST), table).maximum <= console.width
    for part in [table] if fits else as_lines(rows):
        console.print(part)
    for text in ELSEWHERE:
        console.print(text, style="dim")


def as_table(rows: Sequence[Row]) -> Table:
    """All rows, one a line."""
    table = Table(box=None, pad_edge=False)
    for title in COLUMNS:
        table.add_column(title, justify="right" if title in RIGHT else "left", no_wrap=True)
    for row in rows:
        table.add_row(*(Text(cell) for cell in _cells(row).values()))
    return table


def as_lines(rows: Sequence[Row]) -> list[RenderableType]:
    """All rows by role, two lines each, at most 80 wide but for long ids."""
    shown: list[RenderableType] = []
    for role in dict.fromkeys(row.role for row in rows):
        shown.append(Text(f"{role + 's':<19}{'parameters':>10}{'GB':>7}{'pixels':>8}{'prompt':>8}  {'here':<6}kind", style="bold"))
        for row in rows:
            if row.role == role:
                cell = _cells(row)
                numbers = f"{cell['parameters']:>10}{cell['GB']:>7}{cell['pixels']:>8}{cell['prompt']:>8}"
                shown.append(Text(f"{cell['name']:<19}{numbers}  {cell['here']:<6}{cell['kind']}"))
                shown.append(Text("  " + " · ".join(filter(None, (cell["id"], cell["licence"]))), style="dim"))
        shown.append(Text())
    return shown


def _cells(row: Row) -> dict[str, str]:
    size = size_of(row, "bf16")
    texts = (
        *(row.name, row.role, kind(row), "yes" if is_here(row) else "no", shortened(row.parameters)),
        *(_gigabytes(size), str(row.settings.get("size", "")), str(prompt_limit(row) or "")),
        *(row.licence, "" if row.family == "analytic" or row.local else row.target),
    )
    return dict(zip(COLUMNS, texts, strict=True))


def _gigabytes(size: int | None) -> str:
    if not size:
        return "" if size is None else "0"
    return f"{size / GIGABYTE:.1f}" if size >= GIGABYTE / 20 else "<0.1"


def kind(row: Row) -> str:
    """Where a model comes from: built in, a package, the hub; gated where it asks for a login, needs a flag where it brings code."""
    if row.family == "analytic" or row.local:
        return "built in"
    if row.package and find_spec(row.package):
        return "package"
    if row.own_code:
        return "needs a flag"
    return "gated" if row.gated else "hub"


def prompt_limit(row: Row) -> int | None:
    """Most tokens of a prompt that the generator's longest reader reads; None for other roles, and for what reads all."""
    if row.role != "generator" or row.family != "diffusers":
        return None
    return int(row.settings.get("max_sequence_length", CLIP_READS))


def shortened(count: int | None) -> str:
    """A number of parameters as 6.2M or 3.5B; empty when not known."""
    if count is None:
        return ""
    if count < 1_000_000:
        return str(count)
    return f"{count / 1e9:.2f}B" if count >= 1_000_000_000 else f"{count / 1e6:.1f}M"


def is_here(row: Row) -> bool:
    """Whether the model comes with the package or another, or weights of it lie in the hub's cache."""
    if row.family == "analytic" or (row.package and find_spec(row.package)):
        return True
    if row.local:
        return Path(row.target).is_dir()
    held = cache_folder(os.environ) / f"models--{(row.repository or row.target).replace('/', '--')}" / "snapshots"
    return any(held.rglob("*.safetensors"))
