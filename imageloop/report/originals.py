"""What each original was and where its chains ended."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import quote

from imageloop.errors import RunError
from imageloop.report.strips import SMALL_SIDE, Strip
from imageloop.report.words import short

if TYPE_CHECKING:
    from imageloop.store import RunFolder


@dataclass(frozen=True, slots=True)
class Start:
    """An original as the page shows it, with the strips of its chains. `link` or `text`, or neither when the file is gone."""

    id: str
    link: str | None
    text: str | None
    absent: str
    small: bool
    strips: tuple[Strip, ...]


def starts_of(run: RunFolder, strips: Sequence[Strip]) -> list[Start]:
    """Every original of these strips, in the order of the strips; the chains of one are together."""
    names = list(dict.fromkeys(strip.key.original for strip in strips))
    return [_start(run, name, tuple(strip for strip in strips if strip.key.original == name)) for name in names]


def _start(run: RunFolder, name: str, strips: tuple[Strip, ...]) -> Start:
    try:
        original = run.originals.get(name)
    except RunError:
        return Start(name, None, None, "the originals cannot be read", True, strips)
    if original is None:
        return Start(name, None, None, "the original is missing", True, strips)
    if original.pixels is None:
        return Start(name, None, short(original.text or "", 400), "", True, strips)
    return Start(name, f"../originals/{quote(name)}.png", None, "", max(original.pixels.shape[:2]) <= SMALL_SIDE, strips)
