"""Measures of how long the concepts of a chain's first caption last, and of new ones."""

from math import inf, nan

import numpy as np
from jaxtyping import Float

from imageloop.measures import survival
from imageloop.measures.chains import ChainData, PairData
from imageloop.measures.concepts import Rarity
from imageloop.measures.definitions.row import Measure

CONCEPTS = (
    "Concepts are the facts the grammar of the sticker world knows where the generator is a built-in one, else a caption's words without "
    "stop words: a synonym is a loss there, and so is a plural."
)
RARITY = (
    "Rarity is that of an object in the training of the built-in models, or elsewhere a word's rank in CLIP's vocabulary, a proxy for its "
    "frequency on the web."
)
NO_CONCEPTS = "the first caption names no concept"


def _survival(chain: ChainData, rarity: Rarity | None = None) -> Float[np.ndarray, " n"]:
    return survival.survival(chain.concepts, rarity) if chain.concepts else np.full(len(chain.rounds), nan)


def _invention(chain: ChainData) -> Float[np.ndarray, " n"]:
    return survival.invention(chain.concepts) if chain.concepts else np.full(len(chain.rounds), nan)


def _half_life(pair: PairData) -> float:
    curve = survival.survival_curves(chain.concepts for chain in pair.chains if chain.concepts).get("all")
    median = curve.median if curve else None
    return nan if median is None else median


def _of_rarity(rarity: Rarity, title: str) -> Measure:
    return Measure(
        f"survival_{rarity}",
        f"Survival of {title} concepts",
        f"Share of the {title} concepts of the first caption that round t's caption names.",
        "share",
        0,
        1,
        True,
        "this package",
        f"the first caption names no {title} concept, or it is not known how rare its concepts are",
        per_round=lambda chain: _survival(chain, rarity),
        limits=f"Of the first caption, not of the original: what was never said cannot be lost. {RARITY} {CONCEPTS}",
    )


ROWS = (
    Measure(
        "concept_survival",
        "Survival of concepts",
        "Share of the concepts of the first caption that round t's caption names; 1 at round 1.",
        "share",
        0,
        1,
        True,
        "this package",
        NO_CONCEPTS,
        per_round=_survival,
        limits=f"Of the first caption, not of the original: what was never said cannot be lost. What comes back counts again. {CONCEPTS}",
    ),
    _of_rarity("common", "common"),
    _of_rarity("middle", "less common"),
    _of_rarity("rare", "rare"),
    Measure(
        "invention",
        "Invention",
        "How many concepts round t's caption names that no caption of the chain named before.",
        "concepts",
        0,
        inf,
        None,
        "this package",
        "round 1, where every concept is the first",
        per_round=_invention,
        limits=f"Grows with the length of captions, and shrinks as a chain runs out of words. {CONCEPTS}",
    ),
    Measure(
        "resurrection_share",
        "Lost and found again",
        "Of the first caption's concepts that some round's caption leaves out, the share that a later one names again.",
        "share",
        0,
        1,
        None,
        "this package",
        "no concept was ever left out",
        per_chain=lambda chain: survival.resurrected_share(chain.concepts) if chain.concepts else nan,
        limits=f"Longer chains have more chances. A captioner that says one thing in several words seems to revive it. {CONCEPTS}",
    ),
    Measure(
        "concept_half_life",
        "Half-life of concepts",
        "Kaplan–Meier median: the round by which half of the concepts of a pair's first captions were left out for the first time.",
        "round",
        1,
        inf,
        True,
        "Kaplan and Meier 1958",
        "more than half outlast the chains, or the first captions name no concepts",
        per_pair=_half_life,
        limits=f"A first absence is a loss here even where the concept comes back. Concepts of one chain are not independent. {CONCEPTS}",
    ),
)
