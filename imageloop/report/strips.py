"""Chains as the page and the sheet show them: frames with relative links, flags and candidates, and what is not there."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import quote

from PIL import Image

from imageloop.records import ChainKey, Pick, Round, StoredPicture
from imageloop.report.flags import INFERRED, flags_of
from imageloop.report.panels import pair_label, spread
from imageloop.report.words import short, shown

if TYPE_CHECKING:
    from imageloop.store import RunFolder

SMALL_SIDE = 160
"""Pictures up to this side are enlarged pixel by pixel."""
ONLY_A_CAPTION = "only the caption is known"
"""What stands in the place of a picture where an imported round has none."""
MOST_FRAMES = 16
"""Rounds shown of one chain without script, at most."""
MOST_STRIPS = 24
"""Chains shown without script, at most."""


@dataclass(frozen=True, slots=True)
class Shot:
    """A picture to show: a link relative to the report's folder, or why there is none."""

    link: str | None
    absent: str
    chosen: bool
    note: str = ""


@dataclass(frozen=True, slots=True)
class Saying:
    """A candidate caption, in full."""

    text: str
    chosen: bool
    note: str = ""


@dataclass(frozen=True, slots=True)
class Frame:
    """One round of a chain."""

    round: int
    caption: str
    shot: Shot
    flags: tuple[str, ...]
    sayings: tuple[Saying, ...]
    shots: tuple[Shot, ...]
    picks: tuple[str, ...]
    similarity: float | None

    @property
    def opens(self) -> bool:
        """Whether there is more to see than the frame shows."""
        return len(self.sayings) > 1 or len(self.shots) > 1 or len(self.sayings[0].text) > len(self.caption)


@dataclass(frozen=True, slots=True)
class Strip:
    """One chain."""

    key: ChainKey
    pair: str
    rounds: int
    frames: tuple[Frame, ...]
    flagged: int
    """Rounds with a flag, shown or not."""
    small: bool
    """Whether its pictures are small enough to be enlarged pixel by pixel."""

    @property
    def last(self) -> Frame | None:
        return self.frames[-1] if self.frames else None


def strip_of(run: RunFolder, key: ChainKey, rounds: Sequence[Round], similar: Mapping[int, float]) -> Strip:
    """The chain whose rounds these are, thinned to `MOST_FRAMES` rounds. `similar`: round → similarity to the original, where measured."""
    folder = f"../chains/{quote(key.pair)}/{quote(run.chain_path(key).name)}/"
    chosen = spread(len(rounds), MOST_FRAMES) if rounds else []
    keep = str(run.info.plan.get("keep", "all"))
    frames = tuple(_frame(rounds[number - 1], folder, keep, similar) for number in chosen)
    return Strip(
        key, pair_label(key.pair, key.arm), len(rounds), frames, sum(bool(flags_of(done)) for done in rounds), _small(run, key, rounds)
    )


def _small(run: RunFolder, key: ChainKey, rounds: Sequence[Round]) -> bool:
    file = next((picture.file for done in rounds if (picture := done.picture) and picture.file), None)
    if file is None:
        return False
    try:
        with Image.open(run.chain_path(key) / file) as image:
            return max(image.size) <= SMALL_SIDE
    except OSError:  # a damaged picture is shown as one by the browser
        return False


def _frame(done: Round, folder: str, keep: str, similar: Mapping[int, float]) -> Frame:
    shots = tuple(_shot(done, i, folder, keep) for i in range(len(done.pictures)))
    sayings = tuple(
        Saying(shown(one.text), i == done.caption_pick.chosen, _score(done.caption_pick, i)) for i, one in enumerate(done.captions)
    )
    return Frame(
        done.round,
        short(done.caption) or "(no words)",
        shots[done.picture_pick.chosen] if shots else Shot(None, ONLY_A_CAPTION, True),
        (*flags_of(done), *([INFERRED] if done.inferred else [])),
        sayings,
        shots,
        tuple(
            _pick(pick, count, noun)
            for pick, count, noun in ((done.caption_pick, len(sayings), "caption"), (done.picture_pick, len(shots), "picture"))
            if count > 1
        ),
        similar.get(done.round),
    )


def _shot(done: Round, place: int, folder: str, keep: str) -> Shot:
    picture: StoredPicture = done.pictures[place]
    chosen = place == done.picture_pick.chosen
    absent = "picture missing" if chosen and keep == "all" else "not kept"
    return Shot(None if picture.file is None else folder + quote(picture.file), absent, chosen, _score(done.picture_pick, place))


def _score(pick: Pick, place: int) -> str:
    return "" if pick.scores is None else f"{pick.scores[place]:.3f}"


def _pick(pick: Pick, count: int, noun: str) -> str:
    looked = ", which compares with the original" if pick.saw_original else ""
    return f"{noun.capitalize()} {pick.chosen + 1} of {count} was kept by the rule “{shown(pick.rule)}”{looked}."
