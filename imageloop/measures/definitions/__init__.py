"""The one table of all measures: name, unit, range, direction, source, and the function that gives it."""

from imageloop.measures.definitions import attractors, basins, facts, pair, population, retention, similarity, survival, words
from imageloop.measures.definitions.row import Measure

__all__ = ["MEASURES", "Measure"]

TABLES = (similarity.ROWS, retention.ROWS, words.ROWS, population.ROWS, pair.ROWS, attractors.ROWS, basins.ROWS, survival.ROWS, facts.ROWS)
MEASURES: dict[str, Measure] = {row.name: row for rows in TABLES for row in rows}
