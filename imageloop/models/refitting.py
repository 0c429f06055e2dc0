"""Another scheduler, and another UNet, in a pipeline of diffusers: what SDXL-Lightning is, and what any recipe may ask for."""

import hashlib
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import diffusers
import torch
from diffusers import SchedulerMixin
from huggingface_hub import hf_hub_download
from safetensors.torch import load_file

from imageloop.catalog import Row
from imageloop.errors import ModelError


def refit(pipeline: Any, row: Row, settings: Mapping[str, Any], dtype: torch.dtype) -> dict[str, Any]:
    """Put in the scheduler and the UNet that the settings name; what the recipe states of them. Raises ModelError."""
    if "scheduler" in settings:
        pipeline.scheduler = _scheduler(pipeline.scheduler, row, settings["scheduler"])
    if "unet" not in settings:
        return {}
    if not isinstance(getattr(pipeline, "unet", None), torch.nn.Module):
        raise ModelError(f"{row.name}: {type(pipeline).__name__} has no UNet to replace; leave unet out")
    file, revision = _weights(row, str(settings["unet"]))
    answer = pipeline.unet.load_state_dict(load_file(file), strict=False)
    if answer.missing_keys or answer.unexpected_keys:
        lost, strange = len(answer.missing_keys), len(answer.unexpected_keys)
        raise ModelError(f"{row.name}: unet {file.name} is for another model: {lost} weights are missing and {strange} are unknown")
    pipeline.unet.to(dtype=dtype)
    named = file.name if file == Path(settings["unet"]) else str(settings["unet"])
    return {"unet": named, "unet_revision": revision}


def _scheduler(current: Any, row: Row, wanted: Any) -> Any:
    if not isinstance(wanted, Mapping):
        raise ModelError(
            f'{row.name}: scheduler must be a table such as {{class = "EulerDiscreteScheduler", timestep_spacing = "trailing"}}'
        )
    name = str(wanted.get("class", type(current).__name__))
    found = getattr(diffusers, name, None)
    if not (isinstance(found, type) and issubclass(found, SchedulerMixin)):
        raise ModelError(
            f"{row.name}: diffusers {diffusers.__version__} has no scheduler {name!r}; name a class such as EulerDiscreteScheduler"
        )
    kind: Any = found
    changes = {key: value for key, value in wanted.items() if key != "class"}
    made = kind.from_config(current.config, **changes)
    unknown = sorted(set(changes) - set(made.config))
    if unknown:
        raise ModelError(f"{row.name}: {name} takes no {', '.join(unknown)}; see its arguments in the documentation of diffusers")
    return made


def _weights(row: Row, place: str) -> tuple[Path, str]:
    """The file of `unet`: a path, or `owner/name[@revision]/file` on the hub; and its digest or the hub's commit."""
    file = Path(place).expanduser()
    if file.is_file():
        with file.open("rb") as stream:
            return file, hashlib.file_digest(stream, "sha256").hexdigest()[:16]
    match = re.fullmatch(r"([\w.-]+/[\w.-]+)(?:@([\w.-]+))?/(.+\.safetensors)", place)
    if match is None:
        raise ModelError(f"{row.name}: unet {place!r} is no file here; give a .safetensors file, or owner/name/FILE.safetensors on the hub")
    fetched = Path(hf_hub_download(match[1], match[3], revision=match[2]))
    return fetched, fetched.parents[match[3].count("/")].name
