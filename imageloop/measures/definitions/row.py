"""What a row of the table of measures says, and the phrases that rows share."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from imageloop.measures.chains import ChainData, PairData, Population

UCF = "UCF-UM, arXiv 2509.04438"
NO_PICTURE = "a picture was not kept, is missing or is broken"
FROM_TEXT = f"the chain starts from a text, or {NO_PICTURE}"
FROM_PICTURE = f"the chain starts from a picture, or {NO_PICTURE}"


@dataclass(frozen=True, slots=True)
class Measure:
    """One row of the table. Exactly one of the functions is given; NaN from it means undefined, and no row is written."""

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
    """One value a round."""
    per_chain: Callable[[ChainData], float] | None = None
    """One value for a whole chain."""
    per_population: Callable[[Population], float] | None = None
    """One value for all chains of a pair and arm at one round."""
    per_pair: Callable[[PairData], float] | None = None
    """One value for all chains of a pair and arm together."""
    limits: str = ""
    """What it does not say, and where it fails."""

    @property
    def of_single_chains(self) -> bool:
        """Whether each chain has values of its own; else it is one number of all chains of a pair."""
        return self.per_round is not None or self.per_chain is not None

    @property
    def scope(self) -> str:
        """What one value is about: a round, a chain, all chains at a round, or a pair."""
        if self.per_round:
            return "round"
        return "chain" if self.per_chain else "all chains at a round" if self.per_population else "pair"
