"""The one table of all measures: name, unit, range, direction, source, and the function that gives it."""

from collections.abc import Callable
from dataclasses import dataclass
from math import inf

import numpy as np
from jaxtyping import Float

from imageloop.measures import similarity
from imageloop.measures.chains import ChainData, Population
from imageloop.measures.entropy import WINDOW, caption_identity_entropy, effective_captions, windowed_caption_jsd, word_entropy


@dataclass(frozen=True, slots=True)
class Measure:
    """One row of the table. Exactly one of the three functions is given; NaN from it means undefined, and no row is written."""

    name: str
    title: str
    meaning: str
    unit: str
    low: float
    high: float
    higher_is_better: bool | None
    """None where neither direction is a virtue."""
    source: str
    undefined: str
    """When there is no value."""
    version: int = 1
    per_round: Callable[[ChainData], Float[np.ndarray, " n"]] | None = None
    per_chain: Callable[[ChainData], float] | None = None
    per_population: Callable[[Population], float] | None = None


def _truncated_share(chain: ChainData) -> float:
    return float(np.mean([turn.truncated for turn in chain.rounds])) if chain.rounds else float("nan")


UCF = "UCF-UM, arXiv 2509.04438"
NO_PICTURE = "a picture was not kept, is missing or is broken"
FROM_TEXT = f"the chain starts from a text, or {NO_PICTURE}"
FROM_PICTURE = f"the chain starts from a picture, or {NO_PICTURE}"

_ROWS = (
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
        per_round=lambda chain: similarity.pairwise(chain.texts, np.concatenate([chain.original_image[None], chain.images[:-1]])),
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
    ),
    Measure(
        "word_entropy",
        "Word entropy",
        "Shannon entropy of the caption's words. A proxy of its length: cannot see even a perfect collapse onto one caption.",
        "bits",
        0,
        inf,
        None,
        "Shannon 1948",
        "the caption has no words",
        per_round=lambda chain: np.array([word_entropy(caption) for caption in chain.captions]),
    ),
    Measure(
        "windowed_caption_jsd",
        "Change of the captions",
        f"Jensen–Shannon divergence of the words of the last {WINDOW} captions: 0 when they are alike, so the chain has settled.",
        "bits",
        0,
        float(np.log2(WINDOW)),
        None,
        "Lin 1991",
        f"before round {WINDOW}, or one of the captions has no words",
        per_round=lambda chain: windowed_caption_jsd(chain.captions),
    ),
    Measure(
        "truncated_share",
        "Prompts cut short",
        "Share of a chain's rounds in which the generator read less than the whole prompt.",
        "share",
        0,
        1,
        False,
        "counted with the generator's own tokenizers",
        "the chain has no rounds",
        per_chain=_truncated_share,
    ),
    Measure(
        "chance_image_similarity",
        "Chance",
        "Mean cosine of a chain's last picture with the original pictures of other chains: what nothing kept would read.",
        "cosine",
        -1,
        1,
        None,
        "this package",
        f"no other chain starts from another picture, {FROM_TEXT}",
        per_chain=lambda chain: _chance(chain, chain.original_image, chain.other_images),
    ),
    Measure(
        "chance_text_to_image_similarity",
        "Chance, from texts",
        "Mean cosine of a chain's last picture with the texts other chains start from: what nothing kept would read.",
        "cosine",
        -1,
        1,
        None,
        "this package",
        f"no other chain starts from another text, {FROM_PICTURE}",
        per_chain=lambda chain: _chance(chain, chain.original_text, chain.other_texts),
    ),
    Measure(
        "caption_identity_entropy",
        "Identity entropy of the captions",
        "Entropy of which of a pair's chains wrote the very same caption at round t: 0 when all did.",
        "bits",
        0,
        inf,
        None,
        "Shannon 1948",
        "fewer than two chains at the round",
        per_population=lambda chains: caption_identity_entropy(chains.captions),
    ),
    Measure(
        "effective_captions",
        "Effective captions",
        "How many different captions a pair's chains amount to at round t: 2 to the power of their identity entropy.",
        "captions",
        1,
        inf,
        None,
        "Hill 1973, order 1",
        "fewer than two chains at the round",
        per_population=lambda chains: effective_captions(chains.captions),
    ),
)


def _chance(chain: ChainData, original: Float[np.ndarray, " d"], others: Float[np.ndarray, "k d"]) -> float:
    if not chain.rounds or not np.isfinite(original).all():
        return float("nan")
    return similarity.chance(chain.images[-1], others)


MEASURES: dict[str, Measure] = {row.name: row for row in _ROWS}
