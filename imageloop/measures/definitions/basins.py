"""Measures of where the chains of a pair end, each beside what the same clustering says where nothing is attracted."""

from math import inf, isnan, nan

import numpy as np
from jaxtyping import Int

from imageloop.measures.basins import BASIN, basins, commitment_rounds, count, largest_share
from imageloop.measures.chains import PairData
from imageloop.measures.definitions.row import FROM_TEXT, NO_PICTURE, Measure

LINKAGE = "Sokal and Michener 1958, average linkage by scipy"
FEW = f"fewer than two chains, or {NO_PICTURE}"
LIMITS = (
    f"Basins end where the mean cosine falls below {BASIN}, whatever the embedder. Read it beside the number among the originals, the "
    "first pictures and one caption redrawn. It grows with the number of chains; seeds of one original count too."
)
NULL_LIMITS = "As for basins; it can be no more than the number of pictures that are grouped."


def _last_common(pair: PairData) -> int:
    return min(len(chain.rounds) for chain in pair.chains)


def _final(pair: PairData) -> Int[np.ndarray, " n"]:
    last = _last_common(pair)
    return basins(np.stack([chain.images[last - 1] for chain in pair.chains]))


def _first(pair: PairData) -> Int[np.ndarray, " n"]:
    return basins(np.stack([chain.images[0] for chain in pair.chains]))


def _originals(pair: PairData) -> Int[np.ndarray, " n"]:
    different = {key.original: chain.original_image for key, chain in zip(pair.keys, pair.chains, strict=True)}
    return basins(np.stack(list(different.values())))


def _redrawn(pair: PairData) -> float:
    counts = [found for floor in pair.floors if not isnan(found := count(basins(floor.images)))]
    return float(np.mean(counts)) if counts else nan


def _commitment(pair: PairData) -> float:
    last = _last_common(pair)
    rounds = [found for found in commitment_rounds([chain.images[:last] for chain in pair.chains]) if not isnan(found)]
    return float(np.mean(rounds)) if rounds else nan


ROWS = (
    Measure(
        "basins",
        "Basins",
        f"How many groups a pair's last pictures fall into, by average linkage with a mean cosine of {BASIN} or more within; at the last "
        "round all chains have.",
        "basins",
        1,
        inf,
        None,
        LINKAGE,
        FEW,
        per_pair=lambda pair: count(_final(pair)),
        limits=LIMITS,
    ),
    Measure(
        "largest_basin_share",
        "Share in the largest basin",
        "Share of a pair's chains that end in the most visited basin: 1 when all end alike.",
        "share",
        0,
        1,
        None,
        LINKAGE,
        FEW,
        per_pair=lambda pair: largest_share(_final(pair)),
        limits=LIMITS,
    ),
    Measure(
        "commitment_round",
        "Commitment",
        "Mean over a pair's chains of the round from which on a chain stays in the basin it ends in.",
        "round",
        1,
        inf,
        None,
        "this package",
        NO_PICTURE,
        per_pair=_commitment,
        limits="A chain that still drifts is committed only at its end, so more rounds move it. A chain alone in its basin is committed "
        "from where it stays near its own last picture.",
    ),
    Measure(
        "basins_of_originals",
        "Basins of the originals",
        "Null: how many groups the same clustering finds among the originals, each counted once.",
        "basins",
        1,
        inf,
        None,
        LINKAGE,
        f"fewer than two originals, or {FROM_TEXT}",
        per_pair=lambda pair: count(_originals(pair)),
        limits=NULL_LIMITS,
    ),
    Measure(
        "basins_of_random_captions",
        "Basins of the first pictures",
        "Null: how many groups the same clustering finds among the same chains' first pictures, whose captions no loop has made alike.",
        "basins",
        1,
        inf,
        None,
        LINKAGE,
        FEW,
        per_pair=lambda pair: count(_first(pair)),
        limits=NULL_LIMITS,
    ),
    Measure(
        "largest_basin_share_of_random_captions",
        "Share in the first pictures' largest basin",
        "Null: the largest group's share of the same chains' first pictures.",
        "share",
        0,
        1,
        None,
        LINKAGE,
        FEW,
        per_pair=lambda pair: largest_share(_first(pair)),
        limits=NULL_LIMITS,
    ),
    Measure(
        "basins_of_fixed_caption",
        "Basins of one caption",
        "Null: how many groups the same clustering finds among pictures of one caption, on average over the control chains: above "
        "1 where the noise alone makes basins.",
        "basins",
        1,
        inf,
        None,
        LINKAGE,
        "the run has no control chains that draw one caption again and again, or their pictures are missing",
        per_pair=_redrawn,
        limits=NULL_LIMITS,
    ),
)
