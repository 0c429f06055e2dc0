"""How many different things several captions of one picture say: their entropy over groups that mean the same, in nats."""

from collections import Counter
from collections.abc import Hashable, Sequence

import numpy as np
from jaxtyping import Float

from imageloop.measures.entropy import entropy
from imageloop.stickers.captions import parse

ALIKE = 0.95
"""The least cosine between the embeddings of two captions that count as one meaning.

By the built-in embedder 98 of 100 pairs of captions of one scene reach it, and 1 of 100 pairs whose scenes differ in one fact.
"""


def cluster_entropy(clusters: Sequence[Hashable]) -> float:
    """Shannon entropy in nats, 0 to ln n, of which cluster each item is in, every item with the same weight. NaN below two items."""
    if len(clusters) < 2:
        return float("nan")
    return entropy(np.array(list(Counter(clusters).values()))) * float(np.log(2))


def clusters_of(rows: Float[np.ndarray, "n d"], alike: float = ALIKE) -> list[int]:
    """The cluster of each unit row: the first one in which its cosine with every member so far is at least `alike`, else a new one."""
    cosines = rows.astype(np.float64) @ rows.astype(np.float64).T
    members: list[list[int]] = []
    found = []
    for item in range(len(rows)):
        place = next((place for place, cluster in enumerate(members) if (cosines[item, cluster] >= alike).all()), len(members))
        if place == len(members):
            members.append([])
        members[place].append(item)
        found.append(place)
    return found


def semantic_entropy(rows: Float[np.ndarray, "n d"]) -> float:
    """Entropy in nats over the clusters that captions' unit embeddings fall into, 0 to ln n. NaN below two, and where one is missing.

    After Kuhn et al. 2023, "Semantic uncertainty", and the discrete form of Farquhar et al. 2024 (Nature 630), with one difference: they
    ask a language model whether two texts imply each other, here their embeddings must be alike.
    """
    if len(rows) < 2 or not np.isfinite(rows).all():
        return float("nan")
    return cluster_entropy(clusters_of(rows))


def fact_entropy(captions: Sequence[str]) -> float:
    """Entropy in nats over which facts of the sticker world captions name, in any order and wording, 0 to ln n.

    NaN below two captions, and where one of them names no whole scene.
    """
    facts = [parse(caption) for caption in captions]
    if any(fact.scene() is None for fact in facts):
        return float("nan")
    return cluster_entropy([(frozenset(fact.objects), fact.background, fact.style, fact.tint) for fact in facts])
