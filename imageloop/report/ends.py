"""Where all chains go: their last pictures in two dimensions with the ways there, and the motifs that they come to."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import quote, urlencode

import numpy as np
from jaxtyping import Float

from imageloop.errors import RunError
from imageloop.measures import table as long
from imageloop.measures.basins import Motif, basins, motifs
from imageloop.measures.embeddings import Cache
from imageloop.records import Recipe, Round, pixel_hash
from imageloop.report.blocks import clipped
from imageloop.report.following import Followed
from imageloop.report.panels import is_control, pair_label, spread
from imageloop.report.words import shown

if TYPE_CHECKING:
    import pyarrow as pa

    from imageloop.store import RunFolder

STOPS = 16
"""Rounds on one way, at most."""
MOST_WAYS = 400
"""Chains on the map, at most: the first seeds and originals of every pair."""
MOST_MOTIFS = 12
WIDTH, HEIGHT, EDGE = 720, 460, 18


@dataclass(frozen=True, slots=True)
class Way:
    """One chain on the map, in the units of its view box."""

    chain: str
    """The name of the folder of its data."""
    label: str
    colour: int
    path: str
    start: tuple[float, float]
    end: tuple[float, float]


@dataclass(frozen=True, slots=True)
class Found:
    """A motif: chains whose last pictures are alike, by the most typical of them."""

    address: str
    """Where the page shows the most typical of its chains at its end."""
    picture: str | None
    caption: str
    count: int
    share: float
    originals: int
    words: tuple[str, ...]
    small: bool


@dataclass(frozen=True, slots=True)
class Ends:
    """The map and its motifs."""

    ways: tuple[Way, ...]
    pairs: tuple[str, ...]
    kept: float
    """Share of the spread of all points that the two dimensions show."""
    found: tuple[Found, ...]
    """Those of two chains or more, largest first."""
    all_found: int
    alone: int
    chains: int
    first: int | None
    """Groups among the same chains' first pictures; None where one of them is not known."""
    originals: tuple[int, int] | None
    """Groups among the originals, and how many those are; None where there are no two pictures among them."""
    width: int = WIDTH
    height: int = HEIGHT


@dataclass(frozen=True, slots=True)
class _Trip:
    chain: Followed
    rounds: tuple[Round, ...]
    vectors: Float[np.ndarray, "n d"]
    """The original's, where it is a picture, and those of the rounds on the way."""


def ends_of(run: RunFolder, table: pa.Table, chains: Sequence[Followed]) -> Ends | None:
    """The map of a run; None where fewer than three chains have an embedded last picture, or the embeddings are gone."""
    cache = _cache(run, table)
    trips = [] if cache is None else _trips(run, chains, cache)
    if len(trips) < 3:
        return None
    points, kept = flat(np.concatenate([trip.vectors for trip in trips]))
    scaled = _scaled(points)
    pairs = tuple(dict.fromkeys(pair_label(trip.chain.key.pair, trip.chain.key.arm) for trip in trips))
    ways, start = [], 0
    for trip in trips:
        own = scaled[start : start + len(trip.vectors)]
        start += len(trip.vectors)
        ways.append(_way(trip, own, pairs))
    last = np.stack([trip.vectors[-1] for trip in trips])
    known = motifs(last, [trip.rounds[-1].caption for trip in trips])
    several = [motif for motif in known if len(motif.members) > 1]
    found = tuple(_found(trips, motif) for motif in several[:MOST_MOTIFS])
    alone = len(known) - len(several)
    return Ends(tuple(ways), pairs, kept, found, len(known), alone, len(trips), _first_groups(trips), _original_groups(trips))


def _first_groups(trips: Sequence[_Trip]) -> int | None:
    if any(trip.rounds[0].round != 1 for trip in trips):
        return None
    return len(set(basins(np.stack([trip.vectors[-len(trip.rounds)] for trip in trips])).tolist()))


def _original_groups(trips: Sequence[_Trip]) -> tuple[int, int] | None:
    starts = {trip.chain.key.original: trip.vectors[0] for trip in trips if len(trip.vectors) > len(trip.rounds)}
    return (len(set(basins(np.stack(list(starts.values()))).tolist())), len(starts)) if len(starts) > 1 else None


def flat(vectors: Float[np.ndarray, "n d"]) -> tuple[Float[np.ndarray, "n 2"], float]:
    """The two directions in which the points spread most (principal components), and the share of the spread that they show, 0 to 1."""
    centred = vectors.astype(np.float64) - vectors.mean(axis=0, dtype=np.float64)
    _, sizes, directions = np.linalg.svd(centred, full_matrices=False)
    spread_ = sizes**2
    return centred @ directions[:2].T, float(spread_[:2].sum() / max(spread_.sum(), 1e-12))


def _cache(run: RunFolder, table: pa.Table) -> Cache | None:
    fields = long.recipes(table).get("embedder")
    return None if fields is None else Cache(run.path / "cache" / Recipe(**fields).hash)


def _trips(run: RunFolder, chains: Sequence[Followed], cache: Cache) -> list[_Trip]:
    own = [chain for chain in chains if not is_control(chain.key.arm) and chain.rounds]
    own = sorted(own, key=lambda chain: (chain.key.seed, chain.key.original, chain.key))[:MOST_WAYS]
    starts = _starts(run, {chain.key.original for chain in own}, cache)
    trips = []
    for chain in sorted(own, key=lambda chain: chain.key):
        rounds = run.rounds(chain.key)
        stops = [rounds[number - 1] for number in spread(len(rounds), STOPS)]
        seen = [(done, cache.vectors.get(done.picture.pixels)) for done in stops if done.picture]
        known = [(done, vector) for done, vector in seen if vector is not None]
        if not known or known[-1][0] is not stops[-1]:
            continue
        first = starts.get(chain.key.original)
        vectors = [vector for _, vector in known] if first is None else [first, *(vector for _, vector in known)]
        trips.append(_Trip(chain, tuple(done for done, _ in known), np.stack(vectors)))
    return trips


def _starts(run: RunFolder, names: set[str], cache: Cache) -> Mapping[str, Float[np.ndarray, " d"]]:
    found = {}
    try:
        originals = run.originals
    except RunError:  # the page says so where the original would be
        return {}
    for name in names:
        original = originals.get(name)
        vector = None if original is None or original.pixels is None else cache.vectors.get(pixel_hash(original.pixels))
        if vector is not None:
            found[name] = vector
    return found


def _scaled(points: Float[np.ndarray, "n 2"]) -> Float[np.ndarray, "n 2"]:
    low, high = points.min(axis=0), points.max(axis=0)
    factor = min((WIDTH - 2 * EDGE) / max(high[0] - low[0], 1e-9), (HEIGHT - 2 * EDGE) / max(high[1] - low[1], 1e-9))
    centre = (low + high) / 2
    placed: Float[np.ndarray, "n 2"] = (points - centre) * factor * np.array([1, -1]) + np.array([WIDTH, HEIGHT]) / 2
    return placed


def _way(trip: _Trip, points: Float[np.ndarray, "n 2"], pairs: Sequence[str]) -> Way:
    rounded = [(round(float(x), 1), round(float(y), 1)) for x, y in points]
    label = pair_label(trip.chain.key.pair, trip.chain.key.arm)
    path = "M" + "L".join(f"{x:g} {y:g}" for x, y in rounded)
    return Way(trip.chain.into.name, label, pairs.index(label) % 8, path, rounded[0], rounded[-1])


def _found(trips: Sequence[_Trip], motif: Motif) -> Found:
    trip = trips[motif.typical]
    picture, cell = trip.rounds[-1].picture, trip.chain.cell
    row = trip.chain.last or {}
    place = f"../chains/{quote(trip.chain.key.pair)}/{quote(trip.chain.folder.name)}/"
    file = f"{place}{row['file']}" if picture and row.get("file") else None
    originals = len({trips[member].chain.key.original for member in motif.members})
    caption = clipped(trip.rounds[-1].caption)
    words = tuple(word for word, _ in motif.words)
    name = shown(f"{trip.chain.folder.parent.name}/{trip.chain.folder.name}")
    address = "#" + urlencode({"chain": name, "t": trip.chain.rounds})
    return Found(address, file, caption, len(motif.members), motif.share, originals, words, bool(cell and cell.small))
