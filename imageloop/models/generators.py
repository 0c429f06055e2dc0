"""Text to image by any pipeline of diffusers that draws from a text."""

import inspect
import math
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import diffusers
import numpy as np
import torch
import transformers
from diffusers import DiffusionPipeline

from imageloop.catalog import PIPELINE_PINS, Row
from imageloop.errors import ModelError
from imageloop.models import fetching, loading, placing
from imageloop.models.prompt_reader import PromptReader
from imageloop.models.refitting import refit
from imageloop.models.rows import refuse_other_batch
from imageloop.records import Picture, Recipe

RESERVED = {"prompt", "generator", "output_type", "return_dict", "height", "width", "num_inference_steps", "num_images_per_prompt"}
ONE_BY_ONE = {"QwenImagePipeline", "ZImagePipeline"}
"""Pipelines that pad prompts to the longest of the batch, so that a row would depend on its neighbours: their rows are drawn singly."""


class DiffusersGenerator:
    """Any text-to-image pipeline of diffusers, called with one CPU `torch.Generator` a row."""

    def __init__(self, pipeline: Any, recipe: Recipe) -> None:
        self._pipeline = pipeline
        self._recipe = recipe
        self._size = _height_and_width(recipe.settings["size"])
        self._arguments = _call_arguments(pipeline, recipe.settings)
        self._singly = type(pipeline).__name__ in ONE_BY_ONE
        self._reader = PromptReader(pipeline, recipe.settings)

    @property
    def recipe(self) -> Recipe:
        return self._recipe

    def generate(self, prompts: Sequence[str], seeds: Sequence[int]) -> list[Picture]:
        """One picture for each of exactly `recipe.batch` prompts, uint8 of the recipe's size.

        Raises ModelError when the pipeline draws values that are no numbers, or another size, and OutOfMemory.
        """
        refuse_other_batch(self._recipe, prompts, seeds)
        with loading.room_for(self._recipe):
            return self._drawn(prompts, seeds)

    def _drawn(self, prompts: Sequence[str], seeds: Sequence[int]) -> list[Picture]:
        counts = self._reader.read(prompts)
        chunks = [slice(row, row + 1) for row in range(len(prompts))] if self._singly else [slice(0, len(prompts))]
        drawn = [self._draw(list(prompts[chunk]), seeds[chunk]) for chunk in chunks]
        pixels = np.concatenate([images for images, _ in drawn])
        blanked = [flag for _, flags in drawn for flag in flags]
        return [Picture(image, count.tokens, count.read, flag) for image, count, flag in zip(pixels, counts, blanked, strict=True)]

    def with_batch(self, batch: int) -> "DiffusersGenerator":
        """The same weights, called with `batch` prompts."""
        return DiffusersGenerator(self._pipeline, replace(self._recipe, batch=batch))

    def to(self, device: str) -> None:
        """Move the weights, unless their recipe has settled where they lie; they must be back before the next call."""
        if placing.movable(self._recipe.settings):
            self._pipeline.to(device)
            loading.empty_cache()

    def fits(self, prompt: str) -> bool:
        """Whether every text encoder reads the whole prompt."""
        counts = self._reader.read([prompt])[0]
        return counts.read == counts.tokens

    def _draw(self, prompts: list[str], seeds: Sequence[int]) -> tuple[np.ndarray, list[bool]]:
        generators = [torch.Generator("cpu").manual_seed(seed) for seed in seeds]
        with torch.inference_mode():
            try:
                output = self._pipeline(prompt=prompts, generator=generators, output_type="pt", **self._arguments)
            except ValueError as error:  # how pipelines refuse their arguments, such as a size
                height, width = self._size
                raise ModelError(f"{self._recipe.name}: does not draw {height}×{width} by this recipe: {error}") from error
            images = output.images
            if not bool(torch.isfinite(images).all()):
                raise ModelError(f"{self._recipe.name}: drew values that are no numbers in {self._recipe.dtype}; use --dtype fp32")
            pixels = (images.float() * 255).round().clamp(0, 255).to(torch.uint8).permute(0, 2, 3, 1).cpu().numpy()
        if pixels.shape[1:3] != self._size:
            height, width = self._size
            raise ModelError(f"{self._recipe.name}: drew {pixels.shape[1]}×{pixels.shape[2]} for {height}×{width}; set size to that")
        flags = getattr(output, "nsfw_content_detected", None) or [False] * len(prompts)
        return np.ascontiguousarray(pixels), [bool(flag) for flag in flags]


def load_generator(row: Row, *, device: str, dtype: str, batch: int, overrides: Mapping[str, Any]) -> DiffusersGenerator:
    """Load a diffusers pipeline from its folder or the hub, safetensors only. Raises ModelError or DeviceError."""
    place = loading.resolve_device(device)
    number = loading.resolve_dtype(dtype, place)
    placing.refuse_what_cannot_be(row, {**row.settings, **overrides}, place)
    loading.quieten(diffusers.utils.logging, transformers.utils.logging)
    folder, revision = fetching.folder_and_revision(row, lambda cached: _download(row, cached))
    with loading.told_to_people(row):
        name = DiffusionPipeline.load_config(folder)["_class_name"]
        kind = getattr(diffusers, name, None)
        if kind is None or "prompt" not in inspect.signature(kind.__call__).parameters:
            raise ModelError(f"{row.name}: {name} is no pipeline of diffusers {diffusers.__version__} that draws from a text")
        settings = placing.asked_for(loading.merge_settings(row, overrides, PIPELINE_PINS.get(name, {}), _known(kind)))
        types = {"default": number, **_part_dtypes(row, folder, settings, place)}
        watermark = {"add_watermarker": False} if "add_watermarker" in inspect.signature(kind.__init__).parameters else {}
        fewer_bits = placing.quantized_pipeline(settings, folder, number)
        pipeline = DiffusionPipeline.from_pretrained(
            folder, dtype=types, use_safetensors=True, local_files_only=True, **watermark, **fewer_bits
        )
        refitted = refit(pipeline, row, settings, number)
        _lay_out(pipeline)
        placing.split_up_decoding(pipeline, row, settings)
        placing.put(pipeline, settings, place)
        if settings.get("compile"):
            _compile(pipeline, row.name, place)
    pipeline.set_progress_bar_config(disable=True)
    found = _defaults(pipeline)
    settings = {**found, **settings, **refitted, "scheduler": found["scheduler"], "pipeline": name}
    return DiffusersGenerator(
        pipeline,
        loading.recipe_of(row, revision, place, number, batch, settings, "diffusers", "transformers", *placing.libraries(settings)),
    )


def _download(row: Row, cached: bool) -> str | Path:
    revision = row.revision or None
    folder: str | Path = DiffusionPipeline.download(row.target, revision=revision, use_safetensors=True, local_files_only=cached)
    return folder


def _part_dtypes(row: Row, folder: Path, settings: Mapping[str, Any], device: torch.device) -> dict[str, torch.dtype]:
    """The dtypes of single parts. Raises ModelError for a part that the pipeline has not."""
    asked = settings.get("part_dtypes", {})
    parts = [name for name, of in DiffusionPipeline.load_config(folder).items() if not name.startswith("_") and isinstance(of, list)]
    for part in asked:
        if part not in parts:
            raise ModelError(f"{row.name}: part_dtypes names {part!r}; the parts are {', '.join(parts)}")
    return {part: loading.resolve_dtype(of, device) for part, of in asked.items()}


def _known(kind: Any) -> set[str]:
    """The settings a pipeline class takes: our own names and every argument of its call that we do not fill ourselves."""
    arguments = {name for name in inspect.signature(kind.__call__).parameters if name not in ("self", "args", "kwargs")}
    return (arguments - RESERVED) | {"steps", "size", "scheduler", "part_dtypes", "unet", "compile", *placing.SETTINGS}


def _defaults(pipeline: Any) -> dict[str, Any]:
    """Steps, guidance, length limit and size as the pipeline has them, so that the recipe states them even where no row does."""
    parameters = inspect.signature(pipeline.__call__).parameters
    names = {"num_inference_steps": "steps", "guidance_scale": "guidance_scale", "max_sequence_length": "max_sequence_length"}
    found = {ours: parameters[theirs].default for theirs, ours in names.items() if theirs in parameters}
    asked = parameters["height"].default
    scale = int(getattr(pipeline, "vae_scale_factor", 8))
    sample = getattr(pipeline, "default_sample_size", None) or getattr(
        getattr(getattr(pipeline, "transformer", None) or getattr(pipeline, "unet", None), "config", None), "sample_size", None
    )
    scheduler = {"class": type(pipeline.scheduler).__name__, **_json_only(pipeline.scheduler.config)}
    return {**found, "size": asked or (int(sample) * scale if isinstance(sample, int) else 1024), "scheduler": scheduler}


def _json_only(config: Mapping[str, Any]) -> dict[str, Any]:
    """The plain values of a configuration; an infinity, which JSON lacks, by its name."""
    plain = {k: v for k, v in config.items() if not k.startswith("_") and isinstance(v, str | int | float | bool | None)}
    return {k: str(v) if isinstance(v, float) and not math.isfinite(v) else v for k, v in plain.items()}


def _height_and_width(size: Any) -> tuple[int, int]:
    """The size as rows and columns: an integer is a square's side, a list is [height, width]."""
    height, width = size if isinstance(size, list | tuple) else (size, size)
    return int(height), int(width)


def _call_arguments(pipeline: Any, settings: Mapping[str, Any]) -> dict[str, Any]:
    parameters = inspect.signature(pipeline.__call__).parameters
    given = {name: value for name, value in settings.items() if name in parameters and name not in RESERVED}
    height, width = _height_and_width(settings["size"])
    given |= {"num_inference_steps": settings["steps"], "height": height, "width": width}
    if "intermediate_timesteps" in parameters and settings["steps"] != 2:
        given["intermediate_timesteps"] = None  # the pipeline raises on its own default unless it takes two steps
    return given


def _lay_out(pipeline: Any) -> None:
    """Store the weights of flat convolutions channels-last, which CPUs and tensor cores want."""
    for part in pipeline.components.values():
        for module in part.modules() if isinstance(part, torch.nn.Module) else ():
            if isinstance(module, torch.nn.Conv2d):
                module.to(memory_format=torch.channels_last)


def _compile(pipeline: Any, name: str, device: torch.device) -> None:
    """Compile the blocks of the denoiser: one compilation serves all blocks of a kind, and the first batch waits for it."""
    if device.type == "cpu" and not (shutil.which("c++") or shutil.which("g++") or shutil.which("clang++")):
        raise ModelError(f"{name}: compile needs a C++ compiler; install g++, or leave compile out")
    denoiser = getattr(pipeline, "transformer", None) or pipeline.unet
    if device.type != "cpu" and getattr(denoiser, "_repeated_blocks", None):
        denoiser.compile_repeated_blocks(fullgraph=True)
        return
    lists = [module for module in denoiser.modules() if isinstance(module, torch.nn.ModuleList) and len(module) > 1]
    # Weights that are known constants can be laid out for the processor; on a GPU that would only cost memory.
    options = {"freezing": True} if device.type == "cpu" else {}
    for block in max(lists, key=len, default=[denoiser]):
        block.compile(options=options)
