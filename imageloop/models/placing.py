"""Where the weights of a model lie and in how many bits: offloading, quantization, and decoding pictures in parts.

Each is a setting of a recipe, there only when it is asked for.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import torch
from diffusers import DiffusionPipeline
from diffusers.quantizers import PipelineQuantizationConfig
from transformers import BitsAndBytesConfig

from imageloop.catalog import Row
from imageloop.errors import DeviceError, ModelError
from imageloop.models import loading
from imageloop.records import Recipe

CHOICES: Mapping[str, tuple[Any, ...]] = {
    "offload": ("none", "model", "group"),
    "quantize": ("none", "8bit", "4bit"),
    "vae_tiling": (False, True),
    "vae_slicing": (False, True),
}
"""What each setting may be; the first is what it is when left out, and is not recorded."""
SETTINGS = tuple(CHOICES)
LARGE = ("unet", "transformer", "transformer_2", "text_encoder", "text_encoder_2", "text_encoder_3")
"""Parts of a pipeline that are quantized. The autoencoder is small, and its rounding is what a picture shows first."""


def asked_for(settings: Mapping[str, Any]) -> dict[str, Any]:
    """The settings without those that say none, so that a recipe states only what is done."""
    return {name: value for name, value in settings.items() if name not in CHOICES or value != CHOICES[name][0]}


def refuse_what_cannot_be(row: Row, settings: Mapping[str, Any], device: torch.device) -> None:
    """Raise ModelError for a value that is none of `CHOICES` or does not go with another, DeviceError for one that the device lacks."""
    for name, choices in CHOICES.items():
        if name in settings and settings[name] not in choices:
            raise ModelError(f"{row.name}: {name} {settings[name]!r} is none of {', '.join(map(_shown, choices))}")
    asked = asked_for(settings)
    offload, quantize = asked.get("offload"), asked.get("quantize")
    if offload and device.type != "cuda":
        raise DeviceError(f"{row.name}: --offload {offload} frees the memory of a CUDA device, and this runs on {device}; leave it out")
    if quantize and device.type != "cuda":
        raise DeviceError(
            f"{row.name}: --quantize {quantize} needs a CUDA device, and this runs on {device}; leave it out, or use --dtype bf16"
        )
    if quantize and find_spec("bitsandbytes") is None:
        raise ModelError(f"{row.name}: --quantize {quantize} needs bitsandbytes; pip install 'imageloop[quantize]'")
    for one, other in _clashes(row, asked):
        raise ModelError(f"{row.name}: {one} does not go with {other}; leave one of them out")


def _clashes(row: Row, settings: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Pairs of settings that cannot both be followed."""
    offload, quantize = settings.get("offload"), settings.get("quantize")
    if offload == "group" and row.role == "captioner":
        yield "offload group", "a captioner, which is one module (offload model does)"
    if offload == "group" and settings.get("compile"):
        yield "offload group", "compile"
    if quantize and offload and (offload == "group" or row.role == "captioner"):
        yield f"offload {offload}", "quantize"
    if quantize and (settings.get("compile") or "unet" in settings):
        yield "quantize", "compile" if settings.get("compile") else "a unet of its own"


def quantized_model(settings: Mapping[str, Any], device: torch.device, dtype: torch.dtype) -> dict[str, Any]:
    """Arguments of a model's `from_pretrained` that quantize it; none where that is not asked for."""
    if "quantize" not in settings:
        return {}
    return {"quantization_config": BitsAndBytesConfig(**_bits(settings["quantize"], dtype)), "device_map": {"": device}}


def quantized_pipeline(settings: Mapping[str, Any], folder: Path, dtype: torch.dtype) -> dict[str, Any]:
    """Arguments of a pipeline's `from_pretrained` that quantize its denoiser and its text encoders; none where that is not asked for."""
    if "quantize" not in settings:
        return {}
    held = DiffusionPipeline.load_config(folder)
    parts = [part for part in LARGE if held.get(part, [None])[0] is not None]
    bits = settings["quantize"]
    config = PipelineQuantizationConfig(quant_backend=f"bitsandbytes_{bits}", quant_kwargs=_bits(bits, dtype), components_to_quantize=parts)
    return {"quantization_config": config}


def movable(settings: Mapping[str, Any]) -> bool:
    """Whether a model's weights may be moved as a whole: not where offloading moves them already, or quantization has fixed them."""
    return not {"offload", "quantize"} & settings.keys()


def libraries(settings: Mapping[str, Any]) -> tuple[str, ...]:
    """Packages whose versions a recipe states beside its own library's."""
    return ("bitsandbytes",) if "quantize" in settings else ()


def split_up_decoding(pipeline: Any, row: Row, settings: Mapping[str, Any]) -> None:
    """Let the autoencoder decode a picture in tiles, or a batch picture by picture, where the settings say so. Raises ModelError."""
    for name in ("vae_tiling", "vae_slicing"):
        switch = getattr(getattr(pipeline, "vae", None), f"enable_{name.removeprefix('vae_')}", None)
        if name in settings:
            if switch is None:
                raise ModelError(f"{row.name}: its autoencoder has no {name.removeprefix('vae_')}; leave {name} out")
            switch()


def put(pipeline: Any, settings: Mapping[str, Any], device: torch.device) -> None:
    """Put a pipeline on its device: whole, one part at a time (`offload` model), or layer by layer ahead of use (group)."""
    offload = settings.get("offload")
    if offload == "model":
        pipeline.enable_model_cpu_offload(device=device)
    elif offload == "group":
        pipeline.enable_group_offload(onload_device=device, offload_type="leaf_level", use_stream=True)
    else:
        pipeline.to(device)


@contextmanager
def lent(model: torch.nn.Module, recipe: Recipe) -> Iterator[None]:
    """A captioner's device for one call, where its recipe has `offload`: it lies in main memory before and after."""
    if "offload" not in recipe.settings:
        yield
        return
    model.to(recipe.device)
    try:
        yield
    finally:
        model.to("cpu")
        loading.empty_cache()


def _bits(quantize: str, dtype: torch.dtype) -> dict[str, Any]:
    if quantize == "8bit":
        # A threshold would keep columns with outliers in 16 bits, found over the whole batch: a row would depend on its neighbours.
        return {"load_in_8bit": True, "llm_int8_threshold": 0.0}
    return {"load_in_4bit": True, "bnb_4bit_quant_type": "nf4", "bnb_4bit_compute_dtype": dtype}


def _shown(value: Any) -> str:
    return str(value).lower()
