"""Measures of likeness between embeddings."""

from math import nan

import numpy as np
from jaxtyping import Float

from imageloop.measures import clipscore, similarity
from imageloop.measures.chains import ChainData
from imageloop.measures.definitions.row import FROM_PICTURE, FROM_TEXT, NO_PICTURE, UCF, Measure

CUT = "A caption longer than the embedder reads is judged by its beginning; `embedder_truncated_share` says how often."


def _eye(chain: ChainData) -> Float[np.ndarray, " n"]:
    if chain.eye_images is None or chain.eye_original is None:
        return np.full(len(chain.rounds), nan)
    return similarity.to_one(chain.eye_images, chain.eye_original)


def _sentences(chain: ChainData) -> Float[np.ndarray, " n"]:
    return np.full(len(chain.rounds), nan) if chain.sentences is None else similarity.to_one(chain.sentences, chain.sentences[0])


def _hessel(chain: ChainData) -> Float[np.ndarray, " n"]:
    if chain.prefixed_texts is None:
        return np.full(len(chain.rounds), nan)
    return clipscore.hessel(similarity.pairwise(chain.prefixed_texts, chain.images))


ROWS = (
    Measure(
        "clip_image_similarity",
        "Similarity to the original",
        "Cosine of round t's picture with the original picture. Drift is one minus this.",
        "cosine",
        -1,
        1,
        True,
        UCF,
        FROM_TEXT,
        per_round=lambda chain: similarity.to_one(chain.images, chain.original_image),
        limits="Says how near, not what is left: unrelated pictures are still alike to an embedder, so read it against "
        "`chance_image_similarity` and `floor_image_similarity`. It sees what its embedder was taught to see, and misses counts and "
        "places.",
    ),
    Measure(
        "eye_image_similarity",
        "Similarity to the original, second eye",
        "The same cosine by a second embedder (`--eye`), such as one that was never trained on texts.",
        "cosine",
        -1,
        1,
        True,
        "UCF-UM, arXiv 2509.04438, which uses DINO",
        f"no second eye was asked for, {FROM_TEXT}",
        per_round=_eye,
        limits="Its values are on a scale of their own: compare orders and shapes with `clip_image_similarity`, never values.",
    ),
    Measure(
        "clip_step_similarity",
        "Similarity to the round before",
        "Cosine of round t's picture with that of the round before. High also where the original is long lost: no sign of little drift.",
        "cosine",
        -1,
        1,
        None,
        UCF,
        f"round 1 of a chain that starts from a text, or {NO_PICTURE}",
        per_round=lambda chain: similarity.to_previous(chain.images, chain.original_image),
        limits="A chain can lose its original entirely in steps that each look small. It says whether a chain still moves, not how far "
        "it has come.",
    ),
    Measure(
        "caption_grounding",
        "Grounding",
        "Cosine of the caption with the picture it describes: low where the captioner loses what it saw.",
        "cosine",
        -1,
        1,
        True,
        UCF,
        f"round 1 of a chain that starts from a text, or {NO_PICTURE}",
        version=2,
        per_round=lambda chain: similarity.pairwise(chain.texts, chain.seen),
        limits=f"A short true caption scores below a long one, and a vague one may score well: it is no measure of completeness. {CUT}",
    ),
    Measure(
        "caption_obedience",
        "Obedience",
        "Cosine of the caption with the picture drawn from it: low where the generator loses what it was told.",
        "cosine",
        -1,
        1,
        True,
        UCF,
        NO_PICTURE,
        per_round=lambda chain: similarity.pairwise(chain.texts, chain.images),
        limits=f"An embedder that reads words as a bag gives full marks to swapped attributes and wrong counts. {CUT}",
    ),
    Measure(
        "clipscore_hessel",
        "CLIPScore, Hessel et al.",
        f"2.5 · max(cos, 0) of round t's picture with “{clipscore.PREFIX}” and the caption it was drawn from.",
        "CLIPScore",
        0,
        2.5,
        True,
        "Hessel et al. 2021, CLIPScore",
        NO_PICTURE,
        per_round=_hessel,
        limits="The picture is the one drawn from the caption, x_t with y_t, not the one the caption describes. The published numbers are "
        "by CLIP ViT-B/32; by another embedder they cannot be compared with them.",
    ),
    Measure(
        "clipscore_torchmetrics",
        "CLIPScore, torchmetrics",
        "100 · max(cos, 0) of round t's picture with the caption it was drawn from, without a prefix.",
        "CLIPScore",
        0,
        100,
        True,
        "torchmetrics, clip_score",
        NO_PICTURE,
        per_round=lambda chain: clipscore.torchmetrics(similarity.pairwise(chain.texts, chain.images)),
        limits="`caption_obedience` on another scale. torchmetrics takes the maximum after the mean over a batch, so its number for many "
        "pairs is lower wherever some cosine is negative.",
    ),
    Measure(
        "caption_retention",
        "Retention by the caption",
        "Cosine of round t's caption with the original picture.",
        "cosine",
        -1,
        1,
        True,
        UCF,
        "the chain starts from a text",
        per_round=lambda chain: similarity.to_one(chain.texts, chain.original_image),
        limits=f"Cosines of texts with pictures lie in a narrow band; small differences may be large losses. {CUT}",
    ),
    Measure(
        "text_to_image_similarity",
        "Similarity to the original text",
        "Cosine of round t's picture with the text the chain starts from.",
        "cosine",
        -1,
        1,
        True,
        UCF,
        FROM_PICTURE,
        per_round=lambda chain: similarity.to_one(chain.images, chain.original_text),
        limits="Cosines of pictures with texts lie in a narrow band: read it against `chance_text_to_image_similarity`.",
    ),
    Measure(
        "text_to_caption_similarity",
        "Similarity of the caption to the original text",
        "Cosine of round t's caption with the text the chain starts from, both by the embedder's text half.",
        "cosine",
        -1,
        1,
        True,
        UCF,
        "the chain starts from a picture",
        per_round=lambda chain: similarity.to_one(chain.texts, chain.original_text),
        limits=f"An embedder made for pictures judges wording as much as meaning; `sentence_similarity` is by one made for texts. {CUT}",
    ),
    Measure(
        "sentence_similarity",
        "Similarity of the caption to the first",
        "Cosine of round t's caption with y_1 by a sentence embedder (`--text-embedder`); where a chain starts from a text, y_1 is that "
        "text.",
        "cosine",
        -1,
        1,
        True,
        UCF,
        "no sentence embedder was asked for",
        per_round=_sentences,
        limits="Round 1 is compared with itself and reads 1. What the first caption did not say is not missed, so it says nothing of the "
        "loss in round 1, the largest in most loops.",
    ),
)
