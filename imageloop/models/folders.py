"""Folders of weights on this machine: which one a row means, and what tells it from another. Imports no model library."""

import hashlib
import os
from functools import cache
from importlib.util import find_spec
from pathlib import Path

from imageloop.catalog import Row
from imageloop.errors import ModelError

WHOLE = 1 << 28
"""Bytes of a file up to which all of it counts for the fingerprint; of a larger one, a piece in every stride and its end."""
PIECE, STRIDE = 1 << 16, 1 << 22


def folder_of(row: Row) -> Path:
    """The folder of a local row. Raises ModelError when it is not there or holds weights in no safetensors file."""
    path = Path(row.target)
    if not path.is_dir():
        raise ModelError(f"{row.name}: its folder {path} is not there; name another model or put the weights back")
    if not any(path.rglob("*.safetensors")):
        old = next((file for pattern in ("*.bin", "*.ckpt", "*.pt", "*.pth") for file in path.rglob(pattern)), None)
        what = f"{old.name} may run code when read" if old else "the folder holds no weights"
        raise ModelError(f"{row.name}: no .safetensors file in {path}: {what}; save the model with save_pretrained(…)")
    return path


def packaged_folder(row: Row) -> Path | None:
    """The folder that the row's Python package brings; None where it has none or is not installed."""
    package = find_spec(row.package) if row.package else None
    places = package.submodule_search_locations if package is not None else None
    return Path(places[0]) / "model" if places else None


@cache
def fingerprint(path: Path) -> str:
    """16 hex digits that change when a model's folder does: SHA-256 over names, sizes and contents of its files, links followed.

    Of a file larger than `WHOLE`, 64 KB in every 4 MB are read, so that 20 GB need no minute. One process looks once.
    """
    digest = hashlib.sha256()
    found = (Path(place) / name for place, _, names in os.walk(path, followlinks=True) for name in names)
    for file in sorted(file for file in found if file.suffix in (".safetensors", ".json", ".txt", ".model", ".jinja", ".py")):
        size = file.stat().st_size
        digest.update(f"{file.relative_to(path).as_posix()}\0{size}\0".encode())
        with file.open("rb") as stream:
            if size <= WHOLE:
                digest.update(stream.read())
                continue
            for place in (*range(0, size, STRIDE), size - PIECE):
                stream.seek(place)
                digest.update(stream.read(PIECE))
    return digest.hexdigest()[:16]
