"""Embeddings of pictures while a run makes them: in whole batches, each picture once, and into the cache that measuring reads."""

from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
from jaxtyping import Float

from imageloop.loop import in_batches
from imageloop.measures.embeddings import PART, Cache, embed_pictures
from imageloop.records import Pixels
from imageloop.roles import Embedder

Vector = Float[np.ndarray, " d"]


class Space:
    """What an embedder has made of a run's pictures so far; without an embedder, nothing is known of any."""

    def __init__(self, run: Path, embedder: Embedder | None) -> None:
        self._embedder = embedder
        self._cache = Cache(run / "cache" / embedder.recipe.hash) if embedder else None
        self._waiting: dict[str, Pixels] = {}
        self._unsaved: dict[str, Vector] = {}

    def take(self, pictures: Mapping[str, Callable[[], Pixels]]) -> None:
        """Embeds what the cache lacks of pictures on disk: pixel hash → how to read it. One that cannot be read stays unknown."""
        if self._embedder and self._cache:
            embed_pictures(self._cache, self._embedder, pictures)

    def put(self, name: str, pixels: Pixels) -> None:
        """One more picture, by its pixel hash; embedded with the next whole batch."""
        if self._embedder and self._cache and name not in self._cache.vectors:
            self._waiting[name] = pixels

    def work(self, *, all: bool = False) -> None:
        """Embeds the whole batches that wait, or all pictures that do. Raises RunError where the cache cannot be written."""
        if not self._embedder or not self._cache:
            return
        batch = self._embedder.recipe.batch
        names = list(self._waiting)[: len(self._waiting) if all else len(self._waiting) // batch * batch]
        if names:
            vectors = in_batches(self._embedder.embed_images, batch, [self._waiting.pop(name) for name in names])
            found = dict(zip(names, vectors, strict=True))
            self._cache.vectors.update(found)
            self._unsaved.update(found)
        if len(self._unsaved) >= PART:
            self.save()

    def waits(self, name: str | None) -> bool:
        """Whether the picture is yet to be embedded."""
        return name in self._waiting

    def vector(self, name: str | None) -> Vector | None:
        """The unit vector of a picture; None where it is not known."""
        return self._cache.vectors.get(name) if self._cache and name is not None else None

    def save(self) -> None:
        """What was embedded is kept on disk. Raises RunError."""
        if self._cache and self._unsaved:
            self._cache.add(list(self._unsaved), np.stack(list(self._unsaved.values())))
            self._unsaved.clear()
