"""A measure over rounds, for one pair: the mean over originals with its interval, and every chain by itself."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import Float

from imageloop.measures import table as long
from imageloop.measures.statistics import Estimate, intervals

if TYPE_CHECKING:
    import pyarrow as pa

ChainValues = Mapping[tuple[str, int], Mapping[int, float]]
"""(original, seed) → round → value."""


@dataclass(frozen=True, slots=True)
class Curve:
    """`means[i]` is the estimate at `rounds[i]`; rounds where nothing is defined are left out."""

    rounds: tuple[int, ...]
    means: tuple[Estimate, ...]
    chains: ChainValues


def curve(table: pa.Table, pair: str, arm: str, measure: str, rounds: Sequence[int] | None = None) -> Curve:
    """A per-round measure of one pair and arm at the rounds given, or at all. Empty where it has no values."""
    return of_chains(long.by_chain(long.select(table, pair=pair, arm=arm, measure=measure)), rounds)


def of_chains(chains: ChainValues, rounds: Sequence[int] | None = None, *, resample: bool = True) -> Curve:
    """The curve of these chains: at each round, over the originals of the chains that have a value there; `resample` makes intervals."""
    wanted = None if rounds is None else set(rounds)
    numbers = sorted({number for values in chains.values() for number in values if wanted is None or number in wanted})
    at: dict[int, Estimate] = {}
    for same in _by_members(chains, numbers):
        at.update(zip(same, intervals(_means(chains, same), resample=resample), strict=True))
    return Curve(tuple(numbers), tuple(at[number] for number in numbers), chains)


def _by_members(chains: ChainValues, numbers: Sequence[int]) -> list[list[int]]:
    """The rounds, grouped by which chains have a value there, so that each group is resampled in one go."""
    grouped: dict[tuple[tuple[str, int], ...], list[int]] = {}
    for number in numbers:
        grouped.setdefault(tuple(name for name, values in chains.items() if number in values), []).append(number)
    return list(grouped.values())


def _means(chains: ChainValues, numbers: Sequence[int]) -> Float[np.ndarray, "originals rounds"]:
    rows: dict[str, list[list[float]]] = {}
    for (original, _), values in sorted(chains.items()):
        if numbers[0] in values:
            rows.setdefault(original, []).append([values[number] for number in numbers])
    return np.array([np.mean(of_one, axis=0) for of_one in rows.values()])
