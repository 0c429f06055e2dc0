"""Pairs, arms and runs side by side: a leaderboard, the matrix, who is to blame, and which differences are more than chance.

Called comparison and not compare, because a module `imageloop.compare` would take the place of the function of that name.
"""

from imageloop.comparison.comparing import compare_runs
from imageloop.comparison.files import write_comparison
from imageloop.comparison.found import By, Comparison, Entry, Matrix, PairDifference

__all__ = ["By", "Comparison", "Entry", "Matrix", "PairDifference", "compare_runs", "write_comparison"]
