"""What a caption speaks of, and how rare that is: facts of the sticker world where the pair lives in it, content words elsewhere."""

import gzip
import importlib.util
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache, lru_cache
from pathlib import Path
from typing import Literal

import numpy as np
from jaxtyping import Bool, Int

from imageloop.measures.entropy import words
from imageloop.stickers.captions import parse
from imageloop.stickers.scenes import CONCEPTS, rarity_tercile

Rarity = Literal["common", "middle", "rare"]
RARITIES: tuple[Rarity, ...] = ("common", "middle", "rare")
STOP_WORDS = frozenset(
    words("""a about above across after against all along also am an and another any are around as at away be been before behind being below
    beneath beside between both but by can could did do does doing down during each few for from had has have having he her here hers him
    his how i if in inside into is it its itself just like many may me more most much my near next no nor not of off on one onto or other
    our out outside over own s several she so some such t than that the their them then there these they this those through to together
    too toward towards under until up upon very was we were what when where which while who whom why will with within without would you
    your image picture photo photograph shows showing shown depicts depicting features featuring""")
)
"""Words that name nothing: function words of English, and what captioners say of any picture. No style is among them."""
COMMON_BELOW, RARE_FROM = 10_000, 38_000
"""Ranks in CLIP's vocabulary that part the 1,212 content words of ImageNet's class names into thirds."""


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """How captions are read: the concepts one names, and how rare a concept is; None where that is not known."""

    concepts: Callable[[str], frozenset[str]]
    rarity: Callable[[str], Rarity | None]


@dataclass(frozen=True, slots=True)
class ChainConcepts:
    """The concepts of a chain's first caption, and what became of them."""

    names: tuple[str, ...]
    """Of `y_1`, sorted."""
    rarity: tuple[Rarity | None, ...]
    present: Bool[np.ndarray, "n k"]
    """Whether `y_t` names them."""
    new: Int[np.ndarray, " n"]
    """How many concepts `y_t` names that no caption before it did."""


def concepts_of(captions: Sequence[str], vocabulary: "Vocabulary") -> ChainConcepts:
    """What becomes of the concepts of the first of a chain's captions, and how many come in."""
    read = {caption: vocabulary.concepts(caption) for caption in dict.fromkeys(captions)}
    names = tuple(sorted(read[captions[0]])) if captions else ()
    present = np.array([[name in read[caption] for name in names] for caption in captions], dtype=bool).reshape(len(captions), len(names))
    known: set[str] = set()
    new = np.zeros(len(captions), dtype=np.int64)
    for place, caption in enumerate(captions):
        new[place] = len(read[caption] - known)
        known |= read[caption]
    return ChainConcepts(names, tuple(vocabulary.rarity(name) for name in names), present, new)


def content_words(caption: str) -> frozenset[str]:
    """The different words of a caption without stop words; plural and singular are two words."""
    return frozenset(words(caption)) - STOP_WORDS


@lru_cache(maxsize=2**16)
def fact_names(caption: str) -> frozenset[str]:
    """The facts of the sticker world that a caption states: objects, background, style and tint, whose names all differ."""
    facts = parse(caption)
    others = (facts.background, facts.style, facts.tint)
    return frozenset((*facts.objects, *(name for name in others if name is not None)))


def rarity_of_fact(name: str) -> Rarity | None:
    """How rare an object was in the training of the built-in models, by thirds of the objects; None for other facts."""
    return rarity_tercile(name) if name in CONCEPTS else None


def rarity_of_word(word: str) -> Rarity | None:
    """How rare a word is in captions from the web, by its rank in CLIP's vocabulary, which grew by frequency; None without that file.

    A proxy: byte-pair merges are learned in the order of their frequency in CLIP's training text. Over the words of ImageNet's class names
    the rank agrees with the frequency of words in general English at a Spearman correlation of .95 (wordfreq 3.1). Words that need several
    tokens count as rare.
    """
    ranks = _ranks()
    if ranks is None:
        return None
    rank = ranks.get(word, RARE_FROM)
    return "common" if rank < COMMON_BELOW else "middle" if rank < RARE_FROM else "rare"


@cache
def _ranks() -> dict[str, int] | None:
    """The words that are one token of CLIP's, with the number of the merge that made them; from open_clip's file, without importing it."""
    found = importlib.util.find_spec("open_clip")
    file = None if found is None or found.origin is None else Path(found.origin).parent / "bpe_simple_vocab_16e6.txt.gz"
    if file is None or not file.is_file():
        return None
    with gzip.open(file, "rt", encoding="utf-8") as lines:
        merges = [line.split() for line in lines][1 : 49_152 - 256 - 2 + 1]
    ranks: dict[str, int] = {}
    for rank, merge in enumerate(merges):
        if len(merge) == 2 and merge[1].endswith("</w>"):
            ranks.setdefault("".join(merge).removesuffix("</w>"), rank)
    return ranks


WORDS = Vocabulary(content_words, rarity_of_word)
WORLD = Vocabulary(fact_names, rarity_of_fact)
