"""What an intervention may look at before a round, and what it may do to it."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Literal, Protocol

from imageloop.records import ChainKey, Original, Pixels

Role = Literal["captioner", "generator"]
Fits = Callable[[str], bool]
"""Whether the generator of the round reads the whole of a prompt."""


@dataclass(frozen=True, slots=True)
class Moment:
    """What an intervention may look at: where a chain stands before a round."""

    key: ChainKey
    round: int
    """The round about to be made, from 1."""
    seed: int
    """Of this chain, round and the stage `arm`: the same in every pair and arm."""
    chain_seed: int
    """Of this chain and the stage `arm`, the same in every round."""
    original: Original
    first_caption: str | None
    """`y_1`; None before round 1, unless the original is a text."""
    models: Mapping[Role, Sequence[str]]
    """The plan's models, the chain's own first."""
    material: Mapping[str, Sequence[Original]]
    """What the arm's sources hold."""


@dataclass(frozen=True, slots=True)
class Act:
    """What is done to one round; what is left out stays as the plan has it."""

    notes: tuple[Mapping[str, Any], ...] = ()
    """What the record says, one note for each intervention that acted."""
    picture: Pixels | None = None
    """What the captioner sees in place of the last picture."""
    caption: str | None = None
    """The caption; the captioner is not asked."""
    prompt: Callable[[str, Fits], str] | None = None
    """From the chosen caption to the prompt."""
    captioner: str | None = None
    generator: str | None = None
    """Models of the plan that take this round."""
    pick_caption: str | None = None
    pick_image: str | None = None
    captions: int | None = None
    images: int | None = None
    """How many candidates are drawn, and how one is kept."""


NOTHING = Act()


class Intervention(Protocol):
    """One named intervention with its parameters, which are the fields of a frozen dataclass."""

    name: ClassVar[str]

    def act(self, moment: Moment) -> Act | None:
        """What it does to the round about to be made; None where it leaves it alone."""
        ...
