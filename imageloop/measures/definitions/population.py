"""Measures of all chains of a pair at one round."""

from math import inf

from imageloop.measures.definitions.row import NO_PICTURE, Measure
from imageloop.measures.diversity import compression_ratio, vendi_of_rows
from imageloop.measures.entropy import caption_identity_entropy, caption_jsd, effective_captions

MEMBERS = "Compare rounds at which the pair has the same chains: it grows with their number."

ROWS = (
    Measure(
        "vendi_score",
        "Vendi score",
        "Effective number of different pictures among a pair's chains at round t: 1 when all are one, as many as there are chains at most.",
        "pictures",
        1,
        inf,
        None,
        "Friedman and Dieng 2023",
        f"fewer than two chains at the round, or {NO_PICTURE}",
        per_population=lambda chains: vendi_of_rows(chains.images),
        limits="Rests on cosines: unrelated pictures that an embedder finds 0.6 alike count as little more than one, so compare with the "
        "value "
        f"of the originals or of round 1, not with the number of chains. Seeds of one original count too. {MEMBERS}",
    ),
    Measure(
        "cross_chain_jsd",
        "Difference between the chains' captions",
        "Jensen–Shannon divergence of the words of all captions of a pair at round t: 0 when all chains say the same.",
        "bits",
        0,
        inf,
        None,
        "Lin 1991",
        "fewer than two chains at the round, or a caption has no words",
        per_population=lambda chains: caption_jsd(chains.captions) if len(chains.captions) > 1 else float("nan"),
        limits=f"Words, not meaning; at most log2 of the number of chains. {MEMBERS}",
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
        limits=f"One different letter makes a different caption, so long captions hardly ever agree. {MEMBERS}",
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
        limits=f"As for `caption_identity_entropy`. {MEMBERS}",
    ),
    Measure(
        "population_compression",
        "Compression over the chains",
        "Bytes of all captions of a pair at round t divided by their bytes after zlib: the higher, the more the chains repeat each other.",
        "ratio",
        0,
        inf,
        None,
        "Shaib et al. 2024",
        "fewer than two chains at the round, or the captions are empty",
        per_population=lambda chains: compression_ratio(chains.captions) if len(chains.captions) > 1 else float("nan"),
        limits=f"Grows with the length of the captions, however different; below 1 for very little text. {MEMBERS}",
    ),
)
