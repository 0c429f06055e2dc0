"""Measures of all chains of a pair together."""

from collections.abc import Callable
from math import inf, nan

import numpy as np
from jaxtyping import Float

from imageloop.measures import similarity
from imageloop.measures.chains import ChainData, PairData
from imageloop.measures.definitions.row import UCF, Measure
from imageloop.measures.drift import mean_cumulative, over_chains
from imageloop.measures.entropy import words
from imageloop.measures.regression import Attractor, attractor

PEREZ = "Perez et al. 2025 (ICLR)"
TOO_FEW = "fewer than three different first values"
NOWHERE = f"{TOO_FEW}, or the slope of last on first is 1 or more, so that nothing draws"
REGRESSION = (
    "A line through (first, last) of all chains: it cannot see two attractors, and takes seeds of one original for independent. "
    "Noise in the first value makes the strength look greater than it is."
)
Curve = Callable[[ChainData], Float[np.ndarray, " n"]]


def _image_to_image(chain: ChainData) -> Float[np.ndarray, " n"]:
    return similarity.to_one(chain.images, chain.original_image)


def _image_to_text(chain: ChainData) -> Float[np.ndarray, " n"]:
    return similarity.to_one(chain.texts, chain.original_image)


def _text_to_image(chain: ChainData) -> Float[np.ndarray, " n"]:
    return similarity.to_one(chain.images, chain.original_text)


def _text_to_text(chain: ChainData) -> Float[np.ndarray, " n"]:
    """From round 2 on: in round 1 the caption is the original text itself."""
    values = similarity.to_one(chain.texts, chain.original_text)
    values[:1] = nan
    return values


def _sentence_to_sentence(chain: ChainData) -> Float[np.ndarray, " n"]:
    if chain.sentences is None or not np.isfinite(chain.original_text).all():
        return np.full(len(chain.rounds), nan)
    values = similarity.to_one(chain.sentences, chain.sentences[0])
    values[:1] = nan
    return values


def _eye_to_eye(chain: ChainData) -> Float[np.ndarray, " n"]:
    if chain.eye_images is None or chain.eye_original is None:
        return np.full(len(chain.rounds), nan)
    return similarity.to_one(chain.eye_images, chain.eye_original)


def _cumulative(pair: PairData, *curves: Curve) -> float:
    numbers = [np.array([turn.round for turn in chain.rounds]) for chain in pair.chains]
    return mean_cumulative([over_chains(numbers, [curve(chain) for chain in pair.chains]) for curve in curves])


def _words(pair: PairData) -> Attractor:
    captions = [chain.captions for chain in pair.chains]
    first = np.array([len(words(said[0])) for said in captions], np.float64)
    return attractor(first, np.array([len(words(said[-1])) for said in captions], np.float64))


def _brightness(pair: PairData) -> Attractor:
    both = np.array([(nan, nan) if chain.brightness is None else chain.brightness for chain in pair.chains], np.float64)
    return attractor(both[:, 0], both[:, 1])


ROWS = (
    Measure(
        "mean_cumulative_drift",
        "Mean cumulative drift",
        "Mean over rounds of each of four similarities to the original, then their mean: text→text and text→image over chains that start "
        "from texts, image→image and image→text over those that start from pictures. Higher is less drift.",
        "cosine",
        -1,
        1,
        True,
        f"MCD of {UCF}",
        "the pair has no chains of one of the two kinds, or a similarity is missing throughout",
        per_pair=lambda pair: _cumulative(pair, _text_to_text, _text_to_image, _image_to_image, _image_to_text),
        limits="All four by the one embedder of the run; the paper takes one for texts, one for pictures and CLIP between them, see "
        "`mean_cumulative_drift_three`. Cosines of different kinds are added, so the two between texts and pictures weigh little; it "
        "depends on "
        "the number of rounds, and hides the first hop.",
    ),
    Measure(
        "mean_cumulative_drift_three",
        "Mean cumulative drift, three embedders",
        "The same with text→text by the sentence embedder (`--text-embedder`) and image→image by the second eye (`--eye`), as published.",
        "cosine",
        -1,
        1,
        True,
        f"MCD of {UCF}",
        "a second eye or a sentence embedder was not asked for, or the pair has no chains of one of the two kinds",
        per_pair=lambda pair: _cumulative(pair, _sentence_to_sentence, _text_to_image, _eye_to_eye, _image_to_text),
        limits="Comparable with published numbers only by their models, MPNet, DINO and CLIP ViT-B/32, over 20 generations.",
    ),
    Measure(
        "attractor_words_position",
        "Attractor of caption length",
        "The number of words of a caption that the loop leaves as it is, by regression of the last caption's on the first's over chains.",
        "words",
        -inf,
        inf,
        None,
        PEREZ,
        NOWHERE,
        per_pair=lambda pair: _words(pair).position,
        limits=f"Starts from y_1, since a picture has no words: what the captioner does in round 1 is not seen. {REGRESSION}",
    ),
    Measure(
        "attractor_words_strength",
        "Strength of the attractor of caption length",
        "One minus the slope's absolute value: 1 where the last caption's length forgets the first's, 0 where differences stay.",
        "share",
        -inf,
        1,
        None,
        PEREZ,
        TOO_FEW,
        per_pair=lambda pair: _words(pair).strength,
        limits=REGRESSION,
    ),
    Measure(
        "attractor_brightness_position",
        "Attractor of brightness",
        "The mean brightness (Rec. 709 luma of the stored values, 0 to 1) that the loop leaves as it is, from the originals' and the "
        "last pictures'.",
        "share",
        -inf,
        inf,
        None,
        PEREZ,
        f"{NOWHERE}; chains that start from texts, or whose last picture is gone, are left out",
        per_pair=lambda pair: _brightness(pair).position,
        limits=REGRESSION,
    ),
    Measure(
        "attractor_brightness_strength",
        "Strength of the attractor of brightness",
        "One minus the slope's absolute value: 1 where the last picture's brightness forgets the original's, 0 where differences stay.",
        "share",
        -inf,
        1,
        None,
        PEREZ,
        f"{TOO_FEW}; chains that start from texts, or whose last picture is gone, are left out",
        per_pair=lambda pair: _brightness(pair).strength,
        limits=REGRESSION,
    ),
)
