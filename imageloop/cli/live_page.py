"""The page of a run while it goes on: kept up to date in a thread of its own, so that the models never wait for it."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Self

from imageloop.errors import RunError

if TYPE_CHECKING:
    from imageloop.records import Round
    from imageloop.report import Gallery
    from imageloop.runner import Progress

FIRST = 10.0
"""Seconds that a run goes on before it has a page: a shorter one has it at its end, soon enough."""
EVERY = 20.0
"""Seconds between two looks at what is new, at least; `Gallery` sees to it that they take no more than its share of the time."""
GRACE = 2.0
"""Seconds that a run which was stopped waits for its page to say so."""


class LivePage:
    """Progress that is passed on, and meanwhile the page of the run, made after `FIRST` seconds and refreshed every `EVERY` seconds.

    What goes wrong with the page is said once; the run goes on without it, and the page is made at the end.
    """

    def __init__(self, folder: Path, watcher: Progress, now: Callable[[], float] = time.monotonic) -> None:
        self._folder = folder
        self._watcher = watcher
        self._now = now
        self._since = now()
        self._over = threading.Event()
        self._stopped = False
        self._thread: threading.Thread | None = None
        self.seconds = 0.0
        """Processor time that the page has taken so far."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._stopped = kind is not None
        self._over.set()
        if self._thread:
            # At a run's end two must not write one page; who stops it must not be made to wait. Files are whole wherever a thread ends.
            self._thread.join(GRACE if self._stopped else None)

    def pair_started(self, pair: str, chains: int, done: int, total: int) -> None:
        """Passed on."""
        self._watcher.pair_started(pair, chains, done, total)

    def turn_done(self, pair: str, rounds: Sequence[Round], seconds: float) -> None:
        """Passed on; when the run has gone on for long enough, its page begins."""
        self._watcher.turn_done(pair, rounds, seconds)
        if self._thread is None and self._now() - self._since >= FIRST:
            # Imported here: two threads that import at the same time may see modules half made.
            from imageloop.report import Gallery

            self._thread = threading.Thread(target=self._keep, args=(Gallery(self._folder),), name="page", daemon=True)
            self._thread.start()

    def rounds_dropped(self, pair: str, rounds: int) -> None:
        """Passed on."""
        self._watcher.rounds_dropped(pair, rounds)

    def message(self, text: str) -> None:
        """Passed on."""
        self._watcher.message(text)

    def _keep(self, gallery: Gallery) -> None:
        try:
            self._follow(gallery)
        except (RunError, OSError) as error:
            self._watcher.message(f"the page is not kept up to date any more: {error}")

    def _follow(self, gallery: Gallery) -> None:
        told = False
        while True:
            gallery.refresh()
            self.seconds = time.thread_time()
            if not told and gallery.page.is_file() and not self._over.is_set():
                self._watcher.message(f"page      {gallery.page}, kept up to date while the run goes on")
                told = True
            if self._over.wait(EVERY):
                break
        if self._stopped:
            gallery.rest()
