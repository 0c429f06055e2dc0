"""Facts of the sticker world kept and lost, against the original scene: pictures as the judge reads them, captions as parsed."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Int

from imageloop.measures.concepts import Rarity, fact_names
from imageloop.stickers.scenes import BACKGROUNDS, CENTRES, CONCEPTS, STYLES, TINTS, Scene, rarity_tercile

FACTS = (*CONCEPTS, *BACKGROUNDS, *STYLES, *TINTS)
"""Every fact there is; no two kinds share a name."""
OBJECTS = slice(0, len(CONCEPTS))
PLACES = tuple(CENTRES)
NOTHING = len(CONCEPTS)
LABELS = len(PLACES) + 3
"""Numbers in the label of a picture: the object at each place, or `NOTHING`, and its background, style and tint."""
_COLUMN = {fact: column for column, fact in enumerate(FACTS)}


@dataclass(frozen=True, slots=True)
class ChainFacts:
    """Which of `FACTS` the scene has that a chain starts from, and which each round sees, says, is told and draws."""

    scene: Scene
    seen: Bool[np.ndarray, "n f"]
    """In the picture that the captioner was shown."""
    seen_known: Bool[np.ndarray, " n"]
    captions: Bool[np.ndarray, "n f"]
    prompts: Bool[np.ndarray, "n f"]
    """In what the generator was given: the caption, unless an arm changed it."""
    pictures: Bool[np.ndarray, "n f"]
    pictures_known: Bool[np.ndarray, " n"]
    """Whether the judge has read `x_t`; what it has not read shows no facts."""
    places: Int[np.ndarray, "n p"]
    """The object at each of `PLACES` in `x_t`, as its place in `CONCEPTS`; `NOTHING` too where the picture was not read."""


def facts_of(scene: Scene) -> Bool[np.ndarray, " f"]:
    """Which of `FACTS` a scene has."""
    return facts_named({*scene.objects, scene.background, scene.style, scene.tint})


def facts_said(captions: Sequence[str]) -> Bool[np.ndarray, "n f"]:
    """Which of `FACTS` each caption states."""
    rows = {caption: facts_named(fact_names(caption)) for caption in dict.fromkeys(captions)}
    return np.array([rows[caption] for caption in captions], dtype=bool).reshape(len(captions), len(FACTS))


def facts_named(names: Iterable[str]) -> Bool[np.ndarray, " f"]:
    row = np.zeros(len(FACTS), dtype=bool)
    row[[_COLUMN[name] for name in names]] = True
    return row


def facts_read(labels: Float[np.ndarray, "n l"]) -> Bool[np.ndarray, "n f"]:
    """Which of `FACTS` pictures show, by their labels; none where the label is NaN."""
    rows = np.zeros((len(labels), len(FACTS)), dtype=bool)
    known = np.flatnonzero(np.isfinite(labels).all(axis=1))
    numbers = labels[known].astype(np.int64)
    for place in range(len(PLACES)):
        holds = numbers[:, place] != NOTHING
        rows[known[holds], numbers[holds, place]] = True
    for column, kind in zip(numbers[:, len(PLACES) :].T, (BACKGROUNDS, STYLES, TINTS), strict=True):
        rows[known, _COLUMN[kind[0]] + column] = True
    return rows


def kept(
    scene: Scene, shown: Bool[np.ndarray, "n f"], *, objects_only: bool = False, rarity: Rarity | None = None
) -> Float[np.ndarray, " n"]:
    """Share of the scene's facts that each row has, 0 to 1; of its objects only, or of those of one rarity. NaN where it has no such."""
    wanted = facts_of(scene)
    if objects_only or rarity is not None:
        wanted = facts_named(name for name in scene.objects if rarity is None or rarity_tercile(name) == rarity)
    if not wanted.any():
        return np.full(len(shown), np.nan)
    shares: Float[np.ndarray, " n"] = shown[:, wanted].mean(axis=1)
    return shares


def kept_in_pictures(facts: ChainFacts, *, objects_only: bool = False, rarity: Rarity | None = None) -> Float[np.ndarray, " n"]:
    """`kept` of `x_1 … x_n`; NaN where a picture was not read."""
    return np.where(facts.pictures_known, kept(facts.scene, facts.pictures, objects_only=objects_only, rarity=rarity), np.nan)


def objects_invented(facts: ChainFacts) -> Float[np.ndarray, " n"]:
    """How many objects the judge sees in `x_t` that the scene has not; NaN where a picture was not read."""
    invented = facts.pictures[:, OBJECTS] & ~facts_of(facts.scene)[OBJECTS]
    return np.where(facts.pictures_known, invented.sum(axis=1, dtype=np.float64), np.nan)


def lost_by_captioner(facts: ChainFacts, *, of_scene: bool = False) -> Float[np.ndarray, " n"]:
    """How many facts of the picture it was shown each round's caption leaves out; `of_scene`: only those the original scene has.

    NaN where no captioner was asked or the judge has not read what it was shown.
    """
    return _lost(facts, facts.seen, facts.captions, facts.seen_known, of_scene)


def lost_by_generator(facts: ChainFacts, *, of_scene: bool = False) -> Float[np.ndarray, " n"]:
    """How many facts of its prompt each round's picture leaves out; `of_scene`: only the original scene's. NaN if it was not read."""
    return _lost(facts, facts.prompts, facts.pictures, facts.pictures_known, of_scene)


def _lost(
    facts: ChainFacts, before: Bool[np.ndarray, "n f"], after: Bool[np.ndarray, "n f"], known: Bool[np.ndarray, " n"], of_scene: bool
) -> Float[np.ndarray, " n"]:
    lost = before & ~after
    counts = lost[:, facts_of(facts.scene)] if of_scene else lost
    return np.where(known, counts.sum(axis=1, dtype=np.float64), np.nan)


def confusions(chains: Iterable[ChainFacts], round: int | None = None) -> Counter[tuple[str, str | None]]:
    """What became of objects that are lost: (the original's object, the object now at its place), None for nothing there; how often.

    In `x_t` of a round, or of each chain's last round that the judge has read. An object counts as kept wherever in the picture it is.
    """
    table: Counter[tuple[str, str | None]] = Counter()
    for facts in chains:
        rows = np.flatnonzero(facts.pictures_known)
        rows = rows if round is None else rows[rows == round - 1]
        if not rows.size:
            continue
        row = rows[-1]
        for name, place in zip(facts.scene.objects, facts.scene.places, strict=True):
            if not facts.pictures[row, _COLUMN[name]]:
                now = int(facts.places[row, PLACES.index(place)])
                table[name, None if now == NOTHING else CONCEPTS[now]] += 1
    return table
