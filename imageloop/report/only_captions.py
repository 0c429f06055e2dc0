"""What a page says first of a run whose captions alone are known: what they kept of the first ones."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from imageloop.measures import Estimate
from imageloop.measures import table as long
from imageloop.measures.curves import of_chains
from imageloop.report.following import Followed
from imageloop.report.words import plural

if TYPE_CHECKING:
    import pyarrow as pa


def of_captions(table: pa.Table | None, chains: Sequence[Followed]) -> list[str] | None:
    """The first line and the sentences under it; None where some chain has a picture. `chains`: all but the controls."""
    begun = [chain for chain in chains if chain.rounds]
    if not begun or not all(chain.words_only for chain in begun):
        return None
    last = max(chain.rounds for chain in begun)
    if table is None:
        return [f"{last} {plural(last, 'round')} of captions, not measured yet."]
    kept, near = _at_the_end(table, "concept_survival"), _at_the_end(table, "text_to_caption_similarity")
    said = []
    if kept is not None and last > 1:
        said.append(f"Through {last} rounds the captions kept {_share(kept)} of what the first ones named.")
    if near is not None:
        said.append(f"The last captions' similarity to the texts that the chains start from is {near.mean:.2f} (1 would be the very text).")
    first = [] if said else [f"{last} {plural(last, 'round')} of captions."]
    return [*said, *first, "Only the captions are known here, not the pictures between them."]


def _at_the_end(table: pa.Table, measure: str) -> Estimate | None:
    """The mean over originals of a measure at each chain's own last round; None where it has no value."""
    own = long.select(table, measure=measure)
    values = [found for pair, arm in long.groups(own) for found in long.by_chain(long.select(own, pair=pair, arm=arm)).items()]
    ends = {(original, place): {1: rounds[max(rounds)]} for place, ((original, _), rounds) in enumerate(values)}
    means = of_chains(ends, resample=False).means
    return means[0] if means else None


def _share(kept: Estimate) -> str:
    return "nothing" if kept.mean == 0 else f"{kept.mean:.0%}"
