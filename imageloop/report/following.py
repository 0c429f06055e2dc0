"""A chain followed as it grows: its rounds and thumbnails written for the page, block by block, each as seldom as can be."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from imageloop.disk import told, write_whole
from imageloop.records import ChainKey, Round
from imageloop.report.blocks import BLOCK, Row, data_file, row_of
from imageloop.report.flags import flags_of
from imageloop.report.strips import ONLY_A_CAPTION
from imageloop.report.thumbnails import Cell, Sheet, cell_of
from imageloop.store import Line, read_lines

WORLD = "sticker-"
"""How the names of captioners begin that write by the grammar of the sticker world."""

FORMAT = 1
"""Goes up when sheets of the same rounds come out otherwise, so that all are made anew."""


@dataclass(slots=True)
class Counts:
    """Rounds with a flag, those in which something looked at the original, and those that were inferred."""

    flagged: int = 0
    looked: int = 0
    inferred: int = 0


@dataclass(slots=True)
class Followed:
    """What the page is told of one chain, and how far it was read. A block is whole when there is a round behind it."""

    key: ChainKey
    folder: Path
    into: Path
    keeps_all: bool
    """Whether the plan keeps every picture, so that one which is gone is missing."""
    size: int = 0
    """Bytes of rounds.jsonl at the last look."""
    before: Line | None = None
    """The last line of the last whole block."""
    seen: dict[str, int] = field(default_factory=dict)
    """Pixel hash → the last round with that picture, in whole blocks."""
    settled: Counts = field(default_factory=Counts)
    """In whole blocks."""
    counts: Counts = field(default_factory=Counts)
    rounds: int = 0
    first: Row | None = None
    last: Row | None = None
    cell: Cell | None = None
    sheet: Sheet | None = None
    """Of the block that is not whole."""
    far: Sheet | None = None
    far_number: int = 0
    far_changed: bool = False

    @property
    def file(self) -> Path:
        return self.folder / "rounds.jsonl"

    @property
    def words_only(self) -> bool:
        """Whether only its captions are known: an imported chain whose pictures nobody has."""
        return bool(self.rounds) and not any("pixels" in row for row in (self.first, self.last) if row is not None)

    @property
    def cut_back(self) -> bool:
        """Whether the chain is shorter than it was: a damaged run went on from an earlier round."""
        return not self.file.is_file() or self.file.stat().st_size < self.size


def follow(chain: Followed) -> None:
    """Reads what the chain has gained since the last look and writes the blocks that it touches. Raises RunError where it cannot."""
    size = chain.file.stat().st_size if chain.file.is_file() else 0
    if size == chain.size:
        return
    chain.size = size
    with told(chain.into):
        chain.into.mkdir(exist_ok=True)
    lines = read_lines(chain.file, chain.before)[1 if chain.before else 0 :]
    chain.cell = chain.cell or _cell(chain, lines)
    for start in range(0, len(lines), BLOCK):
        rounds = [line.round for line in lines[start : start + BLOCK]]
        seen, counts = _write_block(chain, rounds)
        if len(lines) > start + BLOCK:
            chain.before, chain.seen, chain.settled, chain.sheet = lines[start + BLOCK - 1], seen, counts, None
        chain.rounds = rounds[-1].round
    _write_far(chain)


def put(file: Path, content: bytes) -> None:
    """Writes a file unless it holds that already; it can be made again, so it need not outlast a loss of power."""
    if not (file.is_file() and file.stat().st_size == len(content) and file.read_bytes() == content):
        write_whole(file, content, sync=False)


def _cell(chain: Followed, lines: Sequence[Line]) -> Cell:
    files = (chain.folder / picture.file for line in lines if (picture := line.round.picture) and picture.file)
    return cell_of(next((file for file in files if file.is_file()), None))


def _write_block(chain: Followed, rounds: Sequence[Round]) -> tuple[dict[str, int], Counts]:
    """Writes the block of these rounds; gives what `seen` and `settled` are behind it."""
    number = (rounds[0].round - 1) // BLOCK
    seen, rows = dict(chain.seen), []
    chain.counts = replace(chain.settled)
    for done in rounds:
        pixels = done.picture.pixels if done.picture else ""
        repeats = seen.get(pixels) if pixels else None
        seen[pixels] = done.round
        rows.append(_present(row_of(done, repeats, facts=chain.key.captioner.startswith(WORLD)), chain))
        chain.counts.flagged += bool(flags_of(done, repeats))
        chain.counts.looked += done.saw_original
        chain.counts.inferred += done.inferred
    chain.last = rows[-1]
    chain.first = chain.first or rows[0]
    _draw_far(chain, rounds[-1], rows[-1])
    sheet, chunk = chain.into / f"{number:05}.webp", chain.into / f"{number:05}.js"
    content = data_file(f"{chain.into.name}/{number:05}", {"sheet": FORMAT, "rows": rows})
    if not (_holds(chunk, content) and sheet.is_file()):
        _draw(chain, rounds, rows, sheet)
        put(chunk, data_file(f"{chain.into.name}/{number:05}", {"sheet": FORMAT, "rows": rows}))
    return seen, chain.counts


def _holds(file: Path, content: bytes) -> bool:
    return file.is_file() and file.read_bytes() == content


def _draw(chain: Followed, rounds: Sequence[Round], rows: Sequence[dict[str, Any]], file: Path) -> None:
    """The sheet of a block: only pictures that it does not hold yet are read. The row of one that cannot be read says so."""
    sheet = chain.sheet = chain.sheet or Sheet(chain.cell or Cell(), BLOCK)
    for place, (done, row) in enumerate(zip(rounds, rows, strict=True)):
        if row["file"] and place not in sheet.filled and done.picture:
            if not sheet.fill(place, chain.folder / str(done.picture.file)):
                _present(row, chain)  # a run that goes on may have taken it away since
                if row["file"]:
                    row |= {"file": None, "absent": "picture damaged"}
        elif not row["file"] and place in sheet.filled:
            sheet.clear(place)
    put(file, sheet.encoded())


def _draw_far(chain: Followed, last: Round, row: Row) -> None:
    """Puts every 50th round on the sheet that stands in while the exact one is loaded."""
    if last.round % BLOCK:
        return
    number, place = divmod(last.round // BLOCK - 1, BLOCK)
    if number != chain.far_number:
        _write_far(chain)
        chain.far, chain.far_number = None, number
    chain.far_changed = chain.far_changed or chain.far is None
    chain.far = chain.far or Sheet(chain.cell or Cell(), BLOCK)
    if row["file"] and last.picture and place not in chain.far.filled:
        chain.far.fill(place, chain.folder / str(last.picture.file))
        chain.far_changed = True
    elif not row["file"] and place in chain.far.filled:
        chain.far.clear(place)
        chain.far_changed = True


def _write_far(chain: Followed) -> None:
    if chain.far and chain.far_changed:
        put(chain.into / f"far-{chain.far_number:05}.webp", chain.far.encoded())
        chain.far_changed = False


def _present(row: dict[str, Any], chain: Followed) -> dict[str, Any]:
    """The row without links to files that are gone, and with the reason."""
    for picture in (row, *row.get("pictures", ())):
        if picture["file"] and not (chain.folder / unquote(picture["file"])).is_file():
            picture["file"] = None
    if not row["file"]:
        row["absent"] = ONLY_A_CAPTION if "pixels" not in row else "picture missing" if chain.keeps_all else "not kept"
    return row
