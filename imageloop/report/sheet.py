"""The contact sheet: a row a chain, a column a round, captions underneath, for a slide or a paper."""

from __future__ import annotations

import io
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from PIL import Image, ImageDraw, ImageFont

from imageloop.disk import told, write_whole
from imageloop.errors import RunError
from imageloop.records import ChainKey, Original, Pixels, Round
from imageloop.report.panels import fair_share, pair_label, spread
from imageloop.report.words import plural, short, shown

if TYPE_CHECKING:
    from imageloop.store import RunFolder

CELL = 192
"""Side of a picture on the sheet, in pixels."""
GAP, EDGE = 20, 48
LINE, MOST_LINES = 18, 4
COLUMNS, MOST_ROWS = 8, 24
PAPER, INK, MUTED, EMPTY = "#ffffff", "#1b1b1e", "#6c6a66", "#efece6"


def draw_sheet(run: RunFolder) -> bytes:
    """A PNG of at most `MOST_ROWS` chains at `COLUMNS` rounds, closer together towards the start; small pictures enlarged without blur."""
    keys = run.keys()
    chains = {key: run.rounds(key) for key in fair_share(keys, MOST_ROWS)}
    last = max((len(rounds) for rounds in chains.values()), default=0)
    numbers = spread(last, COLUMNS) if last else []
    head, row = 66, CELL + 12 + (MOST_LINES + 1) * LINE + 44
    width = 2 * EDGE + max(3, len(numbers) + 1) * (CELL + GAP) - GAP
    sheet = Image.new("RGB", (width, EDGE + head + max(1, len(chains)) * row + EDGE), PAPER)
    pen = ImageDraw.Draw(sheet)
    _head(pen, run, numbers, len(keys))
    for place, (key, rounds) in enumerate(chains.items()):
        _row(sheet, pen, run, key, rounds, numbers, EDGE + head + place * row)
    content = io.BytesIO()
    sheet.save(content, "PNG")
    return content.getvalue()


def write_sheet(run: RunFolder) -> Path:
    """Writes `report/sheet.png`; gives its path. Raises RunError where it cannot be written."""
    file = run.path / "report" / "sheet.png"
    with told(file.parent):
        file.parent.mkdir(exist_ok=True)
    write_whole(file, draw_sheet(run))
    return file


def _head(pen: ImageDraw.ImageDraw, run: RunFolder, numbers: Sequence[int], chains: int) -> None:
    name = short(str(run.info.plan.get("name", run.path.name)), 60)
    last = numbers[-1] if numbers else 0
    some = f" ({MOST_ROWS} shown)" if chains > MOST_ROWS else ""
    pen.text((EDGE, EDGE - 16), name, INK, font(26, bold=True))
    about = f"{chains} {plural(chains, 'chain')}{some}, {last} {plural(last, 'round')}"
    pen.text((EDGE, EDGE + 20), about, MUTED, font(14))


def _row(
    sheet: Image.Image,
    pen: ImageDraw.ImageDraw,
    run: RunFolder,
    key: ChainKey,
    rounds: Sequence[Round],
    numbers: Sequence[int],
    top: int,
) -> None:
    pen.text((EDGE, top), f"{pair_label(key.pair, key.arm)}  ·  {shown(key.original)}  ·  seed {key.seed}", INK, font(14, bold=True))
    _cell(sheet, pen, original_of(run, key), "original", "", 0, top + 28)
    for column, number in enumerate(numbers, start=1):
        if number <= len(rounds):
            done = rounds[number - 1]
            _cell(sheet, pen, *seen_of(run, key, done), column, top + 28)


def original_of(run: RunFolder, key: ChainKey) -> Pixels | str:
    """What a chain starts from: a picture, a text, or why there is neither."""
    try:
        original: Original | None = run.originals.get(key.original)
    except RunError:
        return "damaged"
    if original is None:
        return "missing"
    return original.pixels if original.pixels is not None else shown(original.text or "")


def seen_of(run: RunFolder, key: ChainKey, done: Round) -> tuple[Pixels | str, str, str]:
    """What stands for a round, its title, and the words below: its picture and caption, or the caption alone where no more is known."""
    title = f"round {done.round}{', inferred' if done.inferred else ''}"
    if done.picture is None:
        return shown(done.caption) or "(no words)", title, ""
    try:
        return run.picture(key, done.picture), title, shown(done.caption)
    except RunError:
        return "no picture", title, shown(done.caption)


def _cell(sheet: Image.Image, pen: ImageDraw.ImageDraw, content: Pixels | str, title: str, caption: str, column: int, top: int) -> None:
    left = EDGE + column * (CELL + GAP)
    if isinstance(content, str):
        pen.rectangle((left, top, left + CELL - 1, top + CELL - 1), fill=EMPTY)
        lines = wrapped(content, font(15), CELL - 24, 8)
        pen.multiline_text((left + 12, top + 12), "\n".join(lines), MUTED, font(15), spacing=5)
    else:
        picture = fitted(content)
        sheet.paste(picture, (left + (CELL - picture.width) // 2, top + (CELL - picture.height) // 2))
    pen.text((left, top + CELL + 8), title, MUTED, font(13))
    pen.multiline_text((left, top + CELL + 8 + LINE), "\n".join(wrapped(caption, font(13), CELL, MOST_LINES)), INK, font(13), spacing=4)


def fitted(pixels: Pixels) -> Image.Image:
    """The picture within a cell: enlarged by a whole factor without blur when it is small, reduced with Lanczos when it is large."""
    image = Image.fromarray(pixels)
    factor = CELL // max(image.size)
    if factor >= 1:
        return image.resize((image.width * factor, image.height * factor), Image.Resampling.NEAREST)
    width, height = (max(1, round(side * CELL / max(image.size))) for side in image.size)
    return image.resize((width, height), Image.Resampling.LANCZOS)


def wrapped(text: str, font: ImageFont.FreeTypeFont, width: int, most: int) -> list[str]:
    """The text in lines that fit, words broken where they must be, an ellipsis where lines run out."""
    lines: list[str] = [""]
    for word in short(text, 600).split(" "):
        rest = word
        while rest:
            joined = f"{lines[-1]} {rest}".strip()
            if font.getlength(joined) <= width:
                lines[-1], rest = joined, ""
            elif lines[-1]:
                lines.append("")
            else:
                fits = next((n for n in range(1, len(rest)) if font.getlength(rest[: n + 1]) > width), 1)
                lines[-1], rest = rest[:fits], rest[fits:]
                if rest:
                    lines.append("")
        if len(lines) > most:
            break
    if len(lines) <= most:
        return lines
    end = lines[most - 1]
    while end and font.getlength(end + "…") > width:
        end = end[:-1]
    return [*lines[: most - 1], end.rstrip() + "…"]


@cache
def font(size: int, *, bold: bool = False) -> ImageFont.FreeTypeFont:
    """A legible font of a size in pixels; it comes with matplotlib."""
    import matplotlib as mpl  # its package carries the font

    return ImageFont.truetype(Path(mpl.get_data_path()) / "fonts" / "ttf" / f"DejaVuSans{'-Bold' if bold else ''}.ttf", size)
