"""Measures of captions and prompts."""

from math import inf, nan

import numpy as np
from jaxtyping import Float

from imageloop.measures.chains import ChainData
from imageloop.measures.definitions.row import Measure
from imageloop.measures.diversity import compression_ratio
from imageloop.measures.entropy import WINDOW, windowed_caption_jsd, word_entropies
from imageloop.measures.meaning import ALIKE, fact_entropy, semantic_entropy

KUHN = "Kuhn et al. 2023; Farquhar et al. 2024, discrete form"


def _truncated_share(chain: ChainData) -> float:
    known = [turn.truncated for turn in chain.rounds if turn.prompt_tokens and turn.truncated is not None]
    return float(np.mean(known)) if known else nan


def _share(flags: tuple[bool, ...] | None) -> float:
    return float(np.mean(flags)) if flags else nan


def _token_entropy(chain: ChainData) -> Float[np.ndarray, " n"]:
    chosen = [turn.captions[turn.caption_pick.chosen].entropy for turn in chain.rounds]
    return np.array([nan if entropy is None else entropy for entropy in chosen], np.float64)


def _semantic_entropy(chain: ChainData) -> Float[np.ndarray, " n"]:
    return np.array([semantic_entropy(rows) for rows in chain.candidate_texts] or [nan] * len(chain.rounds))


def _fact_entropy(chain: ChainData) -> Float[np.ndarray, " n"]:
    candidates = [[caption.text for caption in turn.captions] for turn in chain.rounds]
    return np.array([fact_entropy(captions) if len(captions) > 1 else nan for captions in candidates])


ROWS = (
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
        per_round=lambda chain: word_entropies(chain.captions),
        limits="A chain that repeats one caption for ever keeps its word entropy; `windowed_caption_jsd` falls to 0. Words are runs of "
        "a–z and "
        "0–9, so captions in other scripts have none.",
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
        limits="Sees words, not meaning: a captioner that rephrases the same scene reads as change. Order of words does not count. A "
        "cycle of "
        f"fewer than {WINDOW} captions reads as lasting change.",
    ),
    Measure(
        "caption_compression",
        "Compression of the captions",
        "Bytes of a chain's captions divided by their bytes after zlib: the higher, the more a chain repeats itself.",
        "ratio",
        0,
        inf,
        None,
        "Shaib et al. 2024",
        "the captions are empty",
        per_chain=lambda chain: compression_ratio(chain.captions),
        limits="Grows with the length of the text, however varied, and sees repeated letters, not meaning: compare chains of as many "
        "rounds, "
        "with captions of like length. zlib looks back 32 KiB.",
    ),
    Measure(
        "token_entropy",
        "Token entropy",
        "Mean predictive entropy of the captioner over the tokens of its kept caption: how unsure it was while writing.",
        "nats",
        0,
        inf,
        None,
        "Malinin and Gales 2021",
        "the captioner gives no probabilities, or the caption is the original text",
        per_round=_token_entropy,
        limits="Depends on the captioner's vocabulary and is not comparable between captioners. Unsure how to say it and unsure what it is "
        "read alike; `semantic_entropy` tells them apart.",
    ),
    Measure(
        "semantic_entropy",
        "Semantic entropy",
        f"Entropy over the meanings of the K captions of one picture; captions whose embeddings have a cosine of {ALIKE} or more mean "
        "the same.",
        "nats",
        0,
        inf,
        None,
        KUHN,
        "the round has one caption, or an embedding is missing",
        per_round=_semantic_entropy,
        limits="The papers ask a language model whether two texts imply each other; here embeddings decide, in the order of the "
        "captions, and "
        "near opposites may be alike to them. At most ln K: with few captions it cannot tell doubtful from very doubtful.",
    ),
    Measure(
        "fact_entropy",
        "Fact entropy",
        "Entropy over the facts that the K captions of one picture name, in the sticker world, whatever their wording and order.",
        "nats",
        0,
        inf,
        None,
        f"{KUHN}, with facts in place of entailment",
        "the round has one caption, or one of them names no whole scene of the sticker world",
        per_round=_fact_entropy,
        limits="Exact, but only where all captions are of the sticker world: a captioner that leaves out the background is undefined, "
        "not wrong.",
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
        "no round says how much of its prompt was read",
        per_chain=_truncated_share,
        limits="Says how often, not how much was cut, and not whether the end of the prompt mattered.",
    ),
    Measure(
        "embedder_truncated_share",
        "Captions the embedder cuts short",
        "Share of a chain's captions of which the embedder reads only the beginning.",
        "share",
        0,
        1,
        False,
        "counted with the embedder's own tokenizer",
        "the embedder does not say",
        per_chain=lambda chain: _share(chain.texts_cut),
        limits="Where it is above 0, all cosines with captions judge beginnings. `clipscore_hessel` adds a prefix and cuts a little "
        "earlier.",
    ),
    Measure(
        "sentences_truncated_share",
        "Captions the sentence embedder cuts short",
        "Share of a chain's captions of which the sentence embedder reads only the beginning.",
        "share",
        0,
        1,
        False,
        "counted with the sentence embedder's own tokenizer",
        "no sentence embedder was asked for",
        per_chain=lambda chain: _share(chain.sentences_cut),
        limits="Where it is above 0, `sentence_similarity` judges beginnings.",
    ),
)
