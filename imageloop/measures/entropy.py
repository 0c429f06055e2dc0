"""Entropies of words and of whole captions, in bits.

A word is a run of `[a-z0-9]` in the lowered text; a caption without any has no word distribution and is given as undefined, never as zero.
"""

import re
from collections import Counter
from collections.abc import Sequence

import numpy as np
from jaxtyping import Float, Int

WINDOW = 5
"""Captions in the window of `windowed_caption_jsd`, by default."""


def words(caption: str) -> list[str]:
    """The words of a caption in their order, lowered: every run of `[a-z0-9]`."""
    return re.findall(r"[a-z0-9]+", caption.lower())


def entropy(weights: Float[np.ndarray, " n"] | Int[np.ndarray, " n"]) -> float:
    """Shannon entropy in bits, 0 to log2 n, of non-negative weights that are scaled to sum 1. Raises ValueError where they sum to 0."""
    total = float(weights.sum())
    if total <= 0:
        raise ValueError("no weights to take the entropy of")
    shares = weights[weights > 0] / total
    return max(0.0, float(-(shares * np.log2(shares)).sum()))


def word_entropy(caption: str) -> float:
    """Shannon entropy of a caption's words in bits, 0 to log2 of the number of its words; NaN for a caption without words.

    A proxy of length: it cannot see even a perfect collapse onto one caption.
    """
    counts = np.array(list(Counter(words(caption)).values()))
    return entropy(counts) if counts.size else float("nan")


def word_shares(captions: Sequence[str]) -> Float[np.ndarray, "n v"]:
    """Each caption's distribution over the words of all of them; a row of NaN for a caption without words."""
    counted = [Counter(words(caption)) for caption in captions]
    column = {word: i for i, word in enumerate(sorted(set().union(*counted)))}
    shares = np.full((len(captions), len(column)), np.nan)
    for row, counts in zip(shares, counted, strict=True):
        if counts:
            row[:] = 0
            row[[column[word] for word in counts]] = np.array(list(counts.values())) / counts.total()
    return shares


def pooled_word_entropy(captions: Sequence[str]) -> float:
    """Entropy in bits of the words of several captions put together, so that a longer one counts more; NaN if none has words."""
    return word_entropy(" ".join(captions))


def caption_jsd(captions: Sequence[str]) -> float:
    """Jensen–Shannon divergence of the captions' word distributions in bits, equal weights: 0 if all are alike, at most log2 n.

    NaN if a caption has no words or there are none. Lin 1991, "Divergence measures based on the Shannon entropy".
    """
    shares = word_shares(captions)
    if not shares.size or not np.isfinite(shares).all():
        return float("nan")
    return max(0.0, entropy(shares.mean(axis=0)) - float(np.mean([entropy(row) for row in shares])))


def windowed_caption_jsd(captions: Sequence[str], window: int = WINDOW) -> Float[np.ndarray, " rounds"]:
    """`caption_jsd` of each round's last `window` captions, bits, 0 to log2 of the window; NaN before there are that many."""
    if window < 2:
        raise ValueError(f"a window of {window} has nothing to compare; give 2 or more")
    values = np.full(len(captions), np.nan)
    for end in range(window, len(captions) + 1):
        values[end - 1] = caption_jsd(captions[end - window : end])
    return values


def caption_identity_entropy(captions: Sequence[str]) -> float:
    """Entropy in bits of which captions are the same text, over chains at one round: 0 if all are one, log2 n if all differ.

    NaN below two captions. Captions are compared letter by letter.
    """
    if len(captions) < 2:
        return float("nan")
    return entropy(np.array(list(Counter(captions).values())))


def effective_captions(captions: Sequence[str]) -> float:
    """How many different captions the chains amount to, 1 to n: 2 to the power of `caption_identity_entropy`. NaN below two captions."""
    return float(2 ** caption_identity_entropy(captions))
