"""What every model of torch checks of the rows that it is given and that it gives."""

from collections.abc import Sized

import numpy as np
import torch
from jaxtyping import Float

from imageloop.errors import ModelError
from imageloop.records import Recipe


def refuse_other_batch(recipe: Recipe, *given: Sized) -> None:
    """Raise ValueError unless each has exactly `recipe.batch` members."""
    for rows in given:
        if len(rows) != recipe.batch:
            raise ValueError(f"{recipe.name} is loaded for batches of {recipe.batch}, not {len(rows)}")


def unit_rows(vectors: torch.Tensor, recipe: Recipe) -> Float[np.ndarray, "n d"]:
    """Each vector (n, d) scaled to length 1, float32. Raises ModelError for values that are no numbers."""
    rows = torch.nn.functional.normalize(vectors.float(), dim=-1)
    if not bool(torch.isfinite(rows).all()):
        raise ModelError(f"{recipe.name}: embedded to values that are no numbers in {recipe.dtype}; use --dtype fp32")
    result: Float[np.ndarray, "n d"] = rows.cpu().numpy()
    return result
