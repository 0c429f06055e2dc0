"""Measures of all chains of a line together, with every original left out once: from the rounds on disk and the run's embeddings."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import isnan, nan
from pathlib import Path

import numpy as np
from jaxtyping import Int
from numpy.typing import NDArray

from imageloop.comparison.groups import Part, Rival
from imageloop.interventions import FLOOR
from imageloop.measures import MEASURES, Measure
from imageloop.measures.chains import ChainData, PairData, Population
from imageloop.measures.embeddings import kept_vectors
from imageloop.measures.gathering import Models, gather
from imageloop.measures.kept import KeptEmbedder, NotKept
from imageloop.measures.leave_one_out import JUMPS, LeftOut, leave_one_out
from imageloop.measures.table import WHOLE_CHAIN
from imageloop.records import ChainKey, Recipe

Vectors = Mapping[str, NDArray[np.float32]]
"""Embeddings by the hash of their picture."""
Chained = Mapping[ChainKey, ChainData]
Places = Int[np.ndarray, " k"]


def at_the_round(rivals: Sequence[Rival], measures: Sequence[str]) -> dict[str, dict[str, LeftOut]]:
    """Measure → label → a measure of all chains at the compared round, with originals left out; a line without a value is not in it.

    Where the run's embeddings are gone it is the value that was measured, for lines all of whose chains are compared, and what it is
    without an original is unknown.
    """
    vectors = _vectors(rivals)
    people = {rival.label: _population(rival, vectors) for rival in rivals if len(rival.records.turns) == len(rival.chains)}
    return {name: _found(rivals, name, {label: _of_one_round(MEASURES[name], *own) for label, own in people.items()}) for name in measures}


def over_all_rounds(rivals: Sequence[Rival], measure: str) -> dict[str, LeftOut]:
    """The same for a measure of all chains over all of their rounds; one that jumps is the value that was measured."""
    return _found(rivals, measure, {} if measure in JUMPS else _of_pairs(rivals, MEASURES[measure]))


def _found(rivals: Sequence[Rival], measure: str, made: Mapping[str, LeftOut]) -> dict[str, LeftOut]:
    found = {}
    for rival in rivals:
        one = made.get(rival.label)
        if one is None or isnan(one.whole):
            one = _as_measured(rival, measure)
        if one is not None:
            found[rival.label] = one
    return found


def _as_measured(rival: Rival, measure: str) -> LeftOut | None:
    value = rival.group.together(measure, WHOLE_CHAIN if MEASURES[measure].per_pair else rival.last) if rival.whole else None
    if value is None:
        return None
    originals = [original for original, _ in rival.chains]
    return LeftOut(value, dict.fromkeys(originals, nan), {name: originals.count(name) for name in originals})


def _population(rival: Rival, vectors: Mapping[Path, Vectors]) -> tuple[list[str], Population]:
    """The chains of a line at the compared round, in the order of their keys, each with its original."""
    members = [(chain[0], *rival.records.turns[chain]) for chain in sorted(rival.chains)]
    own = [None if turn.picture is None else vectors[part.run.path].get(turn.picture.pixels) for _, part, turn in members]
    width = max((len(vector) for vector in own if vector is not None), default=1)
    images = [np.full(width, nan, np.float32) if vector is None else vector for vector in own]
    captions = tuple(turn.caption for _, _, turn in members)
    return [original for original, _, _ in members], Population(captions, np.array(images, np.float32).reshape(len(images), width))


def _of_one_round(measure: Measure, originals: Sequence[str], people: Population) -> LeftOut:
    def value(places: Places) -> float:
        assert measure.per_population is not None
        return measure.per_population(Population(tuple(people.captions[place] for place in places), people.images[places]))

    return leave_one_out(originals, value)


def _vectors(rivals: Sequence[Rival]) -> dict[Path, Vectors]:
    """What the embedder of the measures made of the pictures of the compared round, by the run's folder."""
    wanted: dict[Path, set[str]] = {}
    parts: dict[Path, Part] = {}
    for rival in rivals:
        for part, turn in rival.records.turns.values():
            parts[part.run.path] = part
            wanted.setdefault(part.run.path, set()).update([turn.picture.pixels] if turn.picture else [])
    return {
        path: kept_vectors(path / "cache" / recipe.hash, wanted[path]) if (recipe := _recipe(part)) else {} for path, part in parts.items()
    }


def _recipe(part: Part, of: str = "embedder") -> Recipe | None:
    """That of a model which measured the run, where the table tells the whole of it."""
    try:
        return Recipe(**part.recipes[of])
    except (KeyError, TypeError):
        return None


def _of_pairs(rivals: Sequence[Rival], measure: Measure) -> dict[str, LeftOut]:
    """All rounds are read again, and nothing is embedded: without a run's cache, no line of that run is in it."""
    parts = {part.run.path: part for rival in rivals for part in rival.group.parts}
    data = {path: _gathered(part) for path, part in parts.items()}
    own = {rival.label: _members(rival, data) for rival in rivals}
    return {rival.label: _of_one_pair(measure, *own[rival.label]) for rival in rivals if len(own[rival.label][0]) == len(rival.chains)}


def _gathered(part: Part) -> dict[ChainKey, ChainData]:
    embedder, eye, sentences = (
        None if recipe is None else KeptEmbedder(recipe) for recipe in (_recipe(part, of) for of in ("embedder", "eye", "text-embedder"))
    )
    try:
        return gather(part.run, Models(embedder, eye, sentences)) if embedder else {}
    except NotKept:
        return {}


def _members(rival: Rival, data: Mapping[Path, Chained]) -> tuple[Chained, Chained]:
    """The compared chains of a line, and the noise-floor chains of its pair, both in the order of their keys."""
    found: dict[ChainKey, ChainData] = {}
    for part in reversed(rival.group.parts):
        found.update({key: chain for key, chain in data[part.run.path].items() if key.pair == rival.group.pair})
    every = {key: found[key] for key in sorted(found)}
    own = {key: chain for key, chain in every.items() if key.arm == rival.group.arm and (key.original, key.seed) in rival.chains}
    return own, {key: chain for key, chain in every.items() if key.arm == FLOOR}


def _of_one_pair(measure: Measure, own: Chained, floors: Chained) -> LeftOut:
    keys, chains = list(own), list(own.values())

    def value(places: Places) -> float:
        assert measure.per_pair is not None
        left = {keys[place].original for place in places}
        redrawn = tuple(chain for key, chain in floors.items() if key.original in left)
        return measure.per_pair(PairData(tuple(keys[place] for place in places), tuple(chains[place] for place in places), redrawn))

    return leave_one_out([key.original for key in keys], value)
