"""A chain as an animation: one frame a round with its number and its caption, as GIF, WebP or MP4."""

from __future__ import annotations

import importlib
import io
from collections.abc import Iterator, Sequence
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from PIL import Image, ImageDraw

from imageloop.disk import told, write_whole
from imageloop.errors import RunError
from imageloop.records import ChainKey, Pixels
from imageloop.report.panels import pair_label, spread
from imageloop.report.sheet import EMPTY, INK, MUTED, PAPER, font, original_of, seen_of, wrapped

if TYPE_CHECKING:
    from imageloop.store import RunFolder

Kind = Literal["gif", "webp", "mp4"]
KINDS: tuple[Kind, ...] = ("gif", "webp", "mp4")
SIDE, EDGE = 512, 16
"""Of the picture in a frame, and the space around it, in pixels."""
LINES, LINE = 4, 24
MOST_FRAMES = 200
"""Rounds in one animation, at most: closer together towards the start, as everywhere."""
SECONDS = 0.5
"""What a frame stays, where there are few; the first and the last stay longer."""
FASTEST = 1 / 12
LONGEST = 30.0
"""Seconds of one animation, at most, but for the first and the last frame."""


def chains_named(run: RunFolder, name: str | None) -> list[ChainKey]:
    """The chains that a name means: the path of one below `chains/`, or the end of such a path; all without a name.

    Raises RunError where there is none, or where the end of a path belongs to several.
    """
    keys = run.keys()
    if name is None:
        if not keys:
            raise RunError(f"{run.path}: has no chain yet; `imageloop run` makes them")
        return keys
    places = {key: run.chain_path(key).relative_to(run.path / "chains").as_posix() for key in keys}
    found = [key for key, place in places.items() if place == name] or [key for key, place in places.items() if place.endswith(name)]
    if len(found) == 1:
        return found
    some = ", ".join(sorted(places.values())[:3])
    if not found:
        raise RunError(f"{run.path}: no chain is called {name!r}; there are {some}{' …' if len(places) > 3 else ''}")
    raise RunError(f"{run.path}: {len(found)} chains end in {name!r}; name one in full, such as {places[found[0]]}")


def write_animations(run: RunFolder, kind: Kind, keys: Sequence[ChainKey]) -> list[Path]:
    """Writes `report/videos/<chain>.<kind>` for each chain; gives the paths. Raises RunError where that cannot be."""
    folder = run.path / "report" / "videos"
    with told(folder):
        folder.mkdir(parents=True, exist_ok=True)
    made = []
    for key in keys:
        file = folder / f"{key.pair}-{run.chain_path(key).name}.{kind}"
        last = len(run.rounds(key))
        numbers = spread(last, MOST_FRAMES) if last else []
        _write(file, kind, frames(run, key, numbers), durations(len(numbers) + 1))
        made.append(file)
    return made


def durations(count: int) -> list[float]:
    """Seconds for each of so many frames."""
    each = max(FASTEST, min(SECONDS, LONGEST / max(1, count)))
    return [1.5, *([each] * (count - 2)), 2.5][:count] if count > 1 else [2.0]


def frames(run: RunFolder, key: ChainKey, numbers: Sequence[int]) -> Iterator[Image.Image]:
    """The original, then these rounds: all of one size, small pictures enlarged without blur."""
    rounds = run.rounds(key)
    last = rounds[-1].round if rounds else 0
    yield _frame(original_of(run, key), "original", "", 0, last, key)
    for number in numbers:
        done = rounds[number - 1]
        yield _frame(*seen_of(run, key, done), number, last, key)


def _frame(content: Pixels | str, title: str, caption: str, number: int, last: int, key: ChainKey) -> Image.Image:
    width, height = SIDE + 2 * EDGE, SIDE + 3 * EDGE + LINE + LINES * LINE
    frame = Image.new("RGB", (width, height - height % 2), PAPER)
    pen = ImageDraw.Draw(frame)
    if isinstance(content, str):
        pen.rectangle((EDGE, EDGE, EDGE + SIDE - 1, EDGE + SIDE - 1), fill=EMPTY)
        pen.multiline_text((2 * EDGE, 2 * EDGE), "\n".join(wrapped(content, font(18), SIDE - 2 * EDGE, 12)), MUTED, font(18), spacing=6)
    else:
        picture = _enlarged(Image.fromarray(content))
        frame.paste(picture, (EDGE + (SIDE - picture.width) // 2, EDGE + (SIDE - picture.height) // 2))
    top = SIDE + EDGE + 10
    share = number / last if last else 0
    pen.rectangle((EDGE, SIDE + EDGE + 2, EDGE + SIDE - 1, SIDE + EDGE + 4), fill=EMPTY)
    pen.rectangle((EDGE, SIDE + EDGE + 2, EDGE + max(1, round(SIDE * share)) - 1, SIDE + EDGE + 4), fill="#0072b2")
    pen.text((EDGE, top), title, INK, font(17, bold=True))
    name = f"{pair_label(key.pair, key.arm)}, seed {key.seed}"
    pen.text((EDGE + SIDE, top + 3), name, MUTED, font(13), anchor="ra")
    pen.multiline_text((EDGE, top + LINE + 2), "\n".join(wrapped(caption, font(16), SIDE, LINES)), INK, font(16), spacing=6)
    return frame


def _enlarged(picture: Image.Image) -> Image.Image:
    factor = SIDE // max(picture.size)
    if factor >= 1:
        return picture.resize((picture.width * factor, picture.height * factor), Image.Resampling.NEAREST)
    picture.thumbnail((SIDE, SIDE), Image.Resampling.LANCZOS)
    return picture


def _write(file: Path, kind: Kind, drawn: Iterator[Image.Image], seconds: list[float]) -> None:
    if kind == "mp4":
        return _write_mp4(file, drawn, seconds)
    content = io.BytesIO()
    lasting = [round(1000 * each) for each in seconds]
    options = {"quality": 80, "method": 2} if kind == "webp" else {"disposal": 1, "optimize": False}
    next(drawn).save(content, kind.upper(), save_all=True, append_images=drawn, duration=lasting, loop=0, **options)
    write_whole(file, content.getvalue())
    return None


def _write_mp4(file: Path, drawn: Iterator[Image.Image], seconds: list[float]) -> None:
    try:
        writer = importlib.import_module("imageio_ffmpeg")
    except ModuleNotFoundError:
        raise RunError("--video mp4 needs imageio-ffmpeg: pip install 'imageloop[video]'; --video webp and gif need nothing") from None
    rate = 24
    part = file.with_name(f".{file.stem}.part.mp4")
    with told(file):
        first = next(drawn)
        stream = writer.write_frames(
            str(part), first.size, fps=rate, codec="libx264", quality=7, macro_block_size=2, ffmpeg_log_level="error"
        )
        stream.send(None)
        for frame, lasts in zip(chain([first], drawn), seconds, strict=True):
            for _ in range(max(1, round(lasts * rate))):
                stream.send(frame.tobytes())
        stream.close()
        part.replace(file)
