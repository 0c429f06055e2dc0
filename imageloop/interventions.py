"""The interventions themselves, each a few lines: pure, seeded by the moment it is given, and a row of `ARMS`."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import numpy as np

from imageloop.errors import PlanError
from imageloop.moment import Act, Fits, Moment, Role
from imageloop.picks import IMAGE_PICKS, PICKS

FLOOR = "floor"
"""The control whose chains redraw the original's first caption with new seeds: how much a pair loses without the loop."""
FLOOR_ROUNDS = 5
"""Rounds of a control chain, at most: its rounds are draws of one caption, and need not go as far as the chains they calibrate."""


@dataclass(frozen=True, slots=True)
class Floor:
    """The control: the original's first caption is drawn again and again."""

    name: ClassVar[str] = FLOOR

    def act(self, moment: Moment) -> Act | None:
        if moment.first_caption is None:
            return None
        return Act(({"arm": FLOOR, "caption": "the original's first caption", "saw_original": True},), caption=moment.first_caption)


@dataclass(frozen=True, slots=True)
class Reanchor:
    """Every `every` rounds the original comes back: as the picture the captioner sees, as its first caption, or joined with the new one."""

    name: ClassVar[str] = "reanchor"
    every: int
    how: Literal["image", "caption", "blend"] = "image"

    def __post_init__(self) -> None:
        _at_least_1(self.name, "every", self.every)
        if self.how not in ("image", "caption", "blend"):
            raise ValueError(f"{self.name}: how must be image, caption or blend, not {self.how!r}")

    def act(self, moment: Moment) -> Act | None:
        if moment.round % self.every or moment.first_caption is None:
            return None
        note = ({"arm": self.name, "how": self.how, "saw_original": True},)
        if self.how == "image" and moment.original.pixels is not None:
            return Act(note, picture=moment.original.pixels)
        if self.how == "blend":
            first = moment.first_caption
            return Act(note, prompt=lambda caption, fits: joined_within(first, caption, fits))
        return Act(note, caption=moment.first_caption)


def joined_within(first: str, second: str, fits: Fits) -> str:
    """Two texts as one prompt that is read whole: words are taken from the end of the longer one until it fits.

    Where not even two words fit, the first text, which the record then shows as truncated.
    """
    halves = [first.split(), second.split()]
    while all(halves):
        text = ", ".join(" ".join(half) for half in halves)
        if fits(text):
            return text
        max(halves, key=len).pop()
    return first


@dataclass(frozen=True, slots=True)
class KeepPrompt:
    """A fixed text behind every caption."""

    name: ClassVar[str] = "keep_prompt"
    text: str

    def __post_init__(self) -> None:
        if not isinstance(self.text, str) or not self.text.strip():
            raise ValueError(f"{self.name}: text must be some words in quotes")

    def act(self, _moment: Moment) -> Act | None:
        return Act(({"arm": self.name, "text": self.text},), prompt=lambda caption, _fits: f"{caption}, {self.text}")


@dataclass(frozen=True, slots=True)
class Fresh:
    """With probability `p` a round starts from new human-made material: a picture to describe, or a text to draw.

    `source` names originals as a plan does; without one, it is the plan's other originals, or other scenes where its only one is a scene of
    the sticker world. Which rounds and what material is the same in every pair and arm. Alemohammad et al. 2024, "Self-consuming
    generative models go MAD".
    """

    name: ClassVar[str] = "fresh"
    p: float
    source: str = ""

    def __post_init__(self) -> None:
        if not isinstance(self.p, int | float) or isinstance(self.p, bool) or not 0 <= self.p <= 1:
            raise ValueError(f"{self.name}: p must be a probability, 0 to 1, not {self.p!r}")
        if not isinstance(self.source, str):
            raise ValueError(f"{self.name}: source must be a text in quotes, such as 'my-photos/'")

    def act(self, moment: Moment) -> Act | None:
        chance, which = np.random.Generator(np.random.Philox(moment.seed)).random(2)
        if chance >= self.p:
            return None
        material = [new for new in moment.material[self.source] if new.id != moment.original.id]
        if not material:
            raise PlanError(f"fresh(p={self.p}): there is no other original to take; name some: fresh(p={self.p}, source='my-photos/')")
        new = material[math.floor(which * len(material))]
        return Act(({"arm": self.name, "fresh": new.id},), picture=new.pixels, caption=new.text)


@dataclass(frozen=True, slots=True)
class Rotate:
    """Another model each round: the pair's own first, then the others in an order seeded by the chain, and again from the start.

    The others are those of `among`, by default the plan's.
    """

    name: ClassVar[str] = "rotate"
    what: Literal["captioners", "generators", "both"]
    among: Sequence[str] = ()

    def __post_init__(self) -> None:
        if self.what not in ("captioners", "generators", "both"):
            raise ValueError(f"{self.name}: what must be captioners, generators or both, not {self.what!r}")
        if isinstance(self.among, str) or not all(isinstance(spec, str) for spec in self.among):
            raise ValueError(f"{self.name}: among must be a list of models in quotes, such as ['sticker-git']")
        if self.among and self.what == "both":
            raise ValueError(f"{self.name}: among goes with captioners or with generators; join two rotations by + for both")

    @property
    def rotates(self) -> Mapping[Role, Sequence[str]]:
        """The roles that change hands, with the models named for them; none named stands for the plan's."""
        both: tuple[Role, ...] = ("captioner", "generator")
        return {role: tuple(self.among) for role in both if self.what in (f"{role}s", "both")}

    def act(self, moment: Moment) -> Act | None:
        taken: dict[str, str] = {}
        for role, among in self.rotates.items():
            own, *planned = moment.models[role]
            others = [spec for spec in among or planned if spec != own]
            order = np.random.Generator(np.random.Philox(moment.chain_seed)).permutation(len(others))
            taken[role] = [own, *(others[i] for i in order)][(moment.round - 1) % (len(others) + 1)]
        return Act(({"arm": self.name, **taken},), captioner=taken.get("captioner"), generator=taken.get("generator"))


@dataclass(frozen=True, slots=True)
class PickAmong:
    """Of `of` candidates, the one a rule prefers is kept: choosing is itself a force."""

    name: ClassVar[str] = "pick"
    what: Literal["caption", "image"]
    rule: str
    of: int = 4

    def __post_init__(self) -> None:
        if self.what not in ("caption", "image"):
            raise ValueError(f"{self.name}: what must be caption or image, not {self.what!r}")
        fitting = tuple(PICKS) if self.what == "caption" else IMAGE_PICKS
        if self.rule not in fitting:
            raise ValueError(f"{self.name}: the rule for one {self.what} must be one of {', '.join(fitting)}, not {self.rule!r}")
        _at_least_1(self.name, "of", self.of)

    @property
    def choice(self) -> tuple[int, str]:
        """How many candidates there are, and the rule."""
        return self.of, self.rule

    def act(self, _moment: Moment) -> Act | None:
        note = ({"arm": self.name, "what": self.what, "rule": self.rule, "of": self.of, "saw_original": PICKS[self.rule].sees_original},)
        if self.what == "caption":
            return Act(note, pick_caption=self.rule, captions=self.of)
        return Act(note, pick_image=self.rule, images=self.of)


@dataclass(frozen=True, slots=True)
class Temper:
    """Decoding as an arm: the captioner's sampling temperature, the generator's guidance scale, or both."""

    name: ClassVar[str] = "temper"
    temperature: float | None = None
    guidance: float | None = None

    def __post_init__(self) -> None:
        for key, value in (("temperature", self.temperature), ("guidance", self.guidance)):
            if value is not None and (not isinstance(value, int | float) or isinstance(value, bool) or value < 0):
                raise ValueError(f"{self.name}: {key} must be a number, 0 or more, not {value!r}")
        if self.temperature is None and self.guidance is None:
            raise ValueError(f"{self.name} is written temper(temperature=…) or temper(guidance=…)")

    @property
    def overrides(self) -> Mapping[str, Mapping[str, Any]]:
        """The recipe fields this changes, by role."""
        given = {"captioner": ("temperature", self.temperature), "generator": ("guidance_scale", self.guidance)}
        return {role: {key: value} for role, (key, value) in given.items() if value is not None}

    def act(self, _moment: Moment) -> Act | None:
        return Act(({"arm": self.name, **{key: value for values in self.overrides.values() for key, value in values.items()}},))


@dataclass(frozen=True, slots=True)
class Length:
    """The length of captions, by the instruction of that name; for captioners that take one.

    For others there is `pick(caption, shortest)` and `pick(caption, longest)`.
    """

    name: ClassVar[str] = "length"
    how: Literal["short", "long"]

    def __post_init__(self) -> None:
        if self.how not in ("short", "long"):
            raise ValueError(f"{self.name}: how must be short or long, not {self.how!r}")

    @property
    def overrides(self) -> Mapping[str, Mapping[str, Any]]:
        """The recipe field this changes."""
        return {"captioner": {"instruction": self.how}}

    def act(self, _moment: Moment) -> Act | None:
        return Act(({"arm": self.name, "instruction": self.how},))


ARMS: dict[str, type[Any]] = {kind.name: kind for kind in (Reanchor, Fresh, Rotate, PickAmong, Temper, Length, KeepPrompt)}
"""Every intervention that can be written in a plan, by its name. Your own: put a frozen dataclass with `name` and `act` in here."""


def _at_least_1(name: str, key: str, value: object) -> None:
    if not isinstance(value, int) or isinstance(value, bool) or value < 1:
        raise ValueError(f"{name}: {key} must be a whole number, 1 or more, not {value!r}")
