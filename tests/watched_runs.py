"""Runs of the analytic pair that are watched by rules that begin to hold again and again."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tiny_runs import Heard, plan_of

from imageloop.plan import Plan
from imageloop.records import Round
from imageloop.runner import Interrupted, carry_out
from imageloop.store import RunFolder

QUICK = {
    "jsd": {"window": 2, "below": 0.5},
    "still": {"rounds": 1, "floor": 2},
    "vendi": {"share": 1},
    "rare": {"share": 0.9},
    "length": {"rounds": 1},
}
"""Rules that begin to hold again and again in a world of six states."""


def watched_plan(**changes: Any) -> Plan:
    plain = {"captions": 1, "images": 1, "pick_caption": "first", "pick_image": "first", "rounds": 12, "seeds": 5, "controls": "auto"}
    originals = (plan_of().originals[0], "stickers:surfer; beach; cartoon")
    return plan_of(**{**plain, "originals": originals, "watch": True, "rules": QUICK, **changes})


STOP = {"jsd": {"window": 3, "below": 0.5, "action": "stop"}, "still": False, "vendi": {"share": 0.95}, "rare": {"share": 0.9}}


class Stopping(Heard):
    """Ends a run in every so many turns."""

    def __init__(self, every: int) -> None:
        super().__init__()
        self.every = every

    def turn_done(self, pair: str, rounds: Sequence[Round], seconds: float) -> None:
        super().turn_done(pair, rounds, seconds)
        if len(self.turns) % self.every == 0:
            raise Interrupted


def in_pieces(plan: Plan, folder: Path, every: int = 3) -> tuple[RunFolder, int]:
    stops = 0
    while True:
        try:
            return carry_out(plan, folder, progress=Stopping(every)), stops
        except Interrupted:
            stops += 1
