"""The package's own adapters around models of true size and weights of chance, ready to be called with batches of any size.

Tokenizers are those of the tests, one token a character: how fast a model is does not depend on the words. Families whose processor is
bound to its own vocabulary (chat captioners, Florence-2, BLIP-2) are built and counted, but not timed.
"""

import inspect
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

import diffusers
import numpy as np
import open_clip
import tiny_tokenizers as tokenizers
import torch
import transformers
from true_captioners import CAPTIONERS, EMBEDDERS, Parts
from true_generators import GENERATORS

from imageloop.catalog import PIPELINE_PINS, Row
from imageloop.models import captioners, generators, loading
from imageloop.models.embedders import OpenClipEmbedder
from imageloop.models.sentences import SentenceEmbedder
from imageloop.models.towers import TransformersEmbedder
from imageloop.records import Pixels, Recipe

Call = Callable[[], object]
MakeRecipe = Callable[[int, Mapping[str, Any]], Recipe]
"""A recipe for a batch size and settings."""

EULER, FLOW = "EulerDiscreteScheduler", "FlowMatchEulerDiscreteScheduler"
PIPELINES: Mapping[str, tuple[str, str]] = {
    "sd15": ("StableDiffusionPipeline", "PNDMScheduler"),
    "lcm-dreamshaper": ("LatentConsistencyModelPipeline", "LCMScheduler"),
    "sd-turbo": ("StableDiffusionPipeline", EULER),
    "sdxl": ("StableDiffusionXLPipeline", EULER),
    "sdxl-turbo": ("StableDiffusionXLPipeline", EULER),
    "sdxl-lightning": ("StableDiffusionXLPipeline", EULER),
    "pixart-sigma": ("PixArtSigmaPipeline", "DPMSolverMultistepScheduler"),
    "sana-sprint-0.6b": ("SanaSprintPipeline", "SCMScheduler"),
    "sana-sprint-1.6b": ("SanaSprintPipeline", "SCMScheduler"),
    "sd35-medium": ("StableDiffusion3Pipeline", FLOW),
    "sd35-turbo": ("StableDiffusion3Pipeline", FLOW),
    "flux-schnell": ("FluxPipeline", FLOW),
    "flux2-klein-4b": ("Flux2KleinPipeline", FLOW),
    "z-image-turbo": ("ZImagePipeline", FLOW),
    "qwen-image": ("QwenImagePipeline", FLOW),
}
TOKENIZERS: Mapping[str, Callable[[], Any]] = {
    "CLIP": tokenizers.clip,
    "T5": tokenizers.t5,
    "Gemma": tokenizers.gemma,
    "Qwen": tokenizers.qwen,
}
"""By the beginning of the text encoder's class."""
PROMPT = "a surfer rides a wave below a palm tree"
SIDE = 512
"""Pixels a side of the pictures that captioners and embedders are shown."""


def ready(row: Row, device: torch.device, dtype: torch.dtype, tokens: int) -> Callable[[int], Call]:
    """What gives, for a batch size, a call that does that many rows; the weights are made once. A caption is `tokens` tokens long."""

    def recipe(batch: int, settings: Mapping[str, Any]) -> Recipe:
        return Recipe(row.role, row.name, row.family, "random weights", "", loading.dtype_name(dtype), str(device), batch, settings)

    loading.quieten(diffusers.utils.logging, transformers.utils.logging)
    parts = weights(row.name, device, dtype)
    if row.role == "generator":
        return _generator(row, parts, recipe)
    if row.role == "captioner":
        return _captioner(row.name, parts["model"], recipe, tokens)
    return _embedder(row, parts["model"], recipe)


def names() -> list[str]:
    """The rows that can be timed."""
    return [*PIPELINES, *PROCESSORS, *EMBEDDERS]


def weights(name: str, device: torch.device, dtype: torch.dtype) -> Parts:
    """The parts of a model with weights of chance, the same ones each time."""
    before = torch.get_default_dtype()
    torch.set_default_dtype(dtype)
    torch.manual_seed(0)
    try:
        with torch.device(device):
            parts = {**GENERATORS, **CAPTIONERS, **EMBEDDERS}[name]()
    finally:
        torch.set_default_dtype(before)
    for part in parts.values():
        part.requires_grad_(False).eval()
    return parts


def pictures(count: int, side: int = SIDE) -> list[Pixels]:
    """Noise, which is as much work as any picture."""
    return list(np.random.default_rng(0).integers(0, 256, (count, side, side, 3), dtype=np.uint8))


def _generator(row: Row, parts: Parts, recipe: MakeRecipe) -> Callable[[int], Call]:
    kind, scheduler = (getattr(diffusers, name) for name in PIPELINES[row.name])
    more: dict[str, Any] = {}
    for name, part in parts.items():
        if name.startswith("text_encoder"):
            make = next(make for mark, make in TOKENIZERS.items() if type(part).__name__.startswith(mark))
            more[name.replace("text_encoder", "tokenizer")] = make()
    if kind in (diffusers.StableDiffusionPipeline, diffusers.LatentConsistencyModelPipeline):
        checked = "safety_checker" in parts
        more |= {"feature_extractor": transformers.CLIPImageProcessor() if checked else None, "requires_safety_checker": checked}
        more |= {} if checked else {"safety_checker": None}
    if kind is diffusers.Flux2KleinPipeline:
        more["is_distilled"] = True
    offset = {"steps_offset": 1} if "steps_offset" in inspect.signature(scheduler).parameters else {}
    pipeline = kind(**parts, **more, scheduler=scheduler(**offset))
    pipeline.set_progress_bar_config(disable=True)
    rows = {name: value for name, value in row.settings.items() if name not in ("unet", "scheduler")}
    settings = {**generators._defaults(pipeline), **PIPELINE_PINS.get(kind.__name__, {}), **rows}

    def of_batch(batch: int) -> Call:
        adapter = generators.DiffusersGenerator(pipeline, recipe(batch, settings))
        return partial(adapter.generate, [PROMPT] * batch, list(range(batch)))

    return of_batch


def _captioner(name: str, model: Any, recipe: MakeRecipe, tokens: int) -> Callable[[int], Call]:
    images, tokenizer, processor = PROCESSORS[name]()
    settings = {**captioners.PINS, "habit": "straight", "max_new_tokens": tokens}
    parts = captioners.Parts(model, images, tokenizer, processor)
    decoder = captioners._decoder(model)
    decoder.generation_config = captioners._generation(decoder, settings)

    def of_batch(batch: int) -> Call:
        adapter = captioners.TransformersCaptioner(parts, recipe(batch, settings))
        return partial(adapter.caption, pictures(batch), list(range(batch)))

    return of_batch


def _embedder(row: Row, model: Any, recipe: MakeRecipe) -> Callable[[int], Call]:
    def of_batch(batch: int) -> Call:
        if row.role == "text-embedder":
            settings = {"context_length": 256, "pooling": "mean", "lower_case": False}
            return partial(SentenceEmbedder(model, tokenizers.bert(), recipe(batch, settings)).embed_texts, [PROMPT] * batch)
        if row.family == "transformers":
            images = transformers.BitImageProcessor(size={"shortest_edge": 256}, crop_size={"height": 224, "width": 224})
            return partial(TransformersEmbedder(model, images, None, recipe(batch, {"context_length": 0})).embed_images, pictures(batch))
        preprocess = open_clip.image_transform(model.visual.image_size, is_train=False)
        return partial(OpenClipEmbedder(model, preprocess, None, recipe(batch, {"context_length": 77})).embed_images, pictures(batch))

    return of_batch


def _blip() -> Sequence[Any]:
    processor = transformers.BlipProcessor(transformers.BlipImageProcessor(), tokenizers.bert())
    return processor.image_processor, processor.tokenizer, processor


def _git() -> Sequence[Any]:
    processor = transformers.GitProcessor(transformers.CLIPImageProcessor(), tokenizers.bert())
    return processor.image_processor, processor.tokenizer, processor


def _vit_gpt2() -> Sequence[Any]:
    return transformers.ViTImageProcessor(), tokenizers.gpt2(), None


PROCESSORS: Mapping[str, Callable[[], Sequence[Any]]] = {
    "blip-base": _blip,
    "blip-large": _blip,
    "git-base": _git,
    "git-large": _git,
    "vit-gpt2": _vit_gpt2,
}
"""Image processor, tokenizer and processor of the captioners that are timed."""
