"""The two definitions of CLIPScore that are in use, which differ in scale and in what they read. Here they never share a name."""

import numpy as np
from jaxtyping import Float

PREFIX = "A photo depicts "
"""What Hessel et al. put before every caption."""


def hessel(cosines: Float[np.ndarray, " n"]) -> Float[np.ndarray, " n"]:
    """`2.5 · max(cos, 0)`, 0 to 2.5, of cosines between a picture and `PREFIX` + caption. Hessel et al. 2021, "CLIPScore"."""
    scores: Float[np.ndarray, " n"] = 2.5 * np.maximum(cosines, 0)
    return scores


def torchmetrics(cosines: Float[np.ndarray, " n"]) -> Float[np.ndarray, " n"]:
    """`100 · max(cos, 0)`, 0 to 100, of cosines between a picture and the caption as it is: torchmetrics' `clip_score` of one pair."""
    scores: Float[np.ndarray, " n"] = 100 * np.maximum(cosines, 0)
    return scores
