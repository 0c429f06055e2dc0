"""Images and texts to unit vectors, by the two-tower models of transformers (CLIP, SigLIP) and its image-only ones (DINOv2)."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
import transformers
from jaxtyping import Float
from PIL import Image
from transformers import AutoConfig, AutoImageProcessor, AutoModel, AutoTokenizer

from imageloop.catalog import Row
from imageloop.errors import ModelError
from imageloop.models import fetching, loading
from imageloop.models.rows import refuse_other_batch, unit_rows
from imageloop.records import Pixels, Recipe


class TransformersEmbedder:
    """A vision tower of transformers, with its text tower where it has one."""

    def __init__(self, model: Any, image_processor: Any, tokenizer: Any, recipe: Recipe) -> None:
        self._model, self._image_processor, self._tokenizer, self._recipe = model, image_processor, tokenizer, recipe

    @property
    def recipe(self) -> Recipe:
        return self._recipe

    @property
    def text_limit(self) -> int:
        """Most tokens of a text that are read, special tokens included; 0 for a model that reads no texts."""
        return int(self._recipe.settings["context_length"])

    def embed_images(self, images: Sequence[Pixels]) -> Float[np.ndarray, "n d"]:
        """One unit row (float32) for each of exactly `recipe.batch` pictures."""
        refuse_other_batch(self._recipe, images)
        inputs = self._image_processor(images=[Image.fromarray(image) for image in images], return_tensors="pt")
        with loading.room_for(self._recipe), torch.inference_mode():
            inputs = inputs.to(self._model.device, self._model.dtype)
            if hasattr(self._model, "get_image_features"):
                return unit_rows(_pooled(self._model.get_image_features(**inputs)), self._recipe)
            return unit_rows(_pooled(self._model(**inputs)), self._recipe)

    def embed_texts(self, texts: Sequence[str]) -> Float[np.ndarray, "n d"]:
        """One unit row (float32) for each of exactly `recipe.batch` texts. Raises ModelError for a model that only sees."""
        refuse_other_batch(self._recipe, texts)
        if self._tokenizer is None:
            raise self._blind()
        inputs = self._tokenizer(list(texts), padding="max_length", truncation=True, max_length=self.text_limit, return_tensors="pt")
        with torch.inference_mode():
            return unit_rows(_pooled(self._model.get_text_features(**inputs.to(self._model.device))), self._recipe)

    def text_tokens(self, texts: Sequence[str]) -> list[int]:
        """Tokens of each whole text, special tokens included; what exceeds `text_limit` is not read."""
        if self._tokenizer is None:
            raise self._blind()
        return [len(row) for row in self._tokenizer(list(texts), verbose=False).input_ids] if texts else []

    def truncated(self, texts: Sequence[str]) -> list[bool]:
        """Whether each text is longer than `text_limit`; any number of texts."""
        return [count > self.text_limit for count in self.text_tokens(texts)]

    def _blind(self) -> ModelError:
        return ModelError(f"{self._recipe.name}: this embedder reads no texts; name one that does, e.g. clip-l14")


def _pooled(output: Any) -> torch.Tensor:
    """One vector a row: the projected or pooled output, for DINOv2 the normalised class token."""
    pooled: torch.Tensor = output if isinstance(output, torch.Tensor) else output.pooler_output
    return pooled


def load_embedder(row: Row, *, device: str, dtype: str, batch: int, overrides: Mapping[str, Any]) -> TransformersEmbedder:
    """Load an embedder of transformers, safetensors only; `dtype` auto is fp32. Raises ModelError or DeviceError."""
    place = loading.resolve_device(device)
    number = loading.resolve_dtype("fp32" if dtype == "auto" else dtype, place)
    loading.merge_settings(row, overrides, {}, ())
    loading.quieten(transformers.utils.logging)
    folder, revision = fetching.folder_and_revision(row)
    with loading.told_to_people(row):
        config = AutoConfig.from_pretrained(folder, **loading.HERE)
        model = AutoModel.from_pretrained(folder, dtype=number, use_safetensors=True, **loading.HERE)
        images = AutoImageProcessor.from_pretrained(folder, **loading.HERE)
        text = getattr(config, "text_config", None)
        tokenizer = None if text is None else AutoTokenizer.from_pretrained(folder, **loading.HERE)
    settings = {
        "architecture": type(model).__name__,
        "image_processor": images.backend,
        "context_length": 0 if text is None else int(text.max_position_embeddings),
    }
    recipe = loading.recipe_of(row, revision, place, number, batch, settings, "transformers", "torchvision")
    return TransformersEmbedder(model.to(place).eval(), images, tokenizer, recipe)
