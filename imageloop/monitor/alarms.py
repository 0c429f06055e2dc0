"""Alarms, and the file at a run's root that lists them.

`alarms.jsonl` is derived: it can be deleted, and the next `imageloop run` makes it again from the rounds. A line is an alarm, or says
how many rounds of a pair have been watched.
"""

import json
import math
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from imageloop.disk import append_line, write_whole
from imageloop.records import ChainKey, canonical
from imageloop.watch import KINDS

if TYPE_CHECKING:
    from imageloop.store import RunFolder

FILE = "alarms.jsonl"
ALL_ORIGINALS, ALL_SEEDS = "*", -1
"""In place of original and seed, where a rule watches all chains of a pair and arm; as in `measures.parquet`."""

_DETAILS = {
    "jsd": "{value:.2f} bits, below {threshold:.2f}",
    "still": "a cosine of {value:.3f}, above {threshold:.3f}",
    "cycle": "with a period of {value:.0f}",
    "blank": "{value:.0f} in a row",
    "length": "{value:.2f} of their first length, below {threshold:.2f}",
    "vendi": "{value:.2f} of their first Vendi score, below {threshold:.2f}",
    "rare": "{value:.2f} are left, below {threshold:.2f}",
}
_DONE = {"stop": "stopped", "reanchor": "brought back to the original"}


@dataclass(frozen=True, slots=True, order=True)
class Alarm:
    """The round in which a rule begins to hold. A rule that stops holding and holds again raises another."""

    pair: str
    arm: str
    rule: str
    original: str
    """`*` where the rule watches all chains of the pair and arm; `seed` is then -1."""
    seed: int
    round: int
    value: float
    threshold: float
    action: str

    @property
    def words(self) -> str:
        """What has happened, for people: `the captions stopped changing: 0.04 bits, below 0.10`."""
        return f"{KINDS[self.rule].says}: {_DETAILS[self.rule].format(value=self.value, threshold=self.threshold)}"

    @property
    def where(self) -> str:
        """`surfer-2c1f0a3b-s0`, with the arm behind it unless it is the plain loop; `all chains` for a rule that watches them together."""
        chain = "all chains" if self.original == ALL_ORIGINALS else f"{self.original}-s{self.seed}"
        return chain if self.arm == "plain" else f"{chain} under {self.arm}"


def alarm_of(key: ChainKey, rule: str, round: int, value: float, threshold: float, action: str, *, together: bool = False) -> Alarm:
    """The alarm of one chain, or of all of its pair and arm."""
    original, seed = (ALL_ORIGINALS, ALL_SEEDS) if together else (key.original, key.seed)
    return Alarm(key.pair, key.arm, rule, original, seed, round, value, threshold, action)


@dataclass(slots=True)
class AlarmFile:
    """What `alarms.jsonl` holds."""

    path: Path
    alarms: list[Alarm] = field(default_factory=list)
    watched: dict[str, int] = field(default_factory=dict)
    """How many rounds, over all its chains, a pair had when it was last watched to its end."""

    @classmethod
    def read(cls, folder: Path) -> "AlarmFile":
        """The file of the run in a folder, up to the first line that is damaged; empty where there is none."""
        found = cls(folder / FILE)
        for line in found.path.read_text(encoding="utf-8", errors="replace").splitlines() if found.path.is_file() else []:
            try:
                row = json.loads(line)
                if "watched" in row:
                    found.watched[row["watched"]] = row["rounds"]
                else:
                    found.alarms.append(_alarm(row))
            except (ValueError, TypeError, KeyError, OverflowError, RecursionError):
                break
        return found

    def begin(self, pair: str, alarms: Iterable[Alarm]) -> None:
        """A pair is watched anew: these are its alarms so far. Raises RunError where the file cannot be written."""
        self.watched.pop(pair, None)
        self.alarms = [*(alarm for alarm in self.alarms if alarm.pair != pair), *alarms]
        self._write()

    def add(self, alarms: Iterable[Alarm]) -> None:
        """More alarms of the pair that is watched. Raises RunError where they cannot be written."""
        for alarm in alarms:
            self.alarms.append(alarm)
            append_line(self.path, canonical(asdict(alarm)).encode(), sync=False)

    def end(self, pair: str, rounds: int) -> None:
        """A pair has been watched to its end: the file is put in order, so that how often a run was stopped cannot be seen in it."""
        self.watched[pair] = rounds
        self._write()

    def _write(self) -> None:
        rows: list[dict[str, Any]] = [asdict(alarm) for alarm in sorted(self.alarms)]
        rows += [{"watched": pair, "rounds": rounds} for pair, rounds in sorted(self.watched.items())]
        write_whole(self.path, "".join(f"{canonical(row)}\n" for row in rows).encode(), sync=False)


def alarms_of(run: "RunFolder") -> list[Alarm]:
    """The alarms of a run, sorted by pair, arm, rule, original, seed and round; none where it was not watched."""
    return sorted(AlarmFile.read(run.path).alarms)


def told(alarms: Sequence[Alarm]) -> list[str]:
    """Alarms for people, a line for each pair and rule: how many chains, how many alarms, and the first of them."""
    lines = []
    for pair, rule in sorted({(alarm.pair, alarm.rule) for alarm in alarms}, key=lambda row: (row[0], list(KINDS).index(row[1]))):
        some = [alarm for alarm in alarms if (alarm.pair, alarm.rule) == (pair, rule)]
        first = min(some, key=lambda alarm: (alarm.round, alarm))
        places = len({(alarm.arm, alarm.original, alarm.seed) for alarm in some})
        of = f"in {places} {'arm' if KINDS[rule].together else 'chain'}{'s' if places > 1 else ''}"
        acted = Counter(alarm.action for alarm in some)
        did = "".join(f", {acted[action]} {word}" for action, word in _DONE.items() if acted[action])
        lines.append(f"{pair}: {rule} {of}, {KINDS[rule].says}; first in round {first.round} of {first.where}{did}")
    return lines


def _alarm(row: dict[str, Any]) -> Alarm:
    alarm = Alarm(**row)
    if alarm.rule not in KINDS:
        raise KeyError(alarm.rule)
    texts, counts = (alarm.pair, alarm.arm, alarm.original, alarm.action), (alarm.round, alarm.seed)
    numbers = all(type(one) in (int, float) and math.isfinite(one) for one in (alarm.value, alarm.threshold))
    if not (numbers and all(type(one) is str for one in texts) and all(type(one) is int for one in counts)):
        raise TypeError(row)
    return alarm
