"""Images and texts to unit vectors in one space, by open_clip."""

import logging
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
import open_clip
import torch
from jaxtyping import Float
from PIL import Image

from imageloop.catalog import Row
from imageloop.errors import ModelError
from imageloop.models import fetching, folders, loading
from imageloop.models.rows import refuse_other_batch, unit_rows
from imageloop.records import Pixels, Recipe


class OpenClipEmbedder:
    """Any contrastive model of open_clip: its own name and tag, a folder, or a hub id."""

    def __init__(self, model: Any, preprocess: Any, tokenizer: Any, recipe: Recipe) -> None:
        self._model, self._preprocess, self._tokenizer, self._recipe = model, preprocess, tokenizer, recipe
        self._dtype = loading.DTYPES[recipe.dtype]
        self._device = torch.device(recipe.device)

    @property
    def recipe(self) -> Recipe:
        return self._recipe

    @property
    def text_limit(self) -> int:
        """Most tokens of a text that are read, start and end tokens included."""
        return int(self._recipe.settings["context_length"])

    def embed_images(self, images: Sequence[Pixels]) -> Float[np.ndarray, "n d"]:
        """One unit row (float32) for each of exactly `recipe.batch` pictures."""
        refuse_other_batch(self._recipe, images)
        pixels = torch.stack([self._preprocess(Image.fromarray(image)) for image in images])
        with loading.room_for(self._recipe), torch.inference_mode():
            return unit_rows(self._model.encode_image(pixels.to(self._device, self._dtype)), self._recipe)

    def embed_texts(self, texts: Sequence[str]) -> Float[np.ndarray, "n d"]:
        """One unit row (float32) for each of exactly `recipe.batch` texts; `text_tokens` tells which were truncated."""
        refuse_other_batch(self._recipe, texts)
        with torch.inference_mode():
            return unit_rows(self._model.encode_text(self._tokenizer(list(texts)).to(self._device)), self._recipe)

    def text_tokens(self, texts: Sequence[str]) -> list[int]:
        """Tokens of each whole text, start and end tokens included; what exceeds `text_limit` is not read."""
        wrapped = getattr(self._tokenizer, "tokenizer", None)
        if wrapped is not None and texts:
            rows = wrapped([self._tokenizer.clean_fn(text) for text in texts], verbose=False).input_ids
            return [len(row) for row in rows]
        return [len(self._tokenizer.encode(text)) + 2 for text in texts]

    def truncated(self, texts: Sequence[str]) -> list[bool]:
        """Whether each text is longer than `text_limit`; any number of texts."""
        return [count > self.text_limit for count in self.text_tokens(texts)]


def load_embedder(row: Row, *, device: str, dtype: str, batch: int, overrides: Mapping[str, Any]) -> OpenClipEmbedder:
    """Load a model of open_clip, safetensors only; `dtype` auto is fp32. Raises ModelError or DeviceError."""
    place = loading.resolve_device(device)
    number = loading.resolve_dtype("fp32" if dtype == "auto" else dtype, place)
    loading.merge_settings(row, overrides, {}, ())
    name, pretrained, revision = _target(row)
    with loading.told_to_people(row), _quiet():
        precision = {"fp32": "fp32", "bf16": "pure_bf16", "fp16": "pure_fp16"}[loading.dtype_name(number)]
        model, preprocess = open_clip.create_model_from_pretrained(name, pretrained, precision=precision, device=place)
        tokenizer = open_clip.get_tokenizer(name)
    preprocessing = open_clip.get_model_preprocess_cfg(model)
    settings = {
        "context_length": int(tokenizer.context_length),
        "pretrained": pretrained,
        "preprocess": {key: list(value) if isinstance(value, tuple) else value for key, value in preprocessing.items()},
    }
    recipe = loading.recipe_of(row, revision, place, number, batch, settings, "open_clip_torch", "torchvision")
    return OpenClipEmbedder(model.eval(), preprocess, tokenizer, recipe)


def _target(row: Row) -> tuple[str, str | None, str]:
    """What open_clip is asked for: its name for the model, its tag, and the revision for the recipe."""
    if row.local:
        folder = folders.folder_of(row)
        return f"local-dir:{folder}", None, folders.fingerprint(folder)
    architecture, _, tag = row.target.partition("/")
    if architecture in open_clip.list_models():
        if tag not in open_clip.list_pretrained_tags_by_model(architecture):
            tags = ", ".join(open_clip.list_pretrained_tags_by_model(architecture))
            raise ModelError(f"{row.name}: open_clip has no weights {tag!r} for {architecture}; it has {tags}")
        return architecture, tag, tag
    folder, revision = fetching.folder_and_revision(row)
    return f"local-dir:{folder}", None, revision


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep open_clip from writing its progress to the root logger."""
    level = logging.root.level
    logging.root.setLevel(logging.ERROR)
    try:
        yield
    finally:
        logging.root.setLevel(level)
