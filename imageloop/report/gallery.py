"""The data beside the page: for each chain its rounds and thumbnails in blocks, and an overview. Only what is new is made."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from imageloop.disk import told
from imageloop.measures import table
from imageloop.records import ChainKey
from imageloop.report.blocks import data_file
from imageloop.report.following import Followed, follow, put
from imageloop.report.going import Going, going_on
from imageloop.report.overview import overview
from imageloop.store import RunFolder

SHARE = 0.03
"""The most of a run's time that keeping its page up to date may take."""


class Gallery:
    """The data of a run's page, kept up to date: `refresh` may be called as often as one likes."""

    def __init__(self, path: Path, clock: Callable[[], float] = time.monotonic, now: Callable[[], float] = time.time) -> None:
        self.path = path
        self._clock = clock
        self._now = now
        self._chains: dict[ChainKey, Followed] = {}
        self._free_from = clock()
        self._drawn = 0

    @property
    def page(self) -> Path:
        """Where the page is, or will be."""
        return self.path / "report" / "index.html"

    def refresh(self) -> bool:
        """Brings the data and the page up to date while the run goes on; gives whether it did.

        Does nothing where more than `SHARE` of the time would be spent here. Raises RunError where the folder cannot be written.
        """
        start = self._clock()
        if start < self._free_from:
            return False
        run = RunFolder.open(self.path)
        chains = self.write(run, running=True)
        self._write_page(run, chains)
        self._free_from = start + (self._clock() - start) / SHARE
        return True

    def rest(self) -> None:
        """Brings all up to date and has the page say no more that the run goes on. Raises RunError where the folder cannot be written."""
        run = RunFolder.open(self.path)
        chains = self.write(run)
        if not self._has_numbers():
            self._put_page(run, chains, None)

    def _write_page(self, run: RunFolder, chains: Sequence[Followed]) -> None:
        """The page itself: when the first round is there, and when there are twice as many; its script sees the others in the data.

        A page with measures is left as it is, for they are worth more than the newest rounds.
        """
        going = going_on(run, chains, self._now())
        if going.drawn and (not self.page.is_file() or (going.drawn >= 2 * self._drawn and not self._has_numbers())):
            self._put_page(run, chains, going)
            self._drawn = going.drawn

    def _put_page(self, run: RunFolder, chains: Sequence[Followed], going: Going | None) -> None:
        from imageloop.report.page import write_page

        write_page(run, None, [], chains, going)

    def _has_numbers(self) -> bool:
        """Whether there are measures, and the page was not made before them while the run went on."""
        return (self.path / table.PARQUET).is_file() and self.page.is_file() and b'"going":true' not in self.page.read_bytes()

    def write(self, run: RunFolder, *, running: bool = False) -> list[Followed]:
        """Brings the data up to date; gives what there is of each chain. Raises RunError where the folder cannot be written."""
        folder = self.path / "report" / "data"
        with told(folder):
            folder.mkdir(parents=True, exist_ok=True)
        keeps_all = str(run.info.plan.get("keep", "all")) == "all"
        for key in run.keys():  # noqa: SIM118, a run folder is no mapping
            known = self._chains.get(key)
            if known is None or known.cut_back:
                known = self._chains[key] = Followed(key, run.chain_path(key), folder / short_name(run, key), keeps_all)
            follow(known)
        chains = [self._chains[key] for key in sorted(self._chains)]
        put(folder / "overview.js", data_file("overview", overview(run, chains, going_on(run, chains, self._now()) if running else None)))
        return chains


def short_name(run: RunFolder, key: ChainKey) -> str:
    """The folder of a chain's data: twelve letters and digits, the same wherever the run lies."""
    return hashlib.sha256(run.chain_path(key).relative_to(run.path).as_posix().encode()).hexdigest()[:12]
