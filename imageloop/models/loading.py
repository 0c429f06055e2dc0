"""What every family needs to load a model: device, dtype, settings, the weights' fingerprint, and errors that people can act on."""

import errno
import re
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from difflib import get_close_matches
from importlib.metadata import version
from pathlib import Path
from typing import Any, cast

import torch
from huggingface_hub import constants
from huggingface_hub.errors import (
    GatedRepoError,
    HfHubHTTPError,
    LocalEntryNotFoundError,
    OfflineModeIsEnabled,
    RemoteEntryNotFoundError,
    RepositoryNotFoundError,
    RevisionNotFoundError,
)
from safetensors import SafetensorError

from imageloop.catalog import Row
from imageloop.errors import DeviceError, ImageloopError, ModelError, OutOfMemory
from imageloop.records import Recipe

DTYPES = {"fp32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}
FULL = re.compile(r"can't allocate memory|not enough memory|out of memory|CUBLAS_STATUS_ALLOC_FAILED", re.IGNORECASE)
"""How a RuntimeError says that memory ran out."""
HTTPError = cast(type[Exception], next(kind for kind in HfHubHTTPError.__mro__ if kind.__name__ == "HTTPError"))
"""What the hub's HTTP client raises: httpx or httpx2, by the version of huggingface_hub, which does not give it a name to import."""
HERE = {"local_files_only": True, "trust_remote_code": False}
"""Arguments of every `from_pretrained`: what is read lies in the folder already, and no code in it is run (or asked about) by surprise."""


def resolve_device(name: str) -> torch.device:
    """The device that `auto`, `cpu`, `cuda`, `cuda:N` or `mps` means here. Raises DeviceError when the machine has none."""
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "mps" if torch.backends.mps.is_available() else "cpu"
    kind, _, number = name.partition(":")
    if kind not in ("cpu", "cuda", "mps") or (number and not (kind == "cuda" and number.isdecimal())):
        raise DeviceError(f"device {name!r}: no such device; use auto, cpu, cuda, cuda:1 or mps")
    if kind == "cuda" and int(number or 0) >= torch.cuda.device_count():
        raise DeviceError(f"device {name!r}: this machine shows {torch.cuda.device_count()} CUDA devices; use --device cpu or run doctor")
    if kind == "mps" and not torch.backends.mps.is_available():
        raise DeviceError("device 'mps': this machine has no Apple GPU that torch can use; use --device cpu")
    return torch.device(name)


def resolve_dtype(name: str, device: torch.device) -> torch.dtype:
    """The dtype for `auto`, `fp32`, `bf16` or `fp16`; auto is bf16 where the hardware multiplies it fast, else fp32.

    Raises DeviceError for an unknown name and for fp16 on a CPU, which is slow there and overflows.
    """
    if name == "auto":
        return torch.bfloat16 if has_fast_bf16(device) else torch.float32
    if name not in DTYPES:
        raise DeviceError(f"dtype {name!r}: no such dtype; use auto, {', '.join(DTYPES)}")
    if name == "fp16" and device.type == "cpu":
        raise DeviceError("dtype 'fp16': a CPU has no fast and safe fp16; use --dtype bf16 or --dtype fp32")
    return DTYPES[name]


def has_fast_bf16(device: torch.device) -> bool:
    """Whether matrix products in bf16 are faster than in fp32 on the device."""
    if device.type == "cuda":
        return torch.cuda.get_device_capability(device) >= (8, 0)
    if device.type == "mps":
        return False
    return any(getattr(torch.cpu, probe, bool)() for probe in ("_is_avx512_bf16_supported", "_is_amx_tile_supported"))


def dtype_name(dtype: torch.dtype) -> str:
    """The short name of a dtype: fp32, bf16 or fp16."""
    return next(name for name, value in DTYPES.items() if value == dtype)


def merge_settings(row: Row, overrides: Mapping[str, Any], pins: Mapping[str, Any], known: Collection[str]) -> dict[str, Any]:
    """A family's pins, the row's settings and the user's overrides, the later over the earlier.

    Raises ModelError for a setting that is not `known`, offering the nearest.
    """
    merged = {**pins, **row.settings, **overrides}
    for name in merged:
        if name not in known:
            near = get_close_matches(name, list(known), n=1)
            hint = f"did you mean {near[0]!r}?" if near else f"it has {', '.join(sorted(known))}"
            raise ModelError(f"{row.name}: this {row.role} has no setting {name!r}; {hint}")
    return merged


def recipe_of(
    row: Row, revision: str, device: torch.device, dtype: torch.dtype, batch: int, settings: Mapping[str, Any], *libraries: str
) -> Recipe:
    """The recipe of a loaded model, with the versions of torch and the named libraries among its settings.

    A folder is named by its last part, not by its path, so that a run can go on where the same weights lie elsewhere.
    """
    versions = {library: version(library) for library in ("torch", *libraries)}
    target = Path(row.target).name if row.local else row.target
    name = dtype_name(dtype)
    return Recipe(row.role, row.name, row.family, target, revision, name, str(device), batch, {**settings, "versions": versions})


def quieten(*libraries: Any) -> None:
    """Keep libraries, given by their logging modules, from drawing progress bars and warning of what every record states: truncation."""
    for library in libraries:
        library.set_verbosity_error()
        library.disable_progress_bar()


@contextmanager
def room_for(recipe: Recipe) -> Iterator[None]:
    """Turn a lack of memory while a model works into one line that names the batch that failed and the one to try. Raises OutOfMemory."""
    try:
        yield
    except (RuntimeError, MemoryError) as error:
        if not is_out_of_memory(error):
            raise
        empty_cache()
        smaller = f"--batch {recipe.batch // 2}" if recipe.batch > 1 else "--offload model, --dtype bf16 or a smaller --size"
        raise OutOfMemory(f"{recipe.name}: a batch of {recipe.batch} does not fit the memory of {recipe.device}; try {smaller}") from error


def is_out_of_memory(error: BaseException) -> bool:
    """Whether an error says that memory ran out: torch's own type, and the texts of CPU, CUDA libraries and Apple's GPU."""
    return isinstance(error, torch.OutOfMemoryError | MemoryError) or (isinstance(error, RuntimeError) and bool(FULL.search(str(error))))


def empty_cache() -> None:
    """Give back what torch keeps of a GPU's memory for later."""
    if torch.cuda.is_available():
        torch.cuda.empty_cache()


@contextmanager
def told_to_people(row: Row) -> Iterator[None]:
    """Turn what the libraries raise while a model is loaded into one line that says what to do. Raises ModelError, OutOfMemory."""
    try:
        yield
    except ImageloopError:
        raise
    except (
        OSError,
        ValueError,
        KeyError,
        TypeError,
        AttributeError,
        RuntimeError,
        ImportError,
        MemoryError,
        HTTPError,
        SafetensorError,
    ) as error:
        where = f"{row.name}: {row.target}" if row.target != row.name else row.name
        if is_out_of_memory(error):
            empty_cache()
            raise OutOfMemory(f"{where} does not fit the memory; try --offload model, --quantize 8bit or --dtype bf16") from error
        raise ModelError(f"{where} {_said(row, error)}") from error


def _said(row: Row, error: BaseException) -> str:
    """What an error means for whoever named the model; the chain of its causes is looked through, as libraries wrap what the hub said."""
    causes = list(_causes(error))
    for kind, text in _sayings(row).items():
        if any(isinstance(cause, kind) for cause in causes):
            return text
    for cause in causes:
        if (isinstance(cause, OSError) and cause.errno in (errno.ENOSPC, errno.EDQUOT)) or "No space left on device" in str(cause):
            return f"could not be fetched: the disk of {constants.HF_HUB_CACHE} is full; free some space, or set HF_HOME to another folder"
        if isinstance(cause, PermissionError):
            return f"could not be fetched: {cause.filename or constants.HF_HUB_CACHE} is closed to you; set HF_HOME to a folder of your own"
        if isinstance(cause, RemoteEntryNotFoundError):
            return f"lacks a file that it needs ({_line(cause)}); name another revision or another model"
        if isinstance(cause, LocalEntryNotFoundError | HTTPError | ConnectionError):
            return f"is not in the cache and the hub cannot be reached; fetch it once with `{fetch_command(row)}`"
    if isinstance(error, SafetensorError):
        return f"has weights that cannot be read ({_line(error)}); download or save the model again"
    if isinstance(error, ImportError):
        return f"needs a package that is not installed ({_line(error)})"
    if re.search(r"safetensors", str(error)) and isinstance(error, OSError):
        return (
            f"has a part without .safetensors weights ({_line(error)}); name a revision that has them, or save it with save_pretrained(…)"
        )
    return f"does not load as a {row.role} ({_line(error)}); is it one, and whole?"


def _sayings(row: Row) -> dict[type[BaseException], str]:
    """What each refusal of the hub means, the narrower before the wider."""
    repository = row.repository or row.target
    return {
        GatedRepoError: f"is gated; accept its licence at https://huggingface.co/{repository} and log in with `hf auth login`",
        RevisionNotFoundError: f"has no revision {row.revision!r}; leave it out or name a commit, branch or tag of it",
        RepositoryNotFoundError: "is no model on the hub, or a private one; check the spelling or log in with `hf auth login`",
        OfflineModeIsEnabled: f"is not in the cache and HF_HUB_OFFLINE is set; unset it, then fetch it with `{fetch_command(row)}`",
    }


def fetch_command(row: Row) -> str:
    """What to type to fetch a model into the hub's cache."""
    return f"hf download {row.repository or row.target}" + (f" --revision {row.revision}" if row.revision else "")


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__


def _line(error: BaseException) -> str:
    """The first line of an error, short enough for a terminal."""
    lines = str(error).strip().splitlines() or [type(error).__name__]
    return lines[0][:200]
