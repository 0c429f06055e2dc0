"""The chains in a folder: one where the rounds lie directly in it, one or more in each of its folders otherwise."""

from collections.abc import Iterator, Mapping
from pathlib import Path

from imageloop.errors import RoundsError
from imageloop.importing.captions import CAPTIONS, PLAIN_CAPTIONS
from imageloop.importing.found import FoundChain, Layout, entries
from imageloop.importing.raa import RAA
from imageloop.importing.simple import SIMPLE

LAYOUTS: Mapping[str, Layout] = {"simple": SIMPLE, "raa": RAA, "captions": CAPTIONS}
AUTO = "auto"
DEEPEST = 4
"""Folders within folders that are looked into."""


def find(folder: Path, layout: str = AUTO) -> list[FoundChain]:
    """Every chain in the folder, or in a single file of captions, sorted by name.

    Raises RoundsError where there is none, where a folder is a run already, or fits two layouts.
    """
    if layout not in (AUTO, *LAYOUTS):
        raise RoundsError(f"--layout {layout}: must be one of {', '.join((AUTO, *LAYOUTS))}")
    if folder.is_file():
        chains = PLAIN_CAPTIONS.chains(folder.stem, [folder]) if layout in (AUTO, "captions") else []
    elif folder.is_dir():
        chains = list(_within(folder, folder.resolve().name or "rounds", layout, folder.resolve(), DEEPEST))
    else:
        raise RoundsError(f"{folder}: no such folder; name one that holds 01.txt, 01.png, 02.txt and so on")
    if not chains:
        what = "no rounds" if layout == AUTO else f"no rounds of the layout {layout}"
        raise RoundsError(f"{folder}: {what} in this folder or in those within; name the files 01.txt, 01.png, 02.txt and so on")
    return chains


def _within(folder: Path, name: str, layout: str, root: Path, deeper: int) -> Iterator[FoundChain]:
    if (folder / "run.json").is_file():
        raise RoundsError(f"{folder}: is a run already; measure it with: imageloop measure {folder}")
    inside = list(entries(folder))
    # A link to a folder could lead anywhere, and in circles.
    folders = [entry for entry in inside if entry.is_dir() and not entry.is_symlink()]
    files = [entry for entry in inside if not entry.is_dir()]
    fitting = [known for known in LAYOUTS if layout in (AUTO, known) and _layout(known, layout).recognises(files)]
    if len(fitting) > 1:
        raise RoundsError(f"{folder}: its files fit the layouts {' and '.join(fitting)}; say which with --layout")
    if fitting:
        yield from _layout(fitting[0], layout).chains(name, files)
    elif deeper:
        for entry in folders:
            # The outermost folder says nothing that the names within it do not.
            yield from _within(entry, entry.name if folder.resolve() == root else f"{name}/{entry.name}", layout, root, deeper - 1)


def _layout(known: str, asked: str) -> Layout:
    return PLAIN_CAPTIONS if known == asked == "captions" else LAYOUTS[known]
