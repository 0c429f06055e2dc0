"""What a rule may look at of one chain: how it began, and its last rounds. It stays small however long the chain becomes."""

import math
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import islice

import numpy as np
from jaxtyping import Float

from imageloop.records import Round

LONGEST = 100
"""Rounds of the longest cycle that is looked for."""
REACH = 10 * LONGEST
"""The last rounds that are kept: the longest cycle, as often as a rule may ask for."""
START = 26
"""The first rounds that are kept."""


@dataclass(frozen=True, slots=True)
class Seen:
    """One round as rules see it."""

    round: int
    caption: str
    written: bool
    """Whether the captioner wrote it; else a chain that starts from a text, or an arm, gave it."""
    pixels: str | None
    """Pixel hash; None where there is no picture."""
    blanked: bool
    step: float = math.nan
    """Cosine of the picture with the one before it; NaN where one of them is not known."""


@dataclass(slots=True)
class History:
    """One chain so far."""

    fixed: bool = False
    """Whether every round has the same noise, so that a picture that comes back proves a cycle."""
    start: list[Seen] = field(default_factory=list)
    """The first rounds whose caption the captioner wrote."""
    recent: deque[Seen] = field(default_factory=lambda: deque(maxlen=REACH))

    def add(self, seen: Seen) -> None:
        """One more round."""
        if seen.written and len(self.start) < START:
            self.start.append(seen)
        self.recent.append(seen)

    def last(self, count: int) -> list[Seen]:
        """The last rounds, oldest first; fewer where there are not so many."""
        return list(islice(self.recent, max(0, len(self.recent) - count), None))


def seen_of(done: Round) -> Seen:
    """A round without its step."""
    kept = done.captions[done.caption_pick.chosen]
    picture = done.picture
    written = not (kept.seed is None and kept.tokens == 0)
    return Seen(done.round, kept.text, written, picture.pixels if picture else None, bool(picture and picture.blanked))


def cosine(one: Float[np.ndarray, " d"] | None, other: Float[np.ndarray, " d"] | None) -> float:
    """Of two unit vectors, −1 to 1; NaN where one is not known."""
    if one is None or other is None:
        return math.nan
    # Summed in one fixed order, because a rule that acts changes a chain.
    return float(np.clip((one.astype(np.float64) * other.astype(np.float64)).sum(), -1, 1))


def mean(values: Sequence[float]) -> float:
    """The mean; NaN without values."""
    return math.fsum(values) / len(values) if values else math.nan
