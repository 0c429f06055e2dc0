"""Cosines between unit embeddings. A missing embedding is a row of NaN, and so is every similarity it enters."""

import numpy as np
from jaxtyping import Float


def to_one(rows: Float[np.ndarray, "n d"], one: Float[np.ndarray, " d"]) -> Float[np.ndarray, " n"]:
    """Cosine of every unit row with one unit vector, −1 to 1."""
    cosines: Float[np.ndarray, " n"] = rows.astype(np.float64) @ one.astype(np.float64)
    return cosines.clip(-1, 1)


def pairwise(left: Float[np.ndarray, "n d"], right: Float[np.ndarray, "n d"]) -> Float[np.ndarray, " n"]:
    """Cosine of each unit row with the row at the same place in the other array, −1 to 1."""
    cosines: Float[np.ndarray, " n"] = np.einsum("nd,nd->n", left.astype(np.float64), right.astype(np.float64))
    return cosines.clip(-1, 1)


def to_previous(rows: Float[np.ndarray, "n d"], before: Float[np.ndarray, " d"]) -> Float[np.ndarray, " n"]:
    """Cosine of each unit row with the row before it, −1 to 1; the first is compared with `before`."""
    return pairwise(rows, np.concatenate([before[None], rows[:-1]]))


def chance(last: Float[np.ndarray, " d"], others: Float[np.ndarray, "k d"]) -> float:
    """Mean cosine of a chain's last picture with the originals of other chains, −1 to 1: what "nothing kept" reads. NaN without others."""
    return float(to_one(others, last).mean()) if len(others) else float("nan")
