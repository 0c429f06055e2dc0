"""A run's folder, read: what was planned, the originals, and each chain's rounds and pictures. `writer.py` writes it.

run.json                                              plan, recipes, versions, commit, device
originals/<id>.png, or <id>.txt                       exact pixels, or the text
chains/<captioner>+<generator>/<original>-s<seed>/    with @<arm> at its end for other arms than the plain loop
    rounds.jsonl                                      one Round a line; a line means that its pictures are whole
    images/000001.png, images/000001-c0.png           the chosen picture of round 1, and a candidate that was not chosen

It holds no path to anything outside itself, so it can be moved, and runs with different chains can be laid over one another.
"""

import json
import re
import struct
import zlib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, PngImagePlugin

from imageloop.errors import RunError
from imageloop.records import ChainKey, Original, Pixels, Round, StoredPicture, pixel_hash

IMPORTED = "imported"
"""The family, in a recipe, of a model that was run elsewhere."""
_CHAIN = re.compile(r"(?P<original>.+)-s(?P<seed>\d+)(?:@(?P<arm>.+))?")
_UNREADABLE = (OSError, SyntaxError, ValueError, EOFError, struct.error, zlib.error)
"""What Pillow raises on a PNG that is damaged."""


@dataclass(frozen=True, slots=True)
class RunInfo:
    """What run.json holds."""

    plan: Mapping[str, Any]
    recipes: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    """`Recipe` fields by `role/label`, e.g. `captioner/sticker-blip`; a model is added when it is first used."""
    plan_hash: str = ""
    """Over the recipes and all of the plan that changes results; more rounds, seeds or originals leave it as it is."""
    versions: Mapping[str, str] = field(default_factory=dict)
    commit: str | None = None
    device: str = ""
    created: str = ""


class RunFolder:
    """A run on disk, read only."""

    def __init__(self, path: Path, info: RunInfo) -> None:
        self.path = path
        self.info = info

    @classmethod
    def open(cls, path: str | Path) -> "RunFolder":
        """The run in a folder. Raises RunError when it holds none."""
        folder = Path(path)
        if not folder.is_dir():
            raise RunError(f"{folder}: no such run; `imageloop run` makes one")
        if not (folder / "run.json").is_file():
            raise RunError(f"{folder}: holds no run.json, so it is not the folder of a run; name one below outputs/")
        return cls(folder, _read_info(folder / "run.json"))

    @cached_property
    def originals(self) -> dict[str, Original]:
        """Every original, by id. Raises RunError on a file that cannot be read."""
        files = sorted(self.path.glob("originals/*"))
        pictures = {file.stem: Original(file.stem, pixels=read_picture(file)) for file in files if file.suffix == ".png"}
        texts = {file.stem: Original(file.stem, text=read_text(file)) for file in files if file.suffix == ".txt"}
        return {name: {**pictures, **texts}[name] for name in sorted([*pictures, *texts])}

    @property
    def imported(self) -> bool:
        """Whether its rounds were made elsewhere: no model here can go on with them or make them again."""
        return any(recipe.get("family") == IMPORTED for recipe in self.info.recipes.values())

    def keys(self) -> list[ChainKey]:
        """The chains on disk, sorted."""
        return sorted(key for file in self.path.glob("chains/*/*/rounds.jsonl") if (key := _key_of(file.parent)))

    def chain_path(self, key: ChainKey) -> Path:
        """The folder of a chain, whether it is there or not."""
        arm = "" if key.arm == "plain" else f"@{key.arm}"
        return self.path / "chains" / key.pair / f"{key.original}-s{key.seed}{arm}"

    def rounds(self, key: ChainKey) -> list[Round]:
        """The rounds of a chain in order, up to the first damaged line. A picture that is no longer kept has no `file`."""
        folder = self.chain_path(key)
        kept = {f"images/{name}" for name in _names(folder / "images")}
        return [_without_missing(line.round, kept) for line in read_lines(folder / "rounds.jsonl")]

    def picture(self, key: ChainKey, stored: StoredPicture) -> Pixels:
        """A stored picture, checked against its hash. Raises RunError naming the file when it is missing or damaged."""
        if stored.file is None:
            raise RunError(f"{self.chain_path(key)}: a picture of this chain was not kept; run it again with --keep all")
        file = self.chain_path(key) / stored.file
        pixels = read_picture(file)
        if pixel_hash(pixels) != stored.pixels:
            raise RunError(f"{file}: not the picture that its round stored; restore it, or run the plan anew with another --out")
        return pixels


@dataclass(frozen=True, slots=True)
class Line:
    """A valid line of rounds.jsonl, and the position of its end in the file, in bytes."""

    round: Round
    end: int


def read_lines(file: Path, after: Line | None = None) -> list[Line]:
    """The longest prefix of valid lines: whole, numbered from 1, and each seeing the picture of the one before.

    `after`: a line that was read before; then it comes first, and what lies before it is neither read nor given.
    """
    lines: list[Line] = [after] if after else []
    end = after.end if after else 0
    first = after.round.round if after else 1
    for text in _from(file, end).split(b"\n")[:-1]:
        end += len(text) + 1
        try:
            done = Round.from_json(json.loads(text))
            before = lines[-1].round.picture if lines else None
            seen = before.pixels if before else None
            follows = done.round == first + len(lines) and (not lines or bool(done.acts) or done.saw == seen)
        except (ValueError, KeyError, TypeError, IndexError):
            break
        if not follows:
            break
        lines.append(Line(done, end))
    return lines


def _from(file: Path, place: int) -> bytes:
    if not file.is_file():
        return b""
    with file.open("rb") as content:
        content.seek(place)
        return content.read()


def keeps(rule: str, round: int) -> bool:
    """Whether the pictures of a round stay when the next one lands, by the plan's `keep`: `all`, `every k`, or `log`, the powers of two."""
    if rule == "log":
        return round & (round - 1) == 0
    return rule == "all" or round % int(rule.removeprefix("every ")) == 0


def file_names(round: int, candidates: int, chosen: int) -> list[str]:
    """The file below the chain's folder for each candidate of a round."""
    return [f"images/{round:06d}.png" if i == chosen else f"images/{round:06d}-c{i}.png" for i in range(candidates)]


def encode_picture(pixels: Pixels, texts: Mapping[str, str]) -> bytes:
    """A PNG of exactly these pixels, with texts for whoever opens it elsewhere; imageloop never reads them."""
    chunks = PngImagePlugin.PngInfo()
    for name, text in texts.items():
        chunks.add_itxt(name, text.encode("utf-8", "backslashreplace").decode())
    file = BytesIO()
    Image.fromarray(pixels).save(file, "PNG", compress_level=1, pnginfo=chunks)
    return file.getvalue()


def read_picture(file: Path) -> Pixels:
    """The pixels of a stored PNG. Raises RunError naming the file when it is missing or damaged."""
    if not file.is_file():
        raise RunError(f"{file}: the picture is missing; restore it, or run the plan anew with another --out")
    try:
        with Image.open(file, formats=("PNG",)) as image:
            return np.array(image.convert("RGB"), dtype=np.uint8)
    except _UNREADABLE as error:
        raise RunError(f"{file}: the picture is damaged ({error}); restore it, or run the plan anew with another --out") from None


def read_text(file: Path) -> str:
    """A stored text. Raises RunError naming the file when it is missing or damaged."""
    try:
        return file.read_bytes().decode()
    except (OSError, UnicodeDecodeError) as error:
        raise RunError(f"{file}: the text is damaged ({error}); restore it, or run the plan anew with another --out") from None


def _read_info(file: Path) -> RunInfo:
    try:
        content = json.loads(file.read_text(encoding="utf-8"))
        return RunInfo(**{name: content[name] for name in RunInfo.__dataclass_fields__})
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise RunError(f"{file}: cannot be read ({error}); restore it, or choose another folder with --out") from None


def _key_of(folder: Path) -> ChainKey | None:
    captioner, plus, generator = folder.parent.name.partition("+")
    match = _CHAIN.fullmatch(folder.name)
    if not (plus and match):
        return None
    return ChainKey(captioner, generator, match["original"], int(match["seed"]), match["arm"] or "plain")


def _names(folder: Path) -> list[str]:
    return [file.name for file in folder.iterdir()] if folder.is_dir() else []


def _without_missing(done: Round, kept: set[str]) -> Round:
    if all(picture.file is None or picture.file in kept for picture in done.pictures):
        return done
    return replace(done, pictures=tuple(p if p.file in kept else replace(p, file=None) for p in done.pictures))
