"""The caption grammar of the sticker world, and the parser that reads facts back from what models write."""

import re
from dataclasses import dataclass
from functools import cache
from typing import Literal

import numpy as np

from imageloop.stickers.scenes import BACKGROUNDS, CONCEPTS, PLACES, STYLES, TINTS, Scene

Length = Literal["short", "long"]

BACKGROUND_PHRASES = {
    "beach": "at the beach",
    "sea": "on the sea",
    "meadow": "in a meadow",
    "night": "under the night sky",
    "snow": "in the snow",
    "desert": "in the desert",
    "city": "in the city",
    "forest": "in the forest",
    "stripes": "on yellow stripes",
    "dots": "on purple dots",
    "checks": "on orange checks",
    "teal": "on plain teal",
}
STYLE_PHRASES = {"cartoon": "cartoon", "sticker": "sticker", "ink": "ink drawing"}
TINT_PHRASES = {"daylight": "", "pink": "in pink light", "bronze": "in bronze light", "mono": "in black and white"}
PLACE_PHRASES = {"middle": "in the middle", "left": "on the left", "top": "at the top", "right": "on the right"}


def phrasings(scene: Scene, length: Length) -> tuple[str, ...]:
    """Every caption of one length the grammar has for a scene, each naming all facts; the long ones name the places too."""
    style, background = STYLE_PHRASES[scene.style], BACKGROUND_PHRASES[scene.background]
    tint = f", {TINT_PHRASES[scene.tint]}" if TINT_PHRASES[scene.tint] else ""
    if length == "short":
        objects = _listed([_with_article(o) for o in scene.objects])
        return (f"{style} of {objects} {background}{tint}", f"{objects} {background}{tint}, {style}")
    objects = _listed([f"{_with_article(o)} {PLACE_PHRASES[p]}" for o, p in zip(scene.objects, scene.places, strict=True)])
    return (
        f"{_with_article(style)} of {objects} {background}{tint}",
        f"{background}{tint}, there is {objects}, drawn as {_with_article(style)}",
    )


def describe(scene: Scene, rng: np.random.Generator, length: Length | None = None) -> str:
    """One of the scene's captions; without `length`, short or long with equal chance."""
    chosen: Length = length or ("short" if rng.random() < 0.5 else "long")
    options = phrasings(scene, chosen)
    return options[int(rng.integers(len(options)))]


def _with_article(noun: str) -> str:
    return f"{'an' if noun[0] in 'aeiou' else 'a'} {noun}"


def _listed(parts: list[str]) -> str:
    return parts[0] if len(parts) == 1 else f"{', '.join(parts[:-1])} and {parts[-1]}"


@dataclass(frozen=True, slots=True)
class Facts:
    """What a text says of a scene: objects in the order they are first named; None where it names none of a kind."""

    objects: tuple[str, ...]
    background: str | None
    style: str | None
    tint: str | None

    def scene(self) -> Scene | None:
        """The scene the facts amount to, if they are enough for one."""
        if self.background is None or self.style is None or len(self.objects) not in PLACES:
            return None
        return Scene(self.objects, self.background, self.style, self.tint or "daylight")


@cache
def _patterns() -> dict[str, re.Pattern[str]]:
    backgrounds = {b: rf"\b(?:{b}|{BACKGROUND_PHRASES[b].rsplit(' ', 1)[-1]})\b" for b in BACKGROUNDS}
    styles = {s: rf"\b(?:{s}|{STYLE_PHRASES[s]})s?\b" for s in STYLES}
    tints = {"pink": r"\bpink\b", "bronze": r"\bbronze\b", "mono": r"\bblack and white\b|\bmonochrome\b"}
    backgrounds["night"] = r"\bnight\b"
    concepts = {c: rf"\b{re.escape(c)}(?:e?s)?\b" for c in CONCEPTS}
    return {k: re.compile(v) for k, v in (*concepts.items(), *backgrounds.items(), *styles.items(), *tints.items())}


def parse(text: str) -> Facts:
    """Read the facts out of any text: words outside the grammar are passed over, a repeated object counts once.

    Of several backgrounds, styles or tints the one named first counts. A text that names no tint is taken as daylight only if it
    names a background, since the grammar leaves daylight unsaid.
    """
    lowered = text.lower()
    background = _first(lowered, BACKGROUNDS)
    tint = _first(lowered, TINTS[1:])
    found = sorted(
        (match.start(), concept) for concept in CONCEPTS if concept in lowered and (match := _patterns()[concept].search(lowered))
    )
    return Facts(
        tuple(concept for _, concept in found),
        background,
        _first(lowered, STYLES),
        tint or ("daylight" if background else None),
    )


def _first(text: str, words: tuple[str, ...]) -> str | None:
    found = [(match.start(), word) for word in words if (match := _patterns()[word].search(text))]
    return min(found)[1] if found else None


def vocabulary() -> tuple[str, ...]:
    """Every word and mark the grammar can write, sorted."""
    phrases = [*CONCEPTS, *BACKGROUND_PHRASES.values(), *STYLE_PHRASES.values(), *TINT_PHRASES.values(), *PLACE_PHRASES.values()]
    words = {word for phrase in phrases for word in phrase.split()}
    return tuple(sorted(words | {"a", "an", "of", "and", ",", "there", "is", "drawn", "as"}))
