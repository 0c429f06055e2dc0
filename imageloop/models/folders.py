"""Folders of weights on this machine: which one a row means, and what tells it from another. Imports no model library."""

import hashlib
import os
from functools import cache
from importlib.util import find_spec
from pathlib import Path

from imageloop.catalog import Row
from imageloop.errors import ModelError

SAMPLE = 1 << 20
"""Bytes read from each end of a file for its fingerprint: training moves every weight, so the ends tell, and 20 GB need not be read."""


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
    """16 hex digits that change when a model's folder does: SHA-256 over names, sizes and both ends of every file, links followed."""
    digest = hashlib.sha256()
    found = (Path(place) / name for place, _, names in os.walk(path, followlinks=True) for name in names)
    for file in sorted(file for file in found if file.suffix in (".safetensors", ".json", ".txt", ".model", ".jinja")):
        size = file.stat().st_size
        digest.update(f"{file.relative_to(path).as_posix()}\0{size}\0".encode())
        with file.open("rb") as stream:
            digest.update(stream.read(SAMPLE))
            stream.seek(max(SAMPLE, size - SAMPLE))
            digest.update(stream.read())
    return digest.hexdigest()[:16]
