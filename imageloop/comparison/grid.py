"""Captioners against generators: the matrix of the compared measure, and the split of its variance."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from imageloop.comparison.entries import value_at
from imageloop.comparison.found import Entry, Matrix
from imageloop.comparison.groups import Chains, Group
from imageloop.measures.blame import Blame, blame


def matrix_of(entries: Sequence[Entry]) -> Matrix:
    """The value of each pair; captioners and generators by name."""
    captioners, generators = ({getattr(entry, role) for entry in entries} for role in ("captioner", "generator"))
    value = {(entry.captioner, entry.generator): entry.value for entry in entries}
    rows, columns = tuple(sorted(captioners)), tuple(sorted(generators))
    return Matrix(rows, columns, tuple(tuple(value.get((row, column)) for column in columns) for row in rows))


def split_of(groups: Sequence[Group], chains: Chains, measure: str, round: int) -> tuple[Blame | None, str | None]:
    """Who is to blame, or why that cannot be told. `chains` are common to all groups."""
    cells = {(captioner, generator): group for group in groups for captioner, _, generator in [group.pair.partition("+")]}
    captioners, generators = (sorted(set(side)) for side in zip(*cells, strict=True))
    missing = [f"{row}+{column}" for row in captioners for column in generators if (row, column) not in cells]
    if missing:
        return None, f"no split of the variance: it takes every captioner with every generator, and {missing[0]} was not run"
    seeds = _seeds(chains)
    counts = {len(own) for own in seeds.values()}
    if len(counts) > 1:
        return None, f"no split of the variance: not identifiable with {min(counts)} to {max(counts)} seeds an original"
    values = [[_values(cells[captioner, generator], seeds, chains, measure, round) for generator in generators] for captioner in captioners]
    found = blame(np.array(values)) if len(seeds) > 1 else None
    if found is None:
        return None, "no split of the variance: " + ("one original" if len(seeds) < 2 else "all chains have the same value")
    return found, None


def _seeds(chains: Chains) -> Mapping[str, list[int]]:
    found: dict[str, list[int]] = {}
    for original, seed in sorted(chains):
        found.setdefault(original, []).append(seed)
    return found


def _values(group: Group, seeds: Mapping[str, list[int]], chains: Chains, measure: str, round: int) -> list[list[float]]:
    value = value_at(group.values(measure), chains, round)
    return [[value[original, seed] for seed in own] for original, own in seeds.items()]
