"""A pair of models in closed form: a chain of Bayesian learners, whose end is known exactly.

A picture shows a datum d (below) and the hypothesis h it was drawn from (above), both as colours. The captioner looks at the datum only
and samples a hypothesis from the posterior p(h | d) ∝ prior(h) likelihood(d | h); the generator samples a datum from likelihood(d | h).
Over hypotheses the loop is then a Markov chain whose stationary distribution is the prior, whatever the original
(Griffiths and Kalish 2007, Language evolution by iterated learning with Bayesian agents).
"""

import colorsys
import hashlib
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from functools import cache
from typing import Any, Literal

import numpy as np
from jaxtyping import Float
from numpy.typing import NDArray

from imageloop.catalog import Row
from imageloop.errors import ModelError
from imageloop.records import Caption, Picture, Pixels, Recipe

SETTINGS: Mapping[str, Any] = {"prior": [0.7, 0.3], "likelihood": [[0.8, 0.2], [0.3, 0.7]], "size": 8}
"""`prior[h]`, `likelihood[h][d]`, and the side of a picture in pixels."""


@dataclass(frozen=True, slots=True)
class World:
    """Hypotheses and data: `prior` (h,) and `likelihood` (h, d), rows sum to 1."""

    prior: Float[np.ndarray, " h"]
    likelihood: Float[np.ndarray, "h d"]

    @property
    def posterior(self) -> Float[np.ndarray, "d h"]:
        """p(h | d); a datum that no hypothesis gives tells nothing, and leaves the prior."""
        joint = (self.prior[:, None] * self.likelihood).T
        total = joint.sum(axis=1, keepdims=True)
        posterior: Float[np.ndarray, "d h"] = np.where(total > 0, joint / np.where(total > 0, total, 1.0), self.prior)
        return posterior

    @property
    def transition(self) -> Float[np.ndarray, "h h"]:
        """The probability that hypothesis i is followed by j one round later: Σ_d likelihood(d | i) p(j | d)."""
        transition: Float[np.ndarray, "h h"] = self.likelihood @ self.posterior
        return transition


@dataclass(frozen=True, slots=True)
class AnalyticCaptioner:
    """Reads the datum off a picture and names a hypothesis sampled from its posterior."""

    recipe: Recipe

    def caption(self, images: Sequence[Pixels], seeds: Sequence[int]) -> list[Caption]:
        """One word for each picture, `state0`, `state1` …, with its exact log-probability and the posterior's entropy."""
        _check_rows(self.recipe, images)
        world = world_of(self.recipe.settings)
        return [_name(world.posterior[read_datum(image, world)], seed) for image, seed in zip(images, seeds, strict=True)]


@dataclass(frozen=True, slots=True)
class AnalyticGenerator:
    """Draws a datum of the hypothesis that a prompt names."""

    recipe: Recipe

    def generate(self, prompts: Sequence[str], seeds: Sequence[int]) -> list[Picture]:
        """One picture for each prompt, showing the hypothesis above and the sampled datum below."""
        _check_rows(self.recipe, prompts)
        world = world_of(self.recipe.settings)
        pictures = []
        for prompt, seed in zip(prompts, seeds, strict=True):
            state = read_state(prompt, len(world.prior))
            datum = _sample(world.likelihood[state], "generator", seed)
            words = {"analytic": len(prompt.split())}
            pictures.append(Picture(draw(state, datum, world, int(self.recipe.settings["size"])), words, dict(words)))
        return pictures

    def fits(self, _prompt: str) -> bool:
        """True: a prompt of any length names a hypothesis."""
        return True


@dataclass(frozen=True, slots=True)
class AnalyticEmbedder:
    """One axis for each hypothesis: what a picture shows above, or what a text names."""

    recipe: Recipe

    def embed_images(self, images: Sequence[Pixels]) -> Float[np.ndarray, "n h"]:
        """Rows of the identity, by the hypothesis shown."""
        _check_rows(self.recipe, images)
        count = len(world_of(self.recipe.settings).prior)
        return np.eye(count, dtype=np.float32)[[_nearest(image[: len(image) // 2 or 1], _palette(count, 1.0)) for image in images]]

    def embed_texts(self, texts: Sequence[str]) -> Float[np.ndarray, "n h"]:
        """Rows of the identity, by the hypothesis named."""
        _check_rows(self.recipe, texts)
        count = len(world_of(self.recipe.settings).prior)
        return np.eye(count, dtype=np.float32)[[read_state(text, count) for text in texts]]

    def truncated(self, texts: Sequence[str]) -> list[bool]:
        """False for each: a text is read to its end."""
        return [False] * len(texts)


def load_captioner(row: Row, *, batch: int, overrides: Mapping[str, Any], **_machine: str) -> AnalyticCaptioner:
    """The captioner; it computes in fp64 on the CPU, whatever the machine, and its recipe says so. Raises ModelError on wrong settings."""
    return AnalyticCaptioner(_recipe(row, "captioner", batch, overrides))


def load_generator(row: Row, *, batch: int, overrides: Mapping[str, Any], **_machine: str) -> AnalyticGenerator:
    """The generator; as for `load_captioner`."""
    return AnalyticGenerator(_recipe(row, "generator", batch, overrides))


def load_embedder(row: Row, *, batch: int, overrides: Mapping[str, Any], **_machine: str) -> AnalyticEmbedder:
    """The embedder; as for `load_captioner`."""
    return AnalyticEmbedder(_recipe(row, "embedder", batch, overrides))


def world_of(settings: Mapping[str, Any]) -> World:
    """The world that settings describe. Raises ModelError, in one line, when they describe none."""
    try:
        world = World(np.array(settings["prior"], dtype=np.float64), np.array(settings["likelihood"], dtype=np.float64))
    except (TypeError, ValueError):
        raise ModelError("analytic: prior must be a list of numbers and likelihood a list of rows of equal length") from None
    if world.prior.ndim != 1 or world.likelihood.ndim != 2 or len(world.prior) != len(world.likelihood) or not world.likelihood.size:
        raise ModelError("analytic: likelihood must have one row of probabilities for each hypothesis of prior")
    for name, rows in (("prior", world.prior[None]), ("likelihood", world.likelihood)):
        if (rows < 0).any() or not np.allclose(rows.sum(axis=1), 1, rtol=0, atol=1e-9):
            raise ModelError(f"analytic: {name} must hold probabilities that sum to 1")
    return world


def draw(state: int, datum: int, world: World, size: int) -> Pixels:
    """RGB uint8 (size, size, 3): the upper half in the hypothesis' colour, the lower half in the datum's."""
    pixels = np.empty((size, size, 3), dtype=np.uint8)
    pixels[: size // 2] = _palette(len(world.prior), 1.0)[state]
    pixels[size // 2 :] = _palette(world.likelihood.shape[1], 0.5)[datum]
    return pixels


def read_datum(image: Pixels, world: World) -> int:
    """The datum whose colour is nearest to the mean of the lower half; every picture shows one."""
    return _nearest(image[len(image) // 2 :], _palette(world.likelihood.shape[1], 0.5))


def read_state(text: str, count: int) -> int:
    """The hypothesis a text names: its first whole number, or without one its hash, modulo `count`."""
    number = re.search(r"[0-9]+", text)
    return int(number[0][:18]) % count if number else _hashed(text) % count


def _recipe(row: Row, role: Literal["captioner", "generator", "embedder"], batch: int, overrides: Mapping[str, Any]) -> Recipe:
    settings = {**SETTINGS, **row.settings, **overrides}
    for key in settings:
        if key not in SETTINGS:
            near = get_close_matches(key, SETTINGS, n=1) or list(SETTINGS)
            raise ModelError(f"{row.name}: the analytic pair has no setting {key!r}; it has {', '.join(near)}")
    world_of(settings)
    if not isinstance(settings["size"], int) or settings["size"] < 2:
        raise ModelError(f"{row.name}: size must be a whole number of pixels, 2 or more, not {settings['size']!r}")
    return Recipe(role, row.name, "analytic", "imageloop.models.analytic", "1", "fp64", "cpu", batch, settings)


def _check_rows(recipe: Recipe, rows: Sequence[object]) -> None:
    if len(rows) != recipe.batch:
        raise ModelError(f"{recipe.name}: the {recipe.role} is called with {recipe.batch} rows, not {len(rows)}; use loop.in_batches")


def _name(posterior: Float[np.ndarray, " h"], seed: int) -> Caption:
    state = _sample(posterior, "captioner", seed)
    entropy = -sum(p * math.log(p) for p in map(float, posterior) if p > 0)
    # Rounded, because the last digit of a logarithm differs between machines.
    return Caption(f"state{state}", 1, False, round(math.log(posterior[state]), 12), round(entropy, 12))


def _sample(probabilities: Float[np.ndarray, " n"], role: str, seed: int) -> int:
    # A hash and not NumPy's generators, whose streams may change with its version; the golden run must not.
    uniform = _hashed(f"{role}/{seed}") / 2**64
    possible = np.flatnonzero(probabilities)
    passed = int((np.cumsum(probabilities[possible]) <= uniform).sum())
    return int(possible[min(passed, len(possible) - 1)])


def _hashed(text: str) -> int:
    return int.from_bytes(hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest()[:8])


@cache
def _palette(count: int, brightness: float) -> NDArray[np.uint8]:
    colours = [colorsys.hsv_to_rgb(i / count, 1.0, brightness) for i in range(count)]
    return np.round(np.array(colours) * 255).astype(np.uint8)


def _nearest(part: Pixels, palette: NDArray[np.uint8]) -> int:
    mean = part.reshape(-1, 3).mean(axis=0)
    return int(np.argmin(((palette - mean) ** 2).sum(axis=1)))
