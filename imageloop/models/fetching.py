"""From a hub id to a folder in the hub's cache, with what cannot end well refused before gigabytes are fetched."""

import shutil
from collections.abc import Callable, Collection, Mapping
from fnmatch import fnmatch
from json import JSONDecodeError, loads
from pathlib import Path

from huggingface_hub import HfApi, constants, hf_hub_download, snapshot_download, try_to_load_from_cache
from huggingface_hub.errors import OfflineModeIsEnabled

from imageloop.catalog import Row
from imageloop.errors import ModelError
from imageloop.models import folders, loading

GIGABYTE = 1_000_000_000
MARKS: Mapping[str, str] = {"diffusers": "model_index.json", "transformers": "config.json", "open_clip": "open_clip_config.json"}
"""The file without which a folder holds no model of a library."""
UNREAD = ("*.bin", "*.pt", "*.pth", "*.ckpt", "*.h5", "*.msgpack", "*.onnx", "*.onnx_data", "*.gguf", "*.tflite", "*.ot", "*.mlmodel")
"""Files of a repository that are never read: other formats of the same weights, and those that may run code."""

MADE_FOR: Mapping[str, tuple[str, ...]] = {
    "diffusers": ("generator",),
    "transformers": ("captioner", "embedder"),
    "open_clip": ("embedder",),
}
"""The roles that models of a library can have."""

OPTIONS = ("captioner", "generator", "embedder")
"""The roles that a command has an option for."""

Download = Callable[[bool], str | Path]
"""Gives the folder of the whole model; told True, from the cache alone."""


def folder_and_revision(row: Row, download: Download | None = None, check: Callable[[Path], None] | None = None) -> tuple[Path, str]:
    """The folder of a row, fetched if need be, and what the recipe states as its revision: a commit, or a local folder's fingerprint.

    `download` fetches every file that is read, by default all but `UNREAD`; `check` may look at the configuration before that and raise
    ModelError. Where the hub does not answer, the cache has to do. Raises ModelError.
    """
    if row.local:
        folder = folders.folder_of(row)
        if check:
            check(folder)
        return folder, folders.fingerprint(folder)
    with loading.told_to_people(row):
        files, refusal = _files(row)
        try:
            mark = _mark(row, files)
            if check:
                check(mark.parent)
            if files is not None:
                _refuse_what_does_not_fit(row, _wanted(row, mark, files), mark.parent.name)
            folder = Path(download(files is None) if download else _snapshot(row, files is None))
        except FileNotFoundError as error:
            raise refusal or error from error
    return folder, folder.name


def configuration(row: Row) -> Path:
    """The file of a row that says what it is, fetched alone if need be. Raises ModelError where the hub holds something else."""
    if row.local:
        return Path(row.target) / MARKS[row.family]
    with loading.told_to_people(row):
        files, refusal = _files(row)
        try:
            return _mark(row, files)
        except FileNotFoundError as error:
            raise refusal or error from error


def _files(row: Row) -> tuple[dict[str, int] | None, Exception | None]:
    """The files of a repository and their bytes; or None, so that the cache is all there is, and why the hub does not tell."""
    try:
        found = HfApi().model_info(row.target, revision=row.revision or None, files_metadata=True)
    except (loading.HTTPError, OfflineModeIsEnabled) as error:
        return None, error
    return {file.rfilename: file.size or 0 for file in found.siblings or []}, None


def _mark(row: Row, files: Collection[str] | None) -> Path:
    if files is not None:
        _refuse_other_kinds(row, files)
    return Path(hf_hub_download(row.target, MARKS[row.family], revision=row.revision or None, local_files_only=files is None))


def _snapshot(row: Row, cached: bool) -> str:
    return snapshot_download(row.target, revision=row.revision or None, ignore_patterns=[*UNREAD], local_files_only=cached)


def _refuse_other_kinds(row: Row, files: Collection[str]) -> None:
    mark = MARKS[row.family]
    if mark not in files:
        other = next((family for family, name in MARKS.items() if name in files), None)
        if other is None:
            raise ModelError(f"{row.name}: {row.target} holds no model that can be loaded: it has no {mark}; name another")
        roles = MADE_FOR[other]
        what = (
            f"type {other}:{row.target}"
            if row.role in roles
            else f"name it with {' or '.join(f'--{role}' for role in roles if role in OPTIONS)}"
        )
        raise ModelError(f"{row.name}: {row.target} is made for {other}, not for {row.family}; {what}")
    if not any(name.endswith(".safetensors") for name in files):
        raise ModelError(
            f"{row.name}: {row.target} has no .safetensors file, and other weights may run code when read; "
            "name a revision or a model that has one, or convert it and name the folder"
        )


def _wanted(row: Row, mark: Path, files: Mapping[str, int]) -> dict[str, int]:
    """The files that will be read: for a pipeline the plain weights of its parts, else all of a format that is read."""
    if row.family != "diffusers":
        return {name: size for name, size in files.items() if not any(fnmatch(name, pattern) for pattern in UNREAD)}
    try:
        parts = set(loads(mark.read_text(encoding="utf-8")))
    except JSONDecodeError as error:
        raise ModelError(f"{row.name}: {mark.name} of {row.target} is not readable as JSON ({error}); name another model") from None
    inside = {name: size for name, size in files.items() if name.partition("/")[0] in parts and name.endswith(".safetensors")}
    return {name: size for name, size in inside.items() if not {"fp16", "bf16", "non_ema"} & set(name.split("."))}


def _refuse_what_does_not_fit(row: Row, files: Mapping[str, int], commit: str) -> None:
    missing = sum(size for name, size in files.items() if not isinstance(try_to_load_from_cache(row.target, name, revision=commit), str))
    standing = Path(constants.HF_HUB_CACHE)
    while not standing.exists():
        standing = standing.parent
    free = shutil.disk_usage(standing).free
    if missing > free:
        raise ModelError(
            f"{row.name}: {row.target} has {missing / GIGABYTE:.1f} GB to fetch and {constants.HF_HUB_CACHE} has room for "
            f"{free / GIGABYTE:.1f} GB; free some space, or set HF_HOME to a folder on a larger disk"
        )
