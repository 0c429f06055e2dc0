"""Embeddings of a run's pictures and texts, each made once and kept on disk under the recipe that made it.

`cache/<recipe hash>/<n>.npz` holds `keys` (hex digests) and `vectors` (float32). Parts are only ever added; the folder can be deleted.
"""

import hashlib
import io
import zipfile
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TypeVar

import numpy as np
from jaxtyping import Float
from numpy.typing import NDArray

from imageloop.disk import told, write_whole
from imageloop.errors import RunError
from imageloop.loop import in_batches
from imageloop.records import Pixels
from imageloop.roles import Embedder, TextEmbedder

PART = 1024
"""Embeddings in one part of the cache, at most: what a killed measurement can lose."""

LUMA = np.array([0.2126, 0.7152, 0.0722])
"""Weights of red, green and blue in brightness, ITU-R BT.709."""

Item = TypeVar("Item")


def text_key(text: str) -> str:
    """The name a text has in the cache; never that of a picture."""
    return "text" + hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


class Cache:
    """What one embedder has made of a run so far."""

    def __init__(self, folder: Path) -> None:
        """Read all parts in the folder; one that is broken is removed, and its embeddings are made again when asked for."""
        self.folder = folder
        self.vectors: dict[str, NDArray[np.float32]] = {}
        for part in sorted(folder.glob("*.npz")):
            try:
                with np.load(io.BytesIO(part.read_bytes())) as file:
                    self.vectors.update(zip(file["keys"].tolist(), file["vectors"], strict=True))
            except (OSError, EOFError, ValueError, KeyError, zipfile.BadZipFile):
                part.unlink(missing_ok=True)

    def add(self, keys: Sequence[str], vectors: Float[np.ndarray, "n d"]) -> None:
        """Keep more embeddings, on disk too. Raises RunError where they cannot be written."""
        vectors = vectors.astype(np.float32)  # as they will be read again
        self.vectors.update(zip(keys, vectors, strict=True))
        parts = [int(part.stem) for part in self.folder.glob("*.npz") if part.stem.isdigit()]
        file = self.folder / f"{max(parts, default=0) + 1:06}.npz"
        content = io.BytesIO()
        np.savez(content, keys=np.array(keys), vectors=vectors)
        with told(self.folder):
            self.folder.mkdir(parents=True, exist_ok=True)
        write_whole(file, content.getvalue())

    def rows(self, keys: Iterable[str | None], width: int) -> Float[np.ndarray, "n d"]:
        """The embeddings of these keys; a row of NaN for None and for a key that has none."""
        missing = np.full(width, np.nan, np.float32)
        found = [missing if key is None else self.vectors.get(key, missing) for key in keys]
        return np.stack(found) if found else np.empty((0, width), np.float32)


def kept_vectors(folder: Path, keys: Collection[str]) -> dict[str, NDArray[np.float32]]:
    """The embeddings in a cache's folder that have these keys, without keeping the others in memory. Changes nothing there."""
    found: dict[str, NDArray[np.float32]] = {}
    for part in sorted(folder.glob("*.npz")):
        try:
            with np.load(io.BytesIO(part.read_bytes())) as file:
                wanted = [(place, key) for place, key in enumerate(file["keys"].tolist()) if key in keys]
                if wanted:
                    vectors = file["vectors"]
                    found.update((key, vectors[place]) for place, key in wanted)
        except (OSError, EOFError, ValueError, KeyError, zipfile.BadZipFile):
            continue  # a broken part: measuring makes it again
    return found


def embed_texts(cache: Cache, embedder: TextEmbedder, texts: Iterable[str]) -> None:
    """Embed the texts that the cache lacks, each once."""
    wanted = {key: text for text in texts if (key := text_key(text)) not in cache.vectors}
    for part in _parts(wanted):
        cache.add(list(part), _embed(embedder.embed_texts, embedder.recipe.batch, list(part.values())))


def embed_pictures(cache: Cache, embedder: Embedder, pictures: Mapping[str, Callable[[], Pixels]]) -> None:
    """Embed the pictures that the cache lacks, each read once, at most `PART` in memory.

    `pictures`: pixel hash → how to read it. One whose reading raises RunError stays without an embedding.
    """
    wanted = {key: read for key, read in pictures.items() if key not in cache.vectors}
    for part in _parts(wanted):
        if whole := dict(_read(part)):
            cache.add(list(whole), _embed(embedder.embed_images, embedder.recipe.batch, list(whole.values())))


def keep_brightness(cache: Cache, pictures: Mapping[str, Callable[[], Pixels]]) -> None:
    """Keep, for the pictures that the cache lacks, their mean Rec. 709 luma: of the stored values, from 0 black to 1 white."""
    wanted = {key: read for key, read in pictures.items() if key not in cache.vectors}
    for part in _parts(wanted):
        means = {key: pixels.reshape(-1, 3).mean(axis=0) for key, pixels in _read(part)}
        if means:
            cache.add(list(means), (np.stack(list(means.values())) @ LUMA / 255)[:, None])


def keep_truncation(cache: Cache, embedder: TextEmbedder, texts: Iterable[str]) -> None:
    """Keep, for the texts that the cache lacks, whether the embedder reads only their beginning: 1, or 0."""
    wanted = {key: text for text in texts if (key := text_key(text)) not in cache.vectors}
    if wanted:
        cache.add(list(wanted), np.array(embedder.truncated(list(wanted.values())), np.float32)[:, None])


def _read(pictures: Mapping[str, Callable[[], Pixels]]) -> Iterator[tuple[str, Pixels]]:
    """Those that can be read, one by one."""
    for key, read in pictures.items():
        try:
            yield key, read()
        except RunError:
            continue


def _embed(call: Callable[[Sequence[Item]], Float[np.ndarray, "n d"]], batch: int, items: Sequence[Item]) -> Float[np.ndarray, "n d"]:
    return np.stack(list(in_batches(call, batch, items)))


def _parts(wanted: Mapping[str, Item]) -> Iterator[dict[str, Item]]:
    keys = list(wanted)
    for start in range(0, len(keys), PART):
        yield {key: wanted[key] for key in keys[start : start + PART]}
