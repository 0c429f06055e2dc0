"""What lies in a folder of rounds made elsewhere, by file name only: nothing is decoded here and no link is followed out of the folder."""

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from PIL import Image

from imageloop.errors import RoundsError

MOST_TEXT = 1_000_000
"""Bytes of a text file, at most; a file of captions holds a few hundred a round."""
UNREADABLE = (".heic", ".heif")
"""Formats of pictures that Pillow does not read by itself: seen as pictures, so that reading them says so."""


class Trouble(RoundsError):
    """Why a file or a round cannot be used, without the name of its chain. The chain ends before it."""


@dataclass(frozen=True, slots=True)
class Candidate:
    """A candidate caption or picture of a round: a file, or the text itself."""

    source: Path | str
    mark: str = ""
    """What tells it from the other candidates of its round: `a`, `b`, `2` …"""
    chosen: bool = False
    """Whether its name says that it was kept."""


@dataclass(slots=True)
class FoundRound:
    """The candidates of one round, as they were found."""

    captions: list[Candidate] = field(default_factory=list)
    pictures: list[Candidate] = field(default_factory=list)


@dataclass(slots=True)
class FoundChain:
    """One chain, as it was found. `rounds` may have gaps."""

    name: str
    rounds: dict[int, FoundRound] = field(default_factory=dict)
    originals: list[Path] = field(default_factory=list)
    """Files of the original; more than one is a question only a person can answer."""
    left: list[Path] = field(default_factory=list)
    """Files that are part of no round."""
    trouble: str = ""
    """Why nothing of it can be used, where that shows already."""
    late_captions: bool = False
    """Whether, in a chain that starts from a text, caption t describes picture t and so belongs to round t + 1."""

    def at(self, number: int) -> FoundRound:
        """The round of that number, new or known."""
        return self.rounds.setdefault(number, FoundRound())


@dataclass(frozen=True, slots=True)
class Layout:
    """A way in which rounds lie in a folder."""

    recognises: Callable[[Sequence[Path]], bool]
    """Whether these files of one folder are so laid out."""
    chains: Callable[[str, Sequence[Path]], list[FoundChain]]
    """The chains in the files of one folder, which has this name."""


def is_picture(file: Path) -> bool:
    """Whether the name ends as that of an image does."""
    return file.suffix.lower() in Image.registered_extensions() or file.suffix.lower() in UNREADABLE


def is_text(file: Path) -> bool:
    """Whether the name ends as that of a text does."""
    return file.suffix.lower() == ".txt"


def entries(folder: Path) -> Iterator[Path]:
    """What is in a folder, `2` before `10`, without hidden files. Raises RoundsError when it cannot be looked into."""
    try:
        return iter(sorted((file for file in folder.iterdir() if not file.name.startswith(".")), key=natural))
    except OSError as error:
        raise RoundsError(f"{folder}: cannot be read: {error.strerror}; check its permissions") from None


def natural(file: Path) -> list[tuple[int, str]]:
    """Sorts names as people do, `round2` before `round10`."""
    return [(int(part), "") if part.isdigit() and part.isascii() else (-1, part) for part in re.split(r"([0-9]{1,9})", file.name.lower())]


def inside(file: Path, root: Path) -> Path:
    """The file, when it is one and lies within `root`. Raises Trouble for links that lead out of it, pipes and what is missing."""
    try:
        real = file.resolve()
    except (OSError, RuntimeError):  # a link that leads to itself
        raise Trouble(f"{file.name} is a link that leads nowhere; put the file itself there") from None
    if not real.is_relative_to(root):
        raise Trouble(f"{file.name} is a link out of the folder, which is not followed; put the file itself there")
    if not real.is_file():
        raise Trouble(f"{file.name} is {'a link that leads nowhere' if file.is_symlink() else 'no file'}; put the file itself there")
    return real


def read_text(file: Path, root: Path) -> str:
    """A text file, UTF-8 or, where it begins with a byte order mark, UTF-16; white space around it is dropped. Raises Trouble."""
    try:
        data = inside(file, root).read_bytes()
    except OSError as error:
        raise Trouble(f"{file.name} cannot be read: {error.strerror}") from None
    if len(data) > MOST_TEXT:
        raise Trouble(f"{file.name} is longer than {MOST_TEXT:,} bytes, so it is no caption")
    try:
        text = data.decode("utf-16" if data.startswith((b"\xff\xfe", b"\xfe\xff")) else "utf-8-sig")
    except UnicodeDecodeError:
        text = "\0"
    if "\0" in text:
        raise Trouble(f"{file.name} is no UTF-8 text; save it as UTF-8")
    return text.replace("\r\n", "\n").replace("\r", "\n").strip()


def names(files: Iterable[Path | str]) -> str:
    """The names of some files in one line, the first few of many."""
    known = [file.name if isinstance(file, Path) else file for file in files]
    return ", ".join(known[:4]) + (f" and {len(known) - 4} more" if len(known) > 4 else "")
