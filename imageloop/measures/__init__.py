"""Measures of a run: definitions in `definitions.MEASURES`, values in `measures.parquet`, means with intervals in `summary`."""

from imageloop.measures.definitions import MEASURES, Measure
from imageloop.measures.measuring import measure_run
from imageloop.measures.pairs import PairSummary, summary
from imageloop.measures.statistics import Estimate

__all__ = ["MEASURES", "Estimate", "Measure", "PairSummary", "measure_run", "summary"]
