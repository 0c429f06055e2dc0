"""What a run's measures say of each pair: numbers with intervals, and one sentence made from them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from imageloop.interventions import FLOOR
from imageloop.measures import table as long
from imageloop.measures.curves import ChainValues, of_chains
from imageloop.measures.statistics import Estimate
from imageloop.measures.verdict import verdict

if TYPE_CHECKING:
    import pyarrow as pa

CHANCE_OF = {"clip_image_similarity": "chance_image_similarity", "text_to_image_similarity": "chance_text_to_image_similarity"}
"""Closeness to the original, for chains that start from a picture and from a text, each with its chance level."""
FLOOR_OF = {"clip_image_similarity": "floor_image_similarity", "text_to_image_similarity": "floor_text_to_image_similarity"}
NORMALISED_OF = {"clip_image_similarity": "normalised_retention", "text_to_image_similarity": "normalised_text_retention"}
CONTROLS = (FLOOR,)
"""Arms whose chains calibrate the others, and are compared with none."""


@dataclass(frozen=True, slots=True)
class PairSummary:
    """One pair under one arm, at the last round that all of its chains have reached. What is undefined is None."""

    pair: str
    arm: str
    chains: int
    originals: int
    rounds: int
    measure: str | None
    """Which measure `similarity` is; None where nothing was embedded. A pair that has both kinds of original has two summaries."""
    similarity: Estimate | None
    hop_1_loss: Estimate | None
    """One minus the similarity after round 1; None for chains that start from a text."""
    windowed_jsd: Estimate | None
    truncated_share: Estimate | None
    chance: Estimate | None
    verdict: str
    floor: Estimate | None = None
    """What the same measure reads where nothing is lost but by one description and one drawing; None without that control."""
    normalised: Estimate | None = None
    """Where the similarity lies between chance (0) and floor (1); None without the control, or where the two are too close."""


def summary(table: pa.Table) -> list[PairSummary]:
    """One summary for each pair and arm that is no control (two where it has originals of both kinds), sorted by name."""
    found = []
    for pair, arm in long.groups(table):
        if arm in CONTROLS:
            continue
        own = long.select(table, pair=pair, arm=arm)
        measures = [name for name in CHANCE_OF if len(long.select(own, measure=name))]
        found += [_similar(own, pair, arm, measure) for measure in measures] or [_unseen(own, pair, arm)]
    return found


def _similar(own: pa.Table, pair: str, arm: str, measure: str) -> PairSummary:
    chains = _values(own, measure)
    last = min(max(values) for values in chains.values())
    first = _at(chains, 1) if measure == "clip_image_similarity" else None
    chance = _at(_among(_values(own, CHANCE_OF[measure]), chains), last)
    start = 1.0 if measure == "clip_image_similarity" else None
    line = [estimate.mean for estimate in of_chains(chains, range(1, last + 1), resample=False).means]
    return PairSummary(
        pair,
        arm,
        len(chains),
        len({original for original, _ in chains}),
        last,
        measure,
        _at(chains, last),
        _lost(first) if first else None,
        _at(_among(_values(own, "windowed_caption_jsd"), chains), last),
        _at(_among(_values(own, "truncated_share"), chains), long.WHOLE_CHAIN),
        chance,
        verdict(line, start, chance.mean if chance else None),
        _at(_among(_values(own, FLOOR_OF[measure]), chains), long.WHOLE_CHAIN),
        _at(_among(_values(own, NORMALISED_OF[measure]), chains), last),
    )


def _unseen(own: pa.Table, pair: str, arm: str) -> PairSummary:
    """The summary of chains no picture of which could be embedded: what their captions alone say."""
    cut = _values(own, "truncated_share")
    reached = _values(own, "word_entropy")
    last = min((max(values) for values in reached.values()), default=0)
    change, share = _at(_values(own, "windowed_caption_jsd"), last), _at(cut, long.WHOLE_CHAIN)
    chains = {*cut, *reached}
    originals = {original for original, _ in chains}
    return PairSummary(pair, arm, len(chains), len(originals), last, None, None, None, change, share, None, verdict([], None, None))


def _values(own: pa.Table, measure: str) -> ChainValues:
    return long.by_chain(long.select(own, measure=measure))


def _among(values: ChainValues, chains: ChainValues) -> ChainValues:
    return {name: of_chain for name, of_chain in values.items() if name in chains}


def _at(chains: ChainValues, number: int) -> Estimate | None:
    found = of_chains(chains, [number]).means
    return found[0] if found else None


def _lost(kept: Estimate) -> Estimate:
    low, high = (None if bound is None else 1 - bound for bound in (kept.high, kept.low))
    return Estimate(1 - kept.mean, low, high, kept.n)
