"""How many different things there are among several: the Vendi score of pictures, and how well captions compress."""

import zlib
from collections.abc import Sequence

import numpy as np
from jaxtyping import Float


def vendi(similarities: Float[np.ndarray, "n n"]) -> float:
    """The effective number of different items, 1 to n, given how alike they are (symmetric, 1 on the diagonal, no negative eigenvalue).

    The exponential of the Shannon entropy of the eigenvalues of `similarities / n`. Friedman and Dieng 2023, "The Vendi Score".
    """
    return _effective(np.linalg.eigvalsh(similarities.astype(np.float64) / len(similarities)))


def vendi_of_rows(rows: Float[np.ndarray, "n d"]) -> float:
    """`vendi` of the cosines between unit rows; NaN below two rows, and where one is missing. n × n or d × d, whichever is smaller."""
    if len(rows) < 2 or not np.isfinite(rows).all():
        return float("nan")
    wide = rows.astype(np.float64)
    square = wide @ wide.T if len(rows) <= rows.shape[1] else wide.T @ wide
    return min(_effective(np.linalg.eigvalsh(square / len(rows))), float(len(rows)))


def _effective(eigenvalues: Float[np.ndarray, " k"]) -> float:
    shares = eigenvalues[eigenvalues > 1e-12]
    shares = shares / shares.sum()
    return max(1.0, float(np.exp(-(shares * np.log(shares)).sum())))


def compression_ratio(captions: Sequence[str]) -> float:
    """Bytes of the captions, one a line in UTF-8, divided by those after zlib at level 9: higher is more repetitive. NaN without text.

    Shaib et al. 2024, "Standardizing the Measurement of Text Diversity", with zlib. Short texts read below 1: the packing costs bytes.
    """
    raw = "\n".join(captions).encode("utf-8", "surrogatepass")
    return len(raw) / len(zlib.compress(raw, 9)) if any(captions) else float("nan")
