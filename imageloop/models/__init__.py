"""From a row of the catalog to a loaded model. The library that a family needs is imported when the first of its models is loaded."""

import os
from collections.abc import Mapping
from importlib import import_module
from typing import Any, cast

from imageloop.catalog import Row
from imageloop.roles import Captioner, Embedder, Generator, TextEmbedder

# Without this MKL picks its kernels by the memory alignment of each matrix, so that a row's last bits depend on its slot in the batch
# (https://www.intel.com/content/www/us/en/docs/onemkl/developer-guide-linux/current/obtaining-numerically-reproducible-results.html).
# It is read at MKL's first call, so it must stand before any model computes.
os.environ.setdefault("MKL_CBWR", "AUTO,STRICT")

MODULES: Mapping[tuple[str, str], str] = {
    ("captioner", "analytic"): "analytic",
    ("generator", "analytic"): "analytic",
    ("embedder", "analytic"): "analytic",
    ("captioner", "transformers"): "captioners",
    ("generator", "diffusers"): "generators",
    ("embedder", "open_clip"): "embedders",
    ("embedder", "transformers"): "towers",
    ("text-embedder", "transformers"): "sentences",
    ("captioner", "openai"): "remote",
    ("generator", "openai"): "remote",
    ("generator", "a1111"): "a1111",
}
"""Which module of this package has the `load_ROLE` for a role and a family."""


def load_captioner(
    row: Row, *, device: str = "auto", dtype: str = "auto", batch: int, overrides: Mapping[str, Any] | None = None
) -> Captioner:
    """The captioner of a row, ready to caption exactly `batch` pictures a call.

    `device` is auto, cpu, cuda, cuda:N or mps; `dtype` auto, fp32, bf16 or fp16; `overrides` lie over the row's settings. Raises
    ModelError or DeviceError.
    """
    return cast(Captioner, _load(row, "captioner", device, dtype, batch, overrides))


def load_generator(
    row: Row, *, device: str = "auto", dtype: str = "auto", batch: int, overrides: Mapping[str, Any] | None = None
) -> Generator:
    """The generator of a row, ready to draw exactly `batch` prompts a call; arguments and errors as for `load_captioner`."""
    return cast(Generator, _load(row, "generator", device, dtype, batch, overrides))


def load_embedder(
    row: Row, *, device: str = "auto", dtype: str = "auto", batch: int, overrides: Mapping[str, Any] | None = None
) -> Embedder:
    """The embedder of a row, ready to embed exactly `batch` pictures or texts a call; arguments and errors as for `load_captioner`.

    `dtype` auto is fp32 here: an embedder measures, and bf16 would round similarities to 1/256.
    """
    return cast(Embedder, _load(row, "embedder", device, dtype, batch, overrides))


def load_text_embedder(
    row: Row, *, device: str = "auto", dtype: str = "auto", batch: int, overrides: Mapping[str, Any] | None = None
) -> TextEmbedder:
    """The sentence model of a row, ready to embed exactly `batch` texts a call; arguments, dtype and errors as for `load_embedder`."""
    return cast(TextEmbedder, _load(row, "text-embedder", device, dtype, batch, overrides))


def _load(row: Row, role: str, device: str, dtype: str, batch: int, overrides: Mapping[str, Any] | None) -> object:
    module = import_module(f"imageloop.models.{MODULES[role, row.family]}")
    return getattr(module, f"load_{role.replace('-', '_')}")(row, device=device, dtype=dtype, batch=batch, overrides=overrides or {})
