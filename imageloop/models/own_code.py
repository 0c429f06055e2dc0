"""Image to text by models that bring Python code of their own (moondream2), run only where `trust_remote_code` says so.

Such a model is asked by its own call `caption(image, length=…, settings=…)`, one picture at a time. Its code draws from torch's global
stream, so that stream is seeded for each row and put back afterwards; the code itself may change with the revision, so pin one.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import torch
import transformers
from PIL import Image
from transformers import CONFIG_MAPPING

from imageloop.catalog import Row
from imageloop.errors import ModelError
from imageloop.models import fetching, loading
from imageloop.models.rows import refuse_other_batch
from imageloop.records import Caption, Pixels, Recipe

PINS: Mapping[str, Any] = {"decoding": "sample", "temperature": 1.0, "top_p": 1.0, "max_new_tokens": 64, "trust_remote_code": False}
KNOWN = {*PINS, "length"}
AUTO_CLASSES = ("AutoModelForImageTextToText", "AutoModelForCausalLM", "AutoModel")


class OwnCodeCaptioner:
    """A model with a `caption` call of its own."""

    def __init__(self, model: Any, recipe: Recipe) -> None:
        self._model, self._recipe = model, recipe
        self._tokenizer = _tokenizer(model, recipe.name)
        if not callable(getattr(model, "caption", None)):
            raise ModelError(f"{recipe.name}: its code has no call caption(image, …); models without one cannot be run by their own code")

    @property
    def recipe(self) -> Recipe:
        return self._recipe

    def caption(self, images: Sequence[Pixels], seeds: Sequence[int]) -> list[Caption]:
        """One caption for each of exactly `recipe.batch` pictures; tokens are counted by the model's own tokenizer, over its answer."""
        refuse_other_batch(self._recipe, images, seeds)
        with loading.room_for(self._recipe):
            return [self._caption(Image.fromarray(image), seed) for image, seed in zip(images, seeds, strict=True)]

    def with_batch(self, batch: int) -> "OwnCodeCaptioner":
        """The same weights, called with `batch` pictures."""
        return OwnCodeCaptioner(self._model, replace(self._recipe, batch=batch))

    def to(self, device: str) -> None:
        """Move the weights; they must be back on the recipe's device before the next call."""
        self._model.to(device)
        loading.empty_cache()

    def _caption(self, image: Image.Image, seed: int) -> Caption:
        settings, limit = self._recipe.settings, int(self._recipe.settings["max_new_tokens"])
        temperature = settings["temperature"] if settings["decoding"] == "sample" else 0.0
        # One token more than the limit is asked for, to tell a caption that ends there from one that is cut.
        decoding = {"max_tokens": limit + 1, "temperature": temperature, "top_p": settings["top_p"]}
        length = {"length": settings["length"]} if "length" in settings else {}
        place = torch.device(self._recipe.device)
        with torch.random.fork_rng([place] if place.type == "cuda" else []), torch.inference_mode():
            torch.manual_seed(seed)
            answer = self._model.caption(image, settings=decoding, **length)
        text = answer.get("caption") if isinstance(answer, Mapping) else None
        if not isinstance(text, str):
            raise ModelError(f"{self._recipe.name}: its call caption(image, …) gave no text; pin a revision that gives {{'caption': text}}")
        ids = _ids(self._tokenizer, text)
        if len(ids) > limit:
            return Caption(self._tokenizer.decode(ids[:limit]).strip(), limit, True)
        return Caption(text.strip(), len(ids))


def brings_code(row: Row) -> bool:
    """Whether the model's class is not in transformers but in a file beside its weights. Raises ModelError where it cannot be found."""
    file = fetching.configuration(row)
    if not file.is_file():
        return False
    with loading.told_to_people(row):
        config = json.loads(file.read_text(encoding="utf-8"))
    return "auto_map" in config and config.get("model_type") not in CONFIG_MAPPING


def load(row: Row, place: torch.device, dtype: torch.dtype, batch: int, overrides: Mapping[str, Any]) -> OwnCodeCaptioner:
    """Load a model with its own code, safetensors only. Raises ModelError, also where its code is not trusted."""
    settings = loading.merge_settings(row, overrides, PINS, KNOWN)
    if settings["decoding"] not in ("sample", "greedy"):
        raise ModelError(f"{row.name}: decoding {settings['decoding']!r} is none of sample, greedy")
    if settings["trust_remote_code"] is not True:
        raise ModelError(
            f"{row.name}: runs Python code that lies beside its weights in {row.target}, on this machine and with your rights; "
            f"read that code, then type --set {row.name}.trust_remote_code=true"
        )
    loading.quieten(transformers.utils.logging)
    folder, revision = fetching.folder_and_revision(row)
    with loading.told_to_people(row):
        named = json.loads((folder / "config.json").read_text(encoding="utf-8"))["auto_map"]
        kind = next((name for name in AUTO_CLASSES if name in named), None)
        if kind is None:
            raise ModelError(f"{row.name}: its code is for {', '.join(named)}, not for a model that writes")
        model = getattr(transformers, kind).from_pretrained(
            folder, dtype=dtype, use_safetensors=True, local_files_only=True, trust_remote_code=True
        )
    settings = {**settings, "habit": "own call", "architecture": type(model).__name__}
    return OwnCodeCaptioner(model.to(place).eval(), loading.recipe_of(row, revision, place, dtype, batch, settings, "transformers"))


def _tokenizer(model: Any, name: str) -> Any:
    for owner in (getattr(model, "model", None), model):
        tokenizer = getattr(owner, "tokenizer", None)
        if tokenizer is not None:
            return tokenizer
    raise ModelError(f"{name}: its code shows no tokenizer, so the tokens of a caption cannot be counted; name another model")


def _ids(tokenizer: Any, text: str) -> list[int]:
    """Token ids of a text, by a tokenizer of transformers or of tokenizers."""
    encoded = tokenizer.encode(text)
    return list(getattr(encoded, "ids", encoded))
