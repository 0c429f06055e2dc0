"""What measures are computed from: one chain, or all chains of a pair at one round, as records and arrays."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from imageloop.records import Round

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

    @property
    def captions(self) -> tuple[str, ...]:
        return tuple(turn.caption for turn in self.rounds)


@dataclass(frozen=True, slots=True)
class Population:
    """All chains of one pair and arm at one round, in the order of their keys."""

    captions: tuple[str, ...]
    images: Float[np.ndarray, "n d"]
