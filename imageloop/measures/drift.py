"""Mean cumulative drift: how near captions and pictures stay to what a chain starts from, over both directions and both kinds of start."""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float, Int

MAPPINGS = ("text→text", "text→image", "image→image", "image→text")
"""What chains start from → what is compared with it."""


def over_chains(rounds: Sequence[Int[np.ndarray, " n"]], similarities: Sequence[Float[np.ndarray, " n"]]) -> Float[np.ndarray, " rounds"]:
    """The mean over chains at each round that some chain has a finite value at, in the order of the rounds; empty where none has."""
    numbers, values = (np.concatenate([np.empty(0), *parts]) for parts in (rounds, similarities))
    known = np.isfinite(values)
    _, place = np.unique(numbers[known], return_inverse=True)
    means: Float[np.ndarray, " rounds"] = np.bincount(place, values[known]) / np.bincount(place)
    return means


def mean_cumulative(mappings: Sequence[Float[np.ndarray, " rounds"]]) -> float:
    """The mean over the four `MAPPINGS` of each one's mean over rounds, −1 to 1; higher is less drift. NaN where one has no value.

    Mollah et al. 2025, "The Telephone Game", arXiv 2509.04438.
    """
    if len(mappings) != len(MAPPINGS) or not all(len(values) for values in mappings):
        return float("nan")
    return float(np.mean([np.mean(values) for values in mappings]))
