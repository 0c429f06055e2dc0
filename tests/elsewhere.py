"""Folders of rounds as a person has them, and what becomes of them."""

from collections.abc import Callable, Mapping
from pathlib import Path

from PIL import Image
from tiny_runs import noise

from imageloop.importing import Imported, import_rounds
from imageloop.records import Round

Content = int | str | bytes
Make = Callable[..., Path]
TWO_ROUNDS: dict[str, Content] = {
    "00.png": 0,
    "01.txt": "a surfer under a palm\n",
    "01.png": 1,
    "02.txt": "a palm, twice",
    "02.png": 2,
}


def written(parent: Path, files: Mapping[str, Content], name: str = "elsewhere") -> Path:
    """A folder of files: a number becomes the noise of that seed as a picture, anything else is written as it is."""
    for file, content in files.items():
        path = parent / name / file
        path.parent.mkdir(parents=True, exist_ok=True)
        if isinstance(content, int):
            Image.fromarray(noise(content)).save(path)
        else:
            path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return parent / name


def imported(folder: Path, **options: object) -> Imported:
    """What the folder becomes, as the run beside it."""
    return import_rounds(folder, folder.parent / "run", **{"embedder": "analytic", **options})  # type: ignore[arg-type]


def only_chain(found: Imported) -> list[Round]:
    (chain,) = found.chains
    return found.run.rounds(chain.key)


def note(found: Imported) -> str:
    (line,) = found.notes
    assert "\n" not in line
    return line


def broken(change: dict[str, Content | None]) -> dict[str, Content]:
    """Four rounds, with some files changed or, for None, gone."""
    files: dict[str, Content | None] = {"00.png": 0}
    for number in range(1, 5):
        files |= {f"{number:02}.txt": f"words {number}", f"{number:02}.png": number}
    return {name: content for name, content in {**files, **change}.items() if content is not None}
