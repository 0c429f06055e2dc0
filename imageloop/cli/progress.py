"""How a run gets on: a live line per pair on a terminal, plain lines now and then elsewhere. Everything goes to stderr."""

import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn
from rich.text import Text

from imageloop.records import Round

EVERY = 10.0
"""Seconds between two plain lines of a pair."""


@dataclass(slots=True)
class Pace:
    """Where a pair stands, and how fast it has moved since this process took it up."""

    total: int
    done: int
    fresh: int = 0
    seconds: float = 0.0
    similarity: float | None = None
    told: float = float("-inf")

    def drop(self, rounds: int) -> None:
        """So many rounds will not be made."""
        self.total -= rounds

    def turn(self, rounds: Sequence[Round], seconds: float) -> None:
        """Count the rounds of one turn, and take up how close their pictures came to the originals where a pick compared them."""
        self.done += len(rounds)
        self.fresh += len(rounds)
        self.seconds += seconds
        picks = [turn.picture_pick for turn in rounds]
        scores = [pick.scores[pick.chosen] for pick in picks if pick.saw_original and pick.scores is not None]
        self.similarity = sum(scores) / len(scores) if scores else None

    def words(self) -> str:
        """`48/80 rounds  3.1 rounds/s  0:10 left  similarity 0.81`."""
        parts = [f"{self.done}/{self.total} rounds"]
        if self.fresh and self.seconds:
            speed = self.fresh / self.seconds
            parts += [f"{speed:.1f} rounds/s", f"{clock((self.total - self.done) / speed)} left"]
        if self.similarity is not None:
            parts.append(f"similarity {self.similarity:.2f}")
        return "  ".join(parts)


class PlainLines:
    """Progress as lines of text, at most one a pair every ten seconds, and one at its end."""

    def __init__(self, write: Callable[[str], object] | None = None, now: Callable[[], float] = time.monotonic) -> None:
        self._write = write or sys.stderr.write
        self._now = now
        self._paces: dict[str, Pace] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        pass

    def pair_started(self, pair: str, chains: int, done: int, total: int) -> None:
        """Says where the pair stands."""
        self._paces[pair] = Pace(total, done)
        state = "done before" if done == total else "starts" if done == 0 else "goes on"
        self._write(f"{pair}: {state}, {done}/{total} rounds of {chains} chains\n")

    def turn_done(self, pair: str, rounds: Sequence[Round], seconds: float) -> None:
        """Says how far the pair is, unless it has just been said."""
        pace, now = self._paces[pair], self._now()
        pace.turn(rounds, seconds)
        if pace.done >= pace.total or now - pace.told >= EVERY:
            pace.told = now
            self._write(f"{pair}: {pace.words()}\n")

    def rounds_dropped(self, pair: str, rounds: int) -> None:
        """Counts on fewer."""
        self._paces[pair].drop(rounds)

    def message(self, text: str) -> None:
        """Says it."""
        self._write(f"{text}\n")


class LiveLines:
    """Progress as one live line per pair, on a terminal."""

    def __init__(self, console: Console | None = None) -> None:
        columns = (
            TextColumn("{task.description}", markup=False),
            BarColumn(bar_width=24),
            TextColumn("{task.fields[words]}", markup=False),
        )
        self._progress = Progress(*columns, console=console or Console(stderr=True, markup=False, highlight=False))
        self._paces: dict[str, Pace] = {}
        self._tasks: dict[str, TaskID] = {}

    def __enter__(self) -> Self:
        self._progress.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._progress.stop()

    def pair_started(self, pair: str, chains: int, done: int, total: int) -> None:
        """Adds the pair's line."""
        self._paces[pair] = pace = Pace(total, done)
        words = f"{pace.words()} of {chains} chains{', done before' if done == total else ''}"
        self._tasks[pair] = self._progress.add_task(pair, total=total, completed=done, words=words)

    def turn_done(self, pair: str, rounds: Sequence[Round], seconds: float) -> None:
        """Moves the pair's line on."""
        pace = self._paces[pair]
        pace.turn(rounds, seconds)
        self._progress.update(self._tasks[pair], completed=pace.done, words=pace.words())

    def rounds_dropped(self, pair: str, rounds: int) -> None:
        """Makes the pair's line shorter."""
        pace = self._paces[pair]
        pace.drop(rounds)
        self._progress.update(self._tasks[pair], total=pace.total, words=pace.words())

    def message(self, text: str) -> None:
        """Prints it above the lines."""
        self._progress.console.print(Text(text))


def watcher() -> PlainLines | LiveLines:
    """Live lines where stderr is a terminal, plain ones elsewhere."""
    return LiveLines() if sys.stderr.isatty() else PlainLines()


def clock(seconds: float) -> str:
    """`0:07`, `12:00`, `3:05:00`."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"
