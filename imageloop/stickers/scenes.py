"""The sticker world: what a scene is, how often each concept appears, and how a scene is drawn.

A scene is one to three objects in fixed places before a background, all in one art style, under one tint. Everything a caption can say
of a scene is a fact of the record, so a picture's loss can be counted against a known truth.
"""

import csv
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Literal

import numpy as np
from jaxtyping import UInt8
from numpy.typing import NDArray

HERE = Path(__file__).parent
SIZE = 64

Split = Literal["train", "heldout"]


def _table() -> tuple[tuple[str, ...], NDArray[np.float64]]:
    with (HERE / "concepts.csv").open() as file:
        rows = list(csv.DictReader(file))
    weights = np.array([float(row["frequency"]) for row in rows])
    return tuple(row["concept"] for row in rows), weights / weights.sum()


CONCEPTS, FREQUENCIES = _table()
BACKGROUNDS = ("beach", "sea", "meadow", "night", "snow", "desert", "city", "forest", "stripes", "dots", "checks", "teal")
STYLES = ("cartoon", "sticker", "ink")
TINTS = ("daylight", "pink", "bronze", "mono")
TINT_WEIGHTS = (0.64, 0.12, 0.12, 0.12)
COUNT_WEIGHTS = (0.3, 0.4, 0.3)
PLACES = {1: ("middle",), 2: ("left", "right"), 3: ("left", "top", "right")}
CENTRES = {"middle": (32, 35), "left": (17, 43), "right": (47, 43), "top": (32, 17)}
SPRITE_SIZE = {"middle": 40, "left": 30, "right": 30, "top": 30}
JITTER = 1

_LUMA = np.array([0.299, 0.587, 0.114])


def _duotone(share: float, colour: tuple[float, float, float]) -> NDArray[np.float64]:
    """A colour matrix that keeps `1 - share` of a picture and paints its brightness in `colour` for the rest."""
    return (1 - share) * np.eye(3) + share * np.outer(colour, _LUMA)


TINT_MATRICES = {
    "daylight": np.eye(3),
    "pink": _duotone(0.55, (1.0, 0.62, 0.8)),
    "bronze": _duotone(0.7, (0.95, 0.68, 0.4)),
    "mono": _duotone(1.0, (1.0, 1.0, 1.0)),
}


@dataclass(frozen=True, slots=True)
class Scene:
    """One to three different objects, in reading order of their places, before a background, in a style, under a tint."""

    objects: tuple[str, ...]
    background: str
    style: str
    tint: str = "daylight"

    def __post_init__(self) -> None:
        if len(self.objects) not in PLACES:
            raise ValueError(f"a scene has 1 to 3 objects, not {len(self.objects)}")
        for word, known in (
            *((o, CONCEPTS) for o in self.objects),
            (self.background, BACKGROUNDS),
            (self.style, STYLES),
            (self.tint, TINTS),
        ):
            if word not in known:
                raise ValueError(f"the sticker world has no {word!r}")

    @property
    def places(self) -> tuple[str, ...]:
        return PLACES[len(self.objects)]


def is_heldout(concept: str, background: str) -> bool:
    """Whether this concept before this background is kept from training: one pair in twelve, each concept with one background."""
    return (CONCEPTS.index(concept) * 5 + 3) % len(BACKGROUNDS) == BACKGROUNDS.index(background)


def sample(rng: np.random.Generator, split: Split = "train") -> Scene:
    """A random scene. `train` scenes hold no held-out pair of concept and background; `heldout` scenes hold at least one.

    Concepts follow the long-tailed frequencies of `concepts.csv`, apart from that restriction.
    """
    count = int(rng.choice((1, 2, 3), p=COUNT_WEIGHTS))
    while True:
        objects = tuple(CONCEPTS[i] for i in rng.choice(len(CONCEPTS), size=count, replace=False, p=FREQUENCIES))
        if split == "train":
            allowed = [b for b in BACKGROUNDS if not any(is_heldout(o, b) for o in objects)]
        else:
            allowed = [b for b in BACKGROUNDS if is_heldout(objects[0], b)]
        if allowed:
            background = str(rng.choice(allowed))
            return Scene(objects, background, str(rng.choice(STYLES)), str(rng.choice(TINTS, p=TINT_WEIGHTS)))


def rarity_tercile(concept: str) -> Literal["common", "middle", "rare"]:
    """The third of the concepts this one is in, by its frequency in training."""
    rank = CONCEPTS.index(concept)
    third = len(CONCEPTS) / 3
    return "common" if rank < third else "middle" if rank < 2 * third else "rare"


@cache
def _artwork() -> dict[str, NDArray[np.uint8]]:
    with np.load(HERE / "sprites.npz") as file:
        return {name: file[name] for name in file.files}


@cache
def _canvas(background: str) -> NDArray[np.float32]:
    image: NDArray[np.uint8] = _artwork()["backgrounds"][BACKGROUNDS.index(background)]
    return image.astype(np.float32)


@cache
def _sprite(concept: str, style: str, size: int) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Premultiplied colour `(size, size, 3)` in 0–255 and the share of the background that shows through `(size, size, 1)`."""
    rgba = _artwork()[f"sprites{size}"][STYLES.index(style), CONCEPTS.index(concept)].astype(np.float32)
    alpha = rgba[..., 3:] / 255
    return rgba[..., :3] * alpha, 1 - alpha


def draw(scene: Scene, rng: np.random.Generator | None = None) -> UInt8[np.ndarray, "64 64 3"]:
    """The scene as RGB pixels. With `rng`, each object is moved by up to a pixel each way and the background may be mirrored."""
    image = _canvas(scene.background).copy()
    if rng is not None and rng.random() < 0.5:
        image = image[:, ::-1].copy()
    for concept, place in zip(scene.objects, scene.places, strict=True):
        size = SPRITE_SIZE[place]
        colour, through = _sprite(concept, scene.style, size)
        x, y = (centre - size // 2 for centre in CENTRES[place])
        if rng is not None:
            dx, dy = rng.integers(-JITTER, JITTER + 1, size=2)
            x, y = x + int(dx), y + int(dy)
        _paste(image, colour, through, x, y)
    if scene.tint != "daylight":
        image = image @ TINT_MATRICES[scene.tint].T.astype(np.float32)
    pixels: NDArray[np.uint8] = np.clip(image + 0.5, 0, 255).astype(np.uint8)
    return pixels


def _paste(image: NDArray[np.float32], colour: NDArray[np.float32], through: NDArray[np.float32], x: int, y: int) -> None:
    size = colour.shape[0]
    left, top = max(0, -x), max(0, -y)
    right, bottom = min(size, SIZE - x), min(size, SIZE - y)
    target = image[y + top : y + bottom, x + left : x + right]
    target *= through[top:bottom, left:right]
    target += colour[top:bottom, left:right]
