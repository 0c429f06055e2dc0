"""Captioners × generators: what is left of the original at the end of each pair's chains, as a heat map."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from imageloop.measures import MEASURES, Estimate, PairSummary

STEPS = 8
"""Shades of the heat map."""


@dataclass(frozen=True, slots=True)
class Cell:
    generator: str
    similarity: Estimate
    heat: int
    """0, the least of the matrix, to `STEPS` − 1, the greatest."""


@dataclass(frozen=True, slots=True)
class Row:
    captioner: str
    cells: tuple[Cell | None, ...]


@dataclass(frozen=True, slots=True)
class Matrix:
    title: str
    generators: tuple[str, ...]
    rows: tuple[Row, ...]


def matrix_of(summaries: Sequence[PairSummary]) -> Matrix | None:
    """The matrix of the plain loop; None below two pairs, or where the pairs are not measured by the same thing."""
    known = {tuple(one.pair.split("+", 1)): (one.measure, one.similarity) for one in summaries if one.arm == "plain"}
    measures = {measure for measure, _ in known.values()}
    (measure,) = measures if len(measures) == 1 else (None,)
    if len(known) < 2 or measure is None:
        return None
    captioners, generators = (list(dict.fromkeys(pair[side] for pair in known)) for side in (0, 1))
    means = [similarity.mean for _, similarity in known.values() if similarity]
    low, span = min(means), max(max(means) - min(means), 1e-9)

    def cell(captioner: str, generator: str) -> Cell | None:
        _, similarity = known.get((captioner, generator), (None, None))
        return None if similarity is None else Cell(generator, similarity, min(STEPS - 1, int((similarity.mean - low) / span * STEPS)))

    rows = tuple(Row(captioner, tuple(cell(captioner, generator) for generator in generators)) for captioner in captioners)
    return Matrix(MEASURES[measure].title, tuple(generators), rows)
