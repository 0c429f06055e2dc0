"""A run's folder, written: the one process that may change it, what it refuses, and how one more round lands.

A round lands in this order: each picture under another name, synced, renamed; then one line in rounds.jsonl; then the pictures that the
plan no longer keeps are removed. Ended anywhere in between, the chain stands at the round before, and the same turn is done again.
"""

import fcntl
import json
import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Any, NamedTuple, Self

from imageloop.disk import PART, append_line, remove, sync, told, truncate, write_whole
from imageloop.errors import ForeignRun, RunError, RunLocked
from imageloop.identity import changes, grown, listed, plan_changes, run_hash
from imageloop.provenance import commit, versions
from imageloop.records import ChainKey, Original, Pixels, Recipe, Round, canonical, pixel_hash
from imageloop.store import RunFolder, RunInfo, encode_picture, file_names, keeps, read_lines, read_picture, read_text


class Stand(NamedTuple):
    """Where a chain stands: rounds done, its last picture and its first caption; None and None at round 0."""

    rounds: int
    pixels: Pixels | None
    first_caption: str | None


class RunWriter:
    """The run in a folder, locked for this process until `close`."""

    def __init__(self, run: RunFolder, lock: int) -> None:
        self.run = run
        self._messages: list[str] = []
        self._lock = lock
        self._touched: set[Path] = set()

    @classmethod
    def open(cls, path: str | Path, plan: Mapping[str, Any], originals: Sequence[Original], *, importing: bool = False) -> "RunWriter":
        """A new run, or one that goes on with this plan (as JSON values) and these originals.

        `importing`: the rounds to come were made elsewhere. Raises RunError when the folder cannot be used, RunLocked when another process
        works on it, and ForeignRun when a round in it was made by another plan, or elsewhere and these are not, or the other way round;
        more rounds, seeds and originals are no other plan.
        """
        folder = Path(path)
        with told(folder):
            folder.mkdir(parents=True, exist_ok=True)
        lock = _locked(folder)
        try:
            writer = cls(RunFolder(folder, RunInfo(plan={})), lock)
            writer._settle(plan, importing)
            writer._settle_originals(originals)
        except BaseException:
            os.close(lock)
            raise
        return writer

    def use(self, recipe: Recipe, label: str) -> None:
        """Notes that chains are made by this model, before the first one is. Raises ForeignRun when the run has it by another recipe."""
        name = f"{recipe.role}/{label}"
        fields = asdict(recipe)
        recorded = self.run.info.recipes.get(name)
        if recorded is None:
            info = replace(self.run.info, recipes={**self.run.info.recipes, name: fields}, device=self.run.info.device or recipe.device)
            self._write(info)
        elif canonical(recorded) != canonical(fields):
            what = listed(changes(recorded, fields))
            raise ForeignRun(f"{self.run.path}: {recipe.role} {label} was another there: {what}; choose another folder with --out")

    def resume(self, key: ChainKey) -> Stand:
        """Where a chain stands: how many of its rounds are whole, and what the next one needs of them.

        What lies behind them, left by an interrupted or damaged run, is removed, so that those rounds are done again.
        """
        folder = self.run.chain_path(key)
        file = folder / "rounds.jsonl"
        lines = read_lines(file)
        valid = lines[-1].end if lines else 0
        if file.exists() and file.stat().st_size > valid:
            self._messages.append(f"{file}: line {len(lines) + 1} is damaged; the chain goes on from round {len(lines)}")
        pixels = None
        while lines and (last := lines[-1].round.picture) is not None and (pixels := _last_picture(folder, lines[-1].round)) is None:
            lines.pop()
            self._messages.append(f"{folder / str(last.file)}: missing or damaged; round {len(lines) + 1} will be done again")
        end = lines[-1].end if lines else 0
        if file.exists() and file.stat().st_size > end:
            truncate(file, end)
        _sweep(folder, lines[-1].round if lines else None, self.run.info.plan["keep"])
        return Stand(len(lines), pixels, lines[0].round.caption if lines else None)

    def append(self, key: ChainKey, done: Round, pictures: Sequence[Pixels], recipe: str) -> None:
        """Stores one round with the pixels of all its candidates; `recipe` is the generator's hash.

        Raises RunError when the disk refuses; the chain then stands where it stood.
        """
        folder = self.run.chain_path(key)
        plan = self.run.info.plan
        names = file_names(done.round, len(pictures), done.picture_pick.chosen)
        kept = [i == done.picture_pick.chosen or bool(plan["keep_candidates"]) for i in range(len(pictures))]
        done = replace(done, pictures=tuple(replace(p, file=n if k else None) for p, n, k in zip(done.pictures, names, kept, strict=True)))
        with told(folder):
            (folder / "images").mkdir(parents=True, exist_ok=True)
        for stored, pixels in zip(done.pictures, pictures, strict=True):
            if stored.file:
                seed = {} if stored.seed is None else {"seed": str(stored.seed)}
                texts = {"caption": done.prompt, **seed, "recipe": recipe}
                write_whole(folder / stored.file, encode_picture(pixels, texts))
        outlived = done.round > 1 and not keeps(plan["keep"], done.round - 1)
        line = canonical(done.to_json()).encode("utf-8", "backslashreplace")
        # Only where pictures are removed next must the line survive a loss of power; elsewhere its loss costs one turn, and a sync
        # of every line would double the cost of a small round.
        append_line(folder / "rounds.jsonl", line, sync=outlived)
        self._touched.add(folder / "rounds.jsonl")
        if outlived:
            _drop(folder, done.round - 1, len(pictures))

    def told(self) -> list[str]:
        """What was found and repaired since last asked, a line each."""
        messages, self._messages = self._messages, []
        return messages

    def close(self) -> None:
        """Makes every line durable and lets other processes in."""
        try:
            for file in sorted(self._touched):
                sync(file)
            self._touched.clear()
        finally:
            os.close(self._lock)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    def _settle(self, plan: Mapping[str, Any], importing: bool) -> None:
        folder = self.run.path
        created = datetime.now(UTC).isoformat(timespec="seconds")
        new = RunInfo(plan=dict(plan), versions=versions(), commit=commit(), created=created)
        if not (folder / "run.json").exists():
            strangers = sorted(file.name for file in folder.iterdir() if not file.name.startswith("."))
            if strangers:
                raise RunError(f"{folder}: is no run's folder but holds {strangers[0]}; choose another folder with --out")
            return self._write(new)
        self.run = RunFolder.open(folder)
        if not any(file.stat().st_size for file in folder.glob("chains/*/*/rounds.jsonl")):
            return self._write(new)
        old = self.run.info
        if self.run.imported != importing:
            which = (
                "its rounds were imported, and no model here made them" if self.run.imported else "its rounds were made here, not imported"
            )
            raise ForeignRun(f"{folder}: {which}, so it does not go on; choose another folder with --out")
        if other := plan_changes(old.plan, plan):
            raise ForeignRun(f"{folder}: is a run of another plan: {listed(other)}; choose another folder with --out")
        software = [{**info.versions, "imageloop's commit": info.commit} for info in (old, new)]
        if moved := changes(*software):
            self._messages.append(f"{folder}: goes on with other software: {listed(moved)}")
        if (both := grown(old.plan, plan)) != old.plan:
            self._write(replace(old, plan=both))
        return None

    def _settle_originals(self, originals: Sequence[Original]) -> None:
        folder = self.run.path / "originals"
        with told(folder):
            folder.mkdir(exist_ok=True)
        for original in originals:
            file = folder / f"{original.id}{'.png' if original.text is None else '.txt'}"
            stored = _stored(file)
            if stored is None:
                data = encode_picture(original.pixels, {}) if original.pixels is not None else str(original.text).encode()
                if file.exists():
                    self._messages.append(f"{file}: was damaged; written again")
                write_whole(file, data)
            elif not _same(stored, original):
                raise ForeignRun(f"{file}: is not the plan's original of that name; choose another folder with --out")

    def _write(self, info: RunInfo) -> None:
        info = replace(info, plan_hash=run_hash(info.plan, info.recipes))
        text = json.dumps(asdict(info), indent=2, ensure_ascii=False, allow_nan=False)
        write_whole(self.run.path / "run.json", f"{text}\n".encode())
        self.run = RunFolder(self.run.path, info)


def _locked(folder: Path) -> int:
    with told(folder):
        lock = os.open(folder / ".lock", os.O_RDWR | os.O_CREAT, 0o666)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(lock)
            raise RunLocked(f"{folder}: another process works on this run; wait for it, or choose another folder with --out") from None
    return lock


def _last_picture(folder: Path, done: Round) -> Pixels | None:
    if not all((folder / picture.file).is_file() for picture in done.pictures if picture.file):
        return None
    if done.picture is None:
        return None
    try:
        pixels = read_picture(folder / str(done.picture.file))
    except RunError:
        return None
    return pixels if pixel_hash(pixels) == done.picture.pixels else None


def _sweep(folder: Path, last: Round | None, keep: str) -> None:
    """Removes what an interrupted round left: parts of files, pictures without a line, pictures that were to be removed."""
    done = last.round if last else 0
    for file in sorted(folder.glob("images/*")) + sorted(folder.glob("images/.*")):
        number = re.match(r"\d+", file.name)
        if file.name.endswith(PART) or (number and int(number[0]) > done):
            remove(file)
    if last and done > 1 and not keeps(keep, done - 1):
        _drop(folder, done - 1, len(last.pictures))


def _drop(folder: Path, round: int, candidates: int) -> None:
    for name in sorted({*file_names(round, candidates, 0), *file_names(round, candidates, -1)}):
        remove(folder / name)


def _stored(file: Path) -> Original | None:
    try:
        if file.suffix == ".png":
            return Original(file.stem, pixels=read_picture(file))
        return Original(file.stem, text=read_text(file))
    except RunError:
        return None


def _same(stored: Original, original: Original) -> bool:
    if stored.pixels is None or original.pixels is None:
        return stored.text == original.text
    return pixel_hash(stored.pixels) == pixel_hash(original.pixels)
