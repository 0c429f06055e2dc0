"""What a model must be able to do to take part. A foreign model is wrapped into one of these, not subclassed.

Captioning, drawing and embedding are called with exactly `recipe.batch` rows (see `loop.in_batches`, which pads short batches), and a
row's result must depend on that row alone. Randomness comes from the seeds given, one CPU `torch.Generator` a row, and from nowhere else.
"""

from collections.abc import Sequence
from typing import Protocol

import numpy as np
from jaxtyping import Float

from imageloop.records import Caption, Picture, Pixels, Recipe


class Captioner(Protocol):
    """Image to text."""

    @property
    def recipe(self) -> Recipe: ...

    def caption(self, images: Sequence[Pixels], seeds: Sequence[int]) -> list[Caption]:
        """One caption for each picture, drawn with its seed; order and length are kept. K candidates are K rows."""
        ...


class Generator(Protocol):
    """Text to image."""

    @property
    def recipe(self) -> Recipe: ...

    def generate(self, prompts: Sequence[str], seeds: Sequence[int]) -> list[Picture]:
        """One picture for each prompt, drawn with its seed; order and length are kept. M candidates are M rows."""
        ...

    def fits(self, prompt: str) -> bool:
        """Whether every text encoder reads the whole prompt; True also where that is not known."""
        ...


class TextEmbedder(Protocol):
    """Texts to unit vectors."""

    @property
    def recipe(self) -> Recipe: ...

    def embed_texts(self, texts: Sequence[str]) -> Float[np.ndarray, "n d"]:
        """One unit row (float32) for each text."""
        ...

    def truncated(self, texts: Sequence[str]) -> list[bool]:
        """Whether each text is longer than what is read of it. Any number of texts; no model runs."""
        ...


class Embedder(TextEmbedder, Protocol):
    """Images and texts to unit vectors in one space."""

    def embed_images(self, images: Sequence[Pixels]) -> Float[np.ndarray, "n d"]:
        """One unit row (float32) for each picture."""
        ...
