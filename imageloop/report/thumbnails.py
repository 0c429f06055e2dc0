"""Sheets of thumbnails: the pictures of many rounds in one WebP, so that a page can leaf through them."""

from __future__ import annotations

import io
from dataclasses import dataclass
from pathlib import Path

from PIL import Image

from imageloop.errors import RunError
from imageloop.store import read_picture

COLUMNS = 10
LARGEST = 96
"""Side of a cell, in pixels, for pictures that are larger."""
SMALL_SIDE = 128
"""Pictures up to this side are not made smaller."""
QUALITY = 84
"""Of WebP: a fifth of the size without loss, for pictures that are leafed through; at rest the page shows the files themselves."""


@dataclass(frozen=True, slots=True)
class Cell:
    """The cells of a chain's sheets: their side in pixels, and whether they hold small pictures as they are."""

    side: int = LARGEST
    small: bool = False


def cell_of(file: Path | None) -> Cell:
    """A chain's cells, by one of its pictures."""
    if file is None:
        return Cell()
    try:
        with Image.open(file) as image:
            side = max(image.size)
    except OSError:  # a damaged picture has no cell to fill
        return Cell()
    return Cell(side, True) if side <= SMALL_SIDE else Cell()


class Sheet:
    """A sheet of `count` cells of one side, filled in any order."""

    def __init__(self, cell: Cell, count: int) -> None:
        self.cell = cell
        self.filled: set[int] = set()
        self._image = Image.new("RGBA", (COLUMNS * cell.side, -(-count // COLUMNS) * cell.side))

    def fill(self, place: int, file: Path) -> bool:
        """Puts the picture in a file into a cell; gives whether it could be read."""
        try:
            picture = Image.fromarray(read_picture(file))
        except RunError:  # the page says so where the picture would be
            self.clear(place)
            return False
        side = self.cell.side
        if max(picture.size) > side:
            picture.thumbnail((side, side), Image.Resampling.LANCZOS, reducing_gap=2)
        self.clear(place)
        left, top = self._corner(place)
        self._image.paste(picture, (left + (side - picture.width) // 2, top + (side - picture.height) // 2))
        self.filled.add(place)
        return True

    def clear(self, place: int) -> None:
        """Empties a cell."""
        left, top = self._corner(place)
        self._image.paste((0, 0, 0, 0), (left, top, left + self.cell.side, top + self.cell.side))
        self.filled.discard(place)

    def encoded(self) -> bytes:
        """The sheet as WebP."""
        content = io.BytesIO()
        self._image.save(content, "WEBP", quality=QUALITY, method=2)
        return content.getvalue()

    def _corner(self, place: int) -> tuple[int, int]:
        return place % COLUMNS * self.cell.side, place // COLUMNS * self.cell.side
