"""Measures of what is left of the original: between chance and noise floor, by retrieval, by the curve of the loss."""

from math import inf, nan

import numpy as np
from jaxtyping import Float

from imageloop.measures import retention, similarity
from imageloop.measures.chains import ChainData
from imageloop.measures.decay import CHANGE, LEAST, SURE, Decay, fit_decay
from imageloop.measures.definitions.row import FROM_PICTURE, FROM_TEXT, NO_PICTURE, UCF, Measure

OWN = "this package"
NO_FLOOR = "the run has no noise-floor control for this chain (`controls`)"
NO_FIT = f"the loss is flat or its curve not identifiable (see the limits), {FROM_TEXT}"
FIT = (
    f"Undefined on purpose where the curve moves by less than {CHANGE} or fits no better than a constant (F test at 1 %), over fewer than "
    f"{LEAST} rounds, for a half-life longer than the rounds covered or under half a round, and where the standard error of the rate is "
    f"above {SURE:.0%} of the rate or that of the plateau above {SURE:.0%} of the fall. So a mean over chains is one over the chains that "
    "decay: fit the mean curve instead, as `imageloop compare` does. Rounds depend on each other, so the errors are really larger."
)


def _chance(chain: ChainData) -> Float[np.ndarray, " n"]:
    return _where(chain.original_image, similarity.chance(chain.images, chain.other_images))


def _text_chance(chain: ChainData) -> Float[np.ndarray, " n"]:
    return _where(chain.original_text, similarity.chance(chain.images, chain.other_texts))


def _where(original: Float[np.ndarray, " d"], values: Float[np.ndarray, " n"]) -> Float[np.ndarray, " n"]:
    return values if np.isfinite(original).all() else np.full_like(values, nan)


def _normalised(chain: ChainData, original: Float[np.ndarray, " d"], room: float) -> Float[np.ndarray, " n"]:
    if chain.chance is None:
        return np.full(len(chain.rounds), nan)
    floor = retention.floor(chain.floor_images, original)
    return retention.normalised(similarity.to_one(chain.images, original), floor, chain.chance, room)


def _guessing(chain: ChainData) -> float:
    return retention.guessing(chain.others)


def _decay(chain: ChainData) -> Decay:
    numbers = np.array([turn.round for turn in chain.rounds], np.float64)
    return fit_decay(numbers, similarity.to_one(chain.images, chain.original_image))


def _told(value: float | None) -> float:
    return nan if value is None else value


ROWS = (
    Measure(
        "chance_image_similarity",
        "Chance",
        "Mean cosine of round t's picture with the original pictures of other chains: what nothing kept would read.",
        "cosine",
        -1,
        1,
        None,
        OWN,
        f"no other chain starts from another picture, {FROM_TEXT}",
        version=2,
        per_round=_chance,
        limits="As good as the other originals are unrelated: where all show the same kind of scene, chance is high and little room is "
        "left.",
    ),
    Measure(
        "chance_text_to_image_similarity",
        "Chance, from texts",
        "Mean cosine of round t's picture with the texts other chains start from: what nothing kept would read.",
        "cosine",
        -1,
        1,
        None,
        OWN,
        f"no other chain starts from another text, {FROM_PICTURE}",
        version=2,
        per_round=_text_chance,
        limits="As for `chance_image_similarity`.",
    ),
    Measure(
        "floor_image_similarity",
        "Noise floor",
        "Mean cosine with the original picture of pictures that the same pair drew from the original's own first caption, again and again.",
        "cosine",
        -1,
        1,
        None,
        OWN,
        f"{NO_FLOOR}, {FROM_TEXT}",
        per_chain=lambda chain: retention.floor(chain.floor_images, chain.original_image),
        limits="What one description and one drawing cost, which the loop cannot be better than for long; a chain may read above it by "
        "luck. "
        "It rests on a few pictures, so it is noisy itself.",
    ),
    Measure(
        "floor_text_to_image_similarity",
        "Noise floor, from texts",
        "Mean cosine with the original text of pictures that the same pair drew from that text, again and again.",
        "cosine",
        -1,
        1,
        None,
        OWN,
        f"{NO_FLOOR}, {FROM_PICTURE}",
        per_chain=lambda chain: retention.floor(chain.floor_images, chain.original_text),
        limits="As for `floor_image_similarity`.",
    ),
    Measure(
        "normalised_retention",
        "Normalised retention",
        "Where the similarity to the original lies between chance (0) and the noise floor (1): chance is the mean of "
        "`chance_image_similarity` over the pair's chains at round t, the floor is the chain's own.",
        "share",
        -inf,
        inf,
        True,
        OWN,
        f"noise floor and chance are closer than {retention.ROOM}, one of them is unknown, {FROM_TEXT}",
        per_round=lambda chain: _normalised(chain, chain.original_image, retention.ROOM),
        limits="A ratio of noisy numbers: it leaves 0 to 1, far where floor and chance are close. 1 means nothing lost beyond the first "
        "description and drawing, not nothing lost. With few originals chance is low while chains keep their own, so that too much seems "
        "kept. "
        "Take its mean over originals, with its interval, never one chain's value.",
    ),
    Measure(
        "normalised_text_retention",
        "Normalised retention, from texts",
        "The same for chains that start from a text, by cosines of pictures with it.",
        "share",
        -inf,
        inf,
        True,
        OWN,
        f"noise floor and chance are closer than {retention.TEXT_ROOM}, one of them is unknown, {FROM_PICTURE}",
        per_round=lambda chain: _normalised(chain, chain.original_text, retention.TEXT_ROOM),
        limits="As for `normalised_retention`.",
    ),
    Measure(
        "retrieval_top_1",
        "Found among the originals",
        "Whether the original is the nearest of all original pictures to round t's picture: 1 or 0, a share where several are equally "
        "near.",
        "share",
        0,
        1,
        True,
        "retrieval at rank 1; this package's ties",
        f"no other chain starts from another picture, {FROM_TEXT}",
        per_round=lambda chain: retention.retrieval(chain.images, chain.original_image, chain.other_images)[0],
        limits="Harder with more originals and easier with unlike ones: compare with `retrieval_chance`, and runs with the same "
        "originals only.",
    ),
    Measure(
        "retrieval_reciprocal_rank",
        "Reciprocal rank of the original",
        "One over the rank of the original among all original pictures by nearness to round t's picture; its mean is the MRR.",
        "share",
        0,
        1,
        True,
        "Voorhees 1999, TREC-8 question answering",
        f"no other chain starts from another picture, {FROM_TEXT}",
        per_round=lambda chain: retention.retrieval(chain.images, chain.original_image, chain.other_images)[1],
        limits="By guessing it reads H(n)/n, the n-th harmonic number over the number of originals, and not 1/n.",
    ),
    Measure(
        "text_retrieval_top_1",
        "Found among the original texts",
        "Whether the original text is the nearest of all original texts to round t's picture.",
        "share",
        0,
        1,
        True,
        "retrieval at rank 1; this package's ties",
        f"no other chain starts from another text, {FROM_PICTURE}",
        per_round=lambda chain: retention.retrieval(chain.images, chain.original_text, chain.other_texts)[0],
        limits="As for `retrieval_top_1`.",
    ),
    Measure(
        "text_retrieval_reciprocal_rank",
        "Reciprocal rank of the original text",
        "One over the rank of the original text among all original texts by nearness to round t's picture.",
        "share",
        0,
        1,
        True,
        "Voorhees 1999, TREC-8 question answering",
        f"no other chain starts from another text, {FROM_PICTURE}",
        per_round=lambda chain: retention.retrieval(chain.images, chain.original_text, chain.other_texts)[1],
        limits="As for `retrieval_reciprocal_rank`.",
    ),
    Measure(
        "retrieval_chance",
        "Found by guessing",
        "One over the number n of different originals of the chain's kind: what `retrieval_top_1` reads of one who guesses.",
        "share",
        0,
        1,
        None,
        OWN,
        "no other chain starts from another original of the same kind",
        per_chain=_guessing,
        limits="Counts the originals that the run has chains of, so it falls when a run is extended by originals.",
    ),
    Measure(
        "hop_1_loss",
        "Lost in round 1",
        "One minus the similarity of the first drawn picture to the original: what the first description and drawing cost.",
        "cosine",
        0,
        2,
        False,
        OWN,
        FROM_TEXT,
        per_chain=lambda chain: retention.lost(chain.original_image, chain.images[0]),
        limits="Includes the change from a photograph to the generator's own look, which is no loss of content.",
    ),
    Measure(
        "inner_drift",
        "Drift after round 1",
        "One minus the similarity of the last picture to the first drawn one: how far the loop moved once it was in its own pictures.",
        "cosine",
        0,
        2,
        False,
        OWN,
        f"fewer than two rounds, or {NO_PICTURE}",
        per_chain=lambda chain: retention.lost(chain.images[0], chain.images[-1]) if len(chain.rounds) > 1 else nan,
        limits="Grows with the number of rounds: compare chains of the same length. A chain that lost everything in round 1 may read 0.",
    ),
    Measure(
        "decay_half_life",
        "Half-life",
        "Rounds in which the distance of the similarity to its plateau halves: ln 2 / b of a·e^(−bt) + c, fitted from round 1 on.",
        "rounds",
        0,
        inf,
        True,
        f"semantic drift rate of {UCF}",
        NO_FIT,
        per_chain=lambda chain: _told(_decay(chain).half_life),
        limits=f"Says how fast, not how much: see `decay_plateau` and `hop_1_loss`. {FIT}",
    ),
    Measure(
        "decay_plateau",
        "Plateau",
        "The similarity to the original that a chain's curve settles at: c of a·e^(−bt) + c, fitted from round 1 on.",
        "cosine",
        -inf,
        inf,
        True,
        f"semantic drift rate of {UCF}",
        NO_FIT,
        per_chain=lambda chain: _told(_decay(chain).plateau),
        limits=f"A plateau at the level of chance is a lost original, however flat. It is extrapolated, and may leave −1 to 1. {FIT}",
    ),
)
