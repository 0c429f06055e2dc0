"""Cosines between unit embeddings. A missing embedding is a row of NaN, and so is every similarity it enters.

Rows are units only as far as float32 goes, so that two equal ones would be 1e-8 apart: their cosine is set to 1, and a copy has no drift.
"""

import numpy as np
from jaxtyping import Float


def to_one(rows: Float[np.ndarray, "n d"], one: Float[np.ndarray, " d"]) -> Float[np.ndarray, " n"]:
    """Cosine of every unit row with one unit vector, −1 to 1."""
    cosines: Float[np.ndarray, " n"] = rows.astype(np.float64) @ one.astype(np.float64)
    return np.where((rows == one).all(axis=1), 1.0, cosines.clip(-1, 1))


def pairwise(left: Float[np.ndarray, "n d"], right: Float[np.ndarray, "n d"]) -> Float[np.ndarray, " n"]:
    """Cosine of each unit row with the row at the same place in the other array, −1 to 1."""
    cosines: Float[np.ndarray, " n"] = np.einsum("nd,nd->n", left.astype(np.float64), right.astype(np.float64))
    return np.where((left == right).all(axis=1), 1.0, cosines.clip(-1, 1))


def to_previous(rows: Float[np.ndarray, "n d"], before: Float[np.ndarray, " d"]) -> Float[np.ndarray, " n"]:
    """Cosine of each unit row with the row before it, −1 to 1; the first is compared with `before`."""
    return pairwise(rows, np.concatenate([before[None], rows[:-1]]))


def chance(rows: Float[np.ndarray, "n d"], others: Float[np.ndarray, "k d"]) -> Float[np.ndarray, " n"]:
    """Mean cosine of each unit row with unit rows it has nothing to do with, −1 to 1: what "nothing kept" reads. NaN without others."""
    if not len(others):
        return np.full(len(rows), np.nan)
    return to_one(rows, others.astype(np.float64).mean(axis=0))
