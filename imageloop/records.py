"""The frozen data that the rest passes around. Nothing here does anything but hold, hash and turn into JSON.

`to_json`/`from_json` of `Round` define one line of `rounds.jsonl`; everything in it is text, finite numbers, booleans, null, lists and
objects of those.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

Pixels = NDArray[np.uint8]
"""An RGB picture, uint8 (height, width, 3). Pixels carry no file name and no metadata: all that a model may see of a picture."""


def pixel_hash(pixels: Pixels) -> str:
    """SHA-256 over the shape and the bytes of a picture, as hex."""
    return hashlib.sha256(repr(pixels.shape).encode() + np.ascontiguousarray(pixels).tobytes()).hexdigest()


@dataclass(frozen=True, slots=True)
class Recipe:
    """Everything that changes a model's output, and nothing else.

    `settings` holds JSON values only: steps, guidance scale, size, instruction, decoding settings, token limits, library versions …
    """

    role: Literal["captioner", "generator", "embedder"]
    name: str
    family: str
    target: str
    revision: str
    dtype: str
    device: str
    batch: int
    settings: Mapping[str, Any] = field(default_factory=dict)

    @property
    def hash(self) -> str:
        """The first 16 hex digits of the SHA-256 over the recipe's canonical JSON."""
        return hashlib.sha256(canonical(asdict(self)).encode()).hexdigest()[:16]


def canonical(value: Any) -> str:
    """JSON with sorted keys and no spaces; refuses NaN and infinity with ValueError."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)


@dataclass(frozen=True, slots=True)
class Caption:
    """One candidate text for one picture."""

    text: str
    tokens: int
    cut: bool = False
    """Whether the text ends because the captioner's token limit was reached."""
    log_probability: float | None = None
    """Mean natural-log probability per token under the captioner's own distribution; None where it gives none."""
    entropy: float | None = None
    """Mean predictive entropy per token, in nats; None where the captioner gives none."""


@dataclass(frozen=True, slots=True)
class Picture:
    """One candidate picture for one prompt."""

    pixels: Pixels
    prompt_tokens: Mapping[str, int]
    """Tokens of the whole prompt, special tokens included, by text encoder."""
    prompt_tokens_read: Mapping[str, int]
    """Tokens the text encoder really read: less than `prompt_tokens` when the prompt was truncated."""
    blanked: bool = False
    """Whether a safety checker replaced the picture."""


@dataclass(frozen=True, slots=True)
class Pick:
    """How one of several candidates was chosen."""

    rule: str
    chosen: int
    saw_original: bool = False
    """Whether the rule compared with the original: a declared exception to the telephone contract."""
    scores: tuple[float, ...] | None = None
    """What the rule maximised, one number a candidate; None for rules that compare nothing."""


@dataclass(frozen=True, slots=True)
class StoredPicture:
    """A candidate picture as `rounds.jsonl` knows it."""

    pixels: str
    """`pixel_hash` of the picture."""
    seed: int
    file: str | None
    """Path below the chain's folder, or None when the plan does not keep it."""
    blanked: bool = False


@dataclass(frozen=True, slots=True)
class SeededCaption:
    """A candidate caption with the seed it was drawn from; seed None when no model wrote it."""

    text: str
    tokens: int
    seed: int | None
    cut: bool = False
    log_probability: float | None = None
    entropy: float | None = None


@dataclass(frozen=True, slots=True)
class Round:
    """Round t of a chain: `x_{t-1}` → captions → the chosen one → prompt → pictures → the chosen one `x_t`. One line of `rounds.jsonl`."""

    round: int
    saw: str | None
    """`pixel_hash` of the picture the captioner was shown; None in round 1 of a chain that starts from a text."""
    captions: tuple[SeededCaption, ...]
    caption_pick: Pick
    prompt: str
    prompt_tokens: Mapping[str, int]
    prompt_tokens_read: Mapping[str, int]
    pictures: tuple[StoredPicture, ...]
    picture_pick: Pick
    acts: tuple[Mapping[str, Any], ...] = ()
    """What interventions did this round, each `{"arm": …, …}`; empty in the plain loop."""
    seconds: Mapping[str, float] = field(default_factory=dict)
    """Wall time of each stage divided by the chains that shared it. Not part of the result: two identical runs differ here."""

    @property
    def caption(self) -> str:
        """The chosen caption `y_t`."""
        return self.captions[self.caption_pick.chosen].text

    @property
    def picture(self) -> StoredPicture:
        """The chosen picture `x_t`."""
        return self.pictures[self.picture_pick.chosen]

    @property
    def truncated(self) -> bool:
        """Whether some text encoder read less than the whole prompt."""
        return any(self.prompt_tokens_read[name] < count for name, count in self.prompt_tokens.items())

    def to_json(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_json(cls, row: Mapping[str, Any]) -> "Round":
        """The inverse of `to_json`. Raises KeyError or TypeError on a row that is not a round."""
        fields = dict(row)
        fields["captions"] = tuple(SeededCaption(**caption) for caption in row["captions"])
        fields["pictures"] = tuple(StoredPicture(**picture) for picture in row["pictures"])
        fields["caption_pick"] = _pick(row["caption_pick"])
        fields["picture_pick"] = _pick(row["picture_pick"])
        fields["acts"] = tuple(row["acts"])
        return cls(**fields)


def _pick(row: Mapping[str, Any]) -> Pick:
    return Pick(**{**row, "scores": None if row["scores"] is None else tuple(row["scores"])})


@dataclass(frozen=True, slots=True)
class Original:
    """What chains start from: a picture, or a text."""

    id: str
    """Letters, digits, `-` and `_` only; a readable part and the first 8 hex digits of the content's hash."""
    pixels: Pixels | None = None
    text: str | None = None

    def __post_init__(self) -> None:
        if (self.pixels is None) == (self.text is None):
            raise ValueError("an original is either a picture or a text")


@dataclass(frozen=True, slots=True, order=True)
class ChainKey:
    """Which chain: one pair of models, one original, one seed index, one arm."""

    captioner: str
    generator: str
    original: str
    seed: int
    arm: str = "plain"

    @property
    def pair(self) -> str:
        """`captioner+generator`, the name of the pair everywhere."""
        return f"{self.captioner}+{self.generator}"
