"""Where chains end: basins of likeness, when a chain was in its last one for good, and what is typical of each.

Chains' last pictures are grouped by average linkage until no two groups have a mean cosine of `BASIN` or more. The threshold belongs to no
embedder in particular, so a number of basins is read beside those of the originals, of the first pictures, and of one caption redrawn.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Int
from scipy.cluster.hierarchy import fcluster, linkage

from imageloop.measures.concepts import content_words

BASIN = 0.85
"""Mean cosine between two groups of pictures from which on they are one basin."""
WORDS = 5
"""Words told of a motif, at most."""


@dataclass(frozen=True, slots=True)
class Motif:
    """One basin: which chains end there, the one most alike to all the others, and the words their captions have more of."""

    members: tuple[int, ...]
    typical: int
    share: float
    words: tuple[tuple[str, float], ...]
    """With the z-score of each; no scores but counts where there is only one motif to speak of."""


def basins(vectors: Float[np.ndarray, "n d"], least: float = BASIN) -> Int[np.ndarray, " n"]:
    """For each unit row the number of its basin, from 0, the largest first; −1 for a row of NaN.

    Average linkage (Sokal & Michener 1958) of 1 − cosine, by scipy, cut at 1 − `least`.
    """
    ids = np.full(len(vectors), -1, dtype=np.int64)
    whole = np.flatnonzero(np.isfinite(vectors).all(axis=1))
    if len(whole) < 2:
        ids[whole] = 0
        return ids
    # Rounding would leave equal rows a distance below 0.
    apart = np.clip(1 - vectors[whole].astype(np.float64) @ vectors[whole].T.astype(np.float64), 0, 2)
    raw = fcluster(linkage(apart[np.triu_indices(len(whole), 1)], "average"), 1 - least, "distance")
    sizes = Counter(raw.tolist())
    ordered = sorted(sizes, key=lambda name: (-sizes[name], int(np.argmax(raw == name))))
    ids[whole] = [ordered.index(name) for name in raw.tolist()]
    return ids


def count(ids: Int[np.ndarray, " n"]) -> float:
    """The number of basins; NaN where fewer than two pictures are known."""
    return float(ids.max() + 1) if (ids >= 0).sum() > 1 else float("nan")


def largest_share(ids: Int[np.ndarray, " n"]) -> float:
    """Share of the known pictures that are in the largest basin, 1/n to 1; NaN where fewer than two are known."""
    known = ids >= 0
    return float((ids[known] == 0).mean()) if known.sum() > 1 else float("nan")


def commitment_rounds(paths: Sequence[Float[np.ndarray, "t d"]], least: float = BASIN) -> list[float]:
    """For each chain (`x_1 … x_n`, unit rows) the round from which on it stays in the basin of its last picture; NaN without that one.

    A picture is in the basin whose mean direction is nearest, provided its cosine with it is `least` or more. A picture that is missing is
    passed over. The last picture counts as in its own basin.
    """
    last = [path[-1] if len(path) else np.empty(0) for path in paths]
    if not paths or not all(len(vector) for vector in last):
        raise ValueError("every chain needs a picture")
    ids = basins(np.stack(last), least)
    if ids.max() < 0:
        return [float("nan")] * len(paths)
    centres = np.stack([_unit(np.stack(last)[ids == number].mean(axis=0, dtype=np.float64)) for number in range(ids.max() + 1)])
    return [_committed(path, centres, int(own), least) if own >= 0 else float("nan") for path, own in zip(paths, ids, strict=True)]


def _committed(path: Float[np.ndarray, "t d"], centres: Float[np.ndarray, "k d"], own: int, least: float) -> float:
    cosines = path.astype(np.float64) @ centres.T
    known = np.isfinite(cosines).all(axis=1)
    inside = (cosines[:, own] >= least) & (cosines[:, own] >= cosines.max(axis=1))
    outside = np.flatnonzero(known[:-1] & ~inside[:-1])
    return float(outside[-1] + 2) if outside.size else 1.0


def motifs(vectors: Float[np.ndarray, "n d"], captions: Sequence[str], least: float = BASIN) -> list[Motif]:
    """The basins of n pictures with their captions, largest first; a picture without an embedding is in none."""
    ids = basins(vectors, least)
    known = np.flatnonzero(ids >= 0)
    said = [captions[place] for place in known.tolist()]
    found = []
    for number in range(ids.max(initial=-1) + 1):
        members = np.flatnonzero(ids == number)
        own = vectors[members].astype(np.float64)
        typical = members[int(np.argmax((own @ own.T).sum(axis=1)))]
        words = telling_words(said, ids[known] == number)
        found.append(Motif(tuple(members.tolist()), int(typical), len(members) / len(known), words))
    return found


def telling_words(captions: Sequence[str], inside: Bool[np.ndarray, " n"], most: int = WORDS) -> tuple[tuple[str, float], ...]:
    """The words that captions inside say more often than those outside, most telling first, with z of their log-odds ratio (z > 0 only).

    Stop words apart, each word counts once a caption. The prior is the words of all captions (Monroe, Colaresi & Quinn 2008, "Fightin'
    words", equations 15, 16, 22). Where all captions are inside, there is nothing to compare with: the most frequent words, with counts.
    """
    within = Counter(word for caption, take in zip(captions, inside, strict=True) if take for word in sorted(content_words(caption)))
    if inside.all():
        return tuple((word, float(number)) for word, number in sorted(within.items(), key=lambda row: (-row[1], row[0]))[:most])
    without = Counter(word for caption, take in zip(captions, inside, strict=True) if not take for word in sorted(content_words(caption)))
    prior = within + without
    scores = {word: _log_odds(within[word], within.total(), without[word], without.total(), prior[word], prior.total()) for word in within}
    ranked = sorted(((word, score) for word, score in scores.items() if score > 0), key=lambda row: (-row[1], row[0]))
    return tuple(ranked[:most])


def _log_odds(one: int, ones: int, other: int, others: int, prior: int, priors: int) -> float:
    """z of the log-odds ratio of a word said `one` times in `ones` words here and `other` times in `others` there."""
    rest_here, rest_there = ones + priors - one - prior, others + priors - other - prior
    if not rest_here or not rest_there:
        return 0.0  # there is but this one word
    difference = np.log((one + prior) / rest_here) - np.log((other + prior) / rest_there)
    return float(difference / np.sqrt(1 / (one + prior) + 1 / (other + prior)))


def _unit(vector: Float[np.ndarray, " d"]) -> Float[np.ndarray, " d"]:
    return vector / max(float(np.linalg.norm(vector)), 1e-12)
