"""Measures of facts of the sticker world against the truth, and of which half of the loop loses them."""

from collections.abc import Callable

import numpy as np
from jaxtyping import Float

from imageloop.measures import facts
from imageloop.measures.chains import ChainData
from imageloop.measures.concepts import Rarity
from imageloop.measures.definitions.row import NO_PICTURE, Measure
from imageloop.measures.facts import ChainFacts

OUTSIDE = "the original is no scene of the sticker world, or the generator is none of the built-in ones"
UNREAD = f"{OUTSIDE}, or no judge was asked, or {NO_PICTURE}"
WORLD = "Only in the built-in world, where captions parse back to facts and a judge that no chain uses reads the pictures"
KEPT_BY_CHANCE = (
    "Some is kept by chance: 64 % of scenes are in daylight, one in three has a given style. Read it beside the control chains, which "
    f"redraw the first caption. {WORLD}."
)
JUDGE = f"{WORLD}; it is right on drawn scenes in all but a fraction of a per cent, and untested on nonsense."
SOURCE = "scenes of imageloop.stickers"


def _of_facts(measure: Callable[[ChainFacts], Float[np.ndarray, " n"]]) -> Callable[[ChainData], Float[np.ndarray, " n"]]:
    return lambda chain: measure(chain.facts) if chain.facts else np.full(len(chain.rounds), np.nan)


def _share(
    name: str, title: str, meaning: str, undefined: str, limits: str, measure: Callable[[ChainFacts], Float[np.ndarray, " n"]]
) -> Measure:
    return Measure(name, title, meaning, "share", 0, 1, True, SOURCE, undefined, per_round=_of_facts(measure), limits=limits)


def _objects_of(rarity: Rarity, title: str) -> Measure:
    return _share(
        f"object_survival_{rarity}",
        f"{title} objects kept in the picture",
        f"Share of the original scene's objects from the {rarity} third, by frequency in training, that the judge sees in the picture.",
        f"the scene has no such object, or {UNREAD}",
        f"One to three objects a scene, so a chain's value is coarse: only means over originals say something. {JUDGE}",
        lambda chain: facts.kept_in_pictures(chain, rarity=rarity),
    )


def _lost(name: str, title: str, meaning: str, undefined: str, measure: Callable[[ChainFacts], Float[np.ndarray, " n"]]) -> Measure:
    limits = f"A fact that is lost can be regained later, so sums over rounds exceed what is gone at the end. {JUDGE}"
    return Measure(
        name, title, meaning, "facts", 0, len(facts.FACTS), False, SOURCE, undefined, per_round=_of_facts(measure), limits=limits
    )


NOT_SHOWN = f"no captioner was asked, or {UNREAD}"

ROWS = (
    _share(
        "fact_survival_picture",
        "Facts kept in the picture",
        "Share of the original scene's facts (objects, background, style, tint) that the judge reads in round t's picture.",
        UNREAD,
        KEPT_BY_CHANCE,
        facts.kept_in_pictures,
    ),
    _share(
        "fact_survival_caption",
        "Facts kept in the caption",
        "Share of the original scene's facts (objects, background, style, tint) that round t's caption states.",
        OUTSIDE,
        f"A caption in words the grammar does not know states nothing. {KEPT_BY_CHANCE}",
        lambda chain: facts.kept(chain.scene, chain.captions),
    ),
    _share(
        "object_survival_picture",
        "Objects kept in the picture",
        "Share of the original scene's objects that the judge sees anywhere in round t's picture.",
        UNREAD,
        JUDGE,
        lambda chain: facts.kept_in_pictures(chain, objects_only=True),
    ),
    _share(
        "object_survival_caption",
        "Objects kept in the caption",
        "Share of the original scene's objects that round t's caption names.",
        OUTSIDE,
        f"A caption in words the grammar does not know names nothing. {WORLD}.",
        lambda chain: facts.kept(chain.scene, chain.captions, objects_only=True),
    ),
    _objects_of("common", "Common"),
    _objects_of("middle", "Less common"),
    _objects_of("rare", "Rare"),
    Measure(
        "object_invention",
        "Objects that were never there",
        "How many objects the judge sees in round t's picture that the original scene has not.",
        "objects",
        0,
        len(facts.PLACES),
        False,
        SOURCE,
        UNREAD,
        per_round=_of_facts(facts.objects_invented),
        limits=JUDGE,
    ),
    _lost(
        "facts_lost_by_captioner",
        "Facts the captioner loses",
        "How many facts of the picture it was shown round t's caption leaves out, whether the original has them or not.",
        NOT_SHOWN,
        facts.lost_by_captioner,
    ),
    _lost(
        "facts_lost_by_generator",
        "Facts the generator loses",
        "How many facts of its prompt round t's picture leaves out, whether the original has them or not.",
        UNREAD,
        facts.lost_by_generator,
    ),
    _lost(
        "original_facts_lost_by_captioner",
        "The original's facts the captioner loses",
        "How many of the original scene's facts are in the picture the captioner was shown and not in round t's caption.",
        NOT_SHOWN,
        lambda chain: facts.lost_by_captioner(chain, of_scene=True),
    ),
    _lost(
        "original_facts_lost_by_generator",
        "The original's facts the generator loses",
        "How many of the original scene's facts are in round t's prompt and not in its picture.",
        UNREAD,
        lambda chain: facts.lost_by_generator(chain, of_scene=True),
    ),
)
