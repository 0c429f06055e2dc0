"""Entropies of words and of whole captions, in bits.

A word is a run of `[a-z0-9]` in the lowered text; a caption without any has no word distribution and is given as undefined, never as zero.
"""

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int
from numpy.typing import NDArray

WINDOW = 5
"""Captions in the window of `windowed_caption_jsd`, by default."""
STRIDE = 2000
"""Windows computed together, which bounds the memory that a long chain takes."""


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


@dataclass(frozen=True, slots=True)
class Counted:
    """The words of several captions, one entry for each different word of each caption, entries of one caption together."""

    caption: NDArray[np.int64]
    word: NDArray[np.int64]
    share: NDArray[np.float64]
    """Of the caption's words; the entries of one caption sum to 1."""
    entropies: NDArray[np.float64]
    """Of each caption's words, in bits; NaN for a caption without words."""


def counted(captions: Sequence[str]) -> Counted:
    """Count the words of captions; captions that are the same text are counted once."""
    counts: dict[str, tuple[list[int], list[int]]] = {}
    numbers: dict[str, int] = {}
    for caption in captions:
        if caption not in counts:
            tally = Counter(words(caption))
            counts[caption] = [numbers.setdefault(word, len(numbers)) for word in tally], list(tally.values())
    lengths = np.array([len(counts[caption][0]) for caption in captions], np.int64)
    owner = np.repeat(np.arange(len(captions)), lengths)
    word = np.fromiter((number for caption in captions for number in counts[caption][0]), np.int64, len(owner))
    times = np.fromiter((times for caption in captions for times in counts[caption][1]), np.float64, len(owner))
    share = times / np.bincount(owner, times, len(captions))[owner]
    bits = np.bincount(owner, -share * np.log2(share), len(captions)).clip(0)
    return Counted(owner, word, share, np.where(lengths > 0, bits, np.nan))


def word_entropies(captions: Sequence[str]) -> Float[np.ndarray, " n"]:
    """`word_entropy` of each caption."""
    return counted(captions).entropies


def pooled_word_entropy(captions: Sequence[str]) -> float:
    """Entropy in bits of the words of several captions put together, so that a longer one counts more; NaN if none has words."""
    return word_entropy(" ".join(captions))


def caption_jsd(captions: Sequence[str]) -> float:
    """Jensen–Shannon divergence of the captions' word distributions in bits, equal weights: 0 if all are alike, at most log2 n.

    NaN if a caption has no words or there are none. Lin 1991, "Divergence measures based on the Shannon entropy".
    """
    return float(_divergences(counted(captions), len(captions))[0]) if captions else float("nan")


def windowed_caption_jsd(captions: Sequence[str], window: int = WINDOW) -> Float[np.ndarray, " rounds"]:
    """`caption_jsd` of each round's last `window` captions, bits, 0 to log2 of the window; NaN before there are that many."""
    if window < 2:
        raise ValueError(f"a window of {window} has nothing to compare; give 2 or more")
    values = np.full(len(captions), np.nan)
    for start in range(0, len(captions) - window + 1, STRIDE):
        part = captions[start : start + STRIDE + window - 1]
        values[start + window - 1 : start + len(part)] = _divergences(counted(part), window)
    return values


def _divergences(of: Counted, window: int) -> Float[np.ndarray, " windows"]:
    """The divergence of captions 0 … window−1, 1 … window, and so on: each entry is put into every window its caption is in."""
    windows = len(of.entropies) - window + 1
    place = (of.caption[:, None] - np.arange(window)).ravel()
    inside = (place >= 0) & (place < windows)
    vocabulary = int(of.word.max(initial=0)) + 1
    cells = (place * vocabulary + of.word.repeat(window))[inside]
    cell, entry = np.unique(cells, return_inverse=True)
    mean = np.bincount(entry, of.share.repeat(window)[inside]) / window
    pooled = np.bincount(cell // vocabulary, -mean * np.log2(mean), windows)
    single = np.lib.stride_tricks.sliding_window_view(of.entropies, window).mean(axis=1)
    return np.where(np.isnan(single), np.nan, (pooled - single).clip(0))


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
