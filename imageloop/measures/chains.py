"""What measures are computed from: one chain, all chains of a pair at one round, or all chains of a pair, as records and arrays."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from imageloop.measures.concepts import ChainConcepts
from imageloop.measures.facts import ChainFacts
from imageloop.records import ChainKey, Round

Vectors = Float[np.ndarray, "n d"]


@dataclass(frozen=True, slots=True)
class ChainData:
    """One chain with the embeddings of what it saw and said. A picture that could not be embedded is a row of NaN."""

    rounds: tuple[Round, ...]
    images: Float[np.ndarray, "n d"]
    """`x_1 … x_n`."""
    texts: Float[np.ndarray, "n d"]
    """`y_1 … y_n`."""
    original_image: Float[np.ndarray, " d"]
    """`x_0`; NaN for a chain that starts from a text."""
    original_text: Float[np.ndarray, " d"]
    """The text the chain starts from; NaN for a chain that starts from a picture."""
    other_images: Float[np.ndarray, "k d"]
    """Pictures that other chains of the run start from."""
    other_texts: Float[np.ndarray, "k d"]
    """Texts that other chains of the run start from."""

    shown: Vectors | None = None
    """What the captioner was shown in each round: an arm may show it another picture than the last. None for the last one."""
    prefixed_texts: Vectors | None = None
    """`y_1 … y_n`, each behind `clipscore.PREFIX`; None where they were not made."""
    floor_images: Vectors | None = None
    """What the same pair drew when given this original's first caption again and again: the noise floor. None without that control."""
    chance: Float[np.ndarray, " n"] | None = None
    """Mean over the pair's chains, at each round, of the cosines of their pictures with other chains' originals; None where unknown."""
    candidate_texts: tuple[Vectors, ...] = ()
    """The embeddings of all K captions of each round; empty where they were not made."""
    eye_images: Vectors | None = None
    """`x_1 … x_n` by a second embedder; None without one."""
    eye_original: Float[np.ndarray, " e"] | None = None
    """`x_0` by the second embedder."""
    sentences: Vectors | None = None
    """`y_1 … y_n` by a sentence embedder; None without one."""
    texts_cut: tuple[bool, ...] | None = None
    """Whether the embedder reads less than the whole of `y_1 … y_n`; None where it does not say."""
    sentences_cut: tuple[bool, ...] | None = None
    """The same of the sentence embedder."""
    brightness: Float[np.ndarray, " 2"] | None = None
    """Mean brightness of `x_0` and of the last picture, 0 to 1; NaN where there is none."""
    concepts: ChainConcepts | None = None
    """What became of the concepts of `y_1`."""
    facts: ChainFacts | None = None
    """What became of the facts of the original scene; None outside the built-in world."""

    @property
    def captions(self) -> tuple[str, ...]:
        return tuple(turn.caption for turn in self.rounds)

    @property
    def own(self) -> Float[np.ndarray, " d"]:
        """What the chain starts from: the picture, or the text."""
        return self.original_text if np.isnan(self.original_image).all() else self.original_image

    @property
    def others(self) -> Float[np.ndarray, "k d"]:
        """What other chains of the same kind start from."""
        return self.other_texts if np.isnan(self.original_image).all() else self.other_images

    @property
    def seen(self) -> Float[np.ndarray, "n d"]:
        """What the captioner described in each round: `x_0 … x_{n−1}`, unless an arm showed it something else."""
        return np.concatenate([self.original_image[None], self.images[:-1]]) if self.shown is None else self.shown


@dataclass(frozen=True, slots=True)
class Population:
    """All chains of one pair and arm at one round, in the order of their keys."""

    captions: tuple[str, ...]
    images: Float[np.ndarray, "n d"]


@dataclass(frozen=True, slots=True)
class PairData:
    """All chains of one pair and arm, in the order of their keys, and the noise-floor chains of the same pair."""

    keys: tuple[ChainKey, ...]
    chains: tuple[ChainData, ...]
    floors: tuple[ChainData, ...] = ()
