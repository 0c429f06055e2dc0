"""What the page of a run says while the run goes on: how far it is, and what can be said before anything is measured."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from imageloop.report.alarms import Signs, signs_of
from imageloop.report.following import Followed
from imageloop.report.losses import losses
from imageloop.report.panels import is_control
from imageloop.report.words import plural

if TYPE_CHECKING:
    from imageloop.store import RunFolder


@dataclass(frozen=True, slots=True)
class Going:
    """A run that goes on. Controls are not counted."""

    at: int
    """When this was written, in seconds since 1970."""
    drawn: int
    """Rounds of all chains."""
    planned: int
    """Rounds of all chains, when all are at the plan's last one, or where the monitor stopped them."""
    furthest: int
    """The last round of the chain that is ahead."""
    last: int
    """The last round of the plan."""
    headline: str
    command: str
    """What makes the numbers of the rounds so far."""

    @property
    def clock(self) -> str:
        """When this was written, for a page without script."""
        return f"{datetime.fromtimestamp(self.at, UTC):%Y-%m-%d %H:%M} UTC"


def going_on(run: RunFolder, chains: Sequence[Followed], now: float) -> Going:
    """How far a run is that is being carried out, so that its plan is one of this version."""
    own = [chain for chain in chains if not is_control(chain.key.arm)]
    plan = run.info.plan
    last, furthest = int(plan["rounds"]), max((chain.rounds for chain in own), default=0)
    originals = sum(file.suffix in (".png", ".txt") for file in run.path.glob("originals/*"))
    wanted = originals * int(plan["seeds"]) * len(plan["captioners"]) * len(plan["generators"]) * len(plan.get("arms", ("plain",)))
    path = shlex.quote(str(run.path))
    command = f"imageloop measure {path} && imageloop report {path}"
    drawn = sum(min(chain.rounds, last) for chain in own)
    signs = signs_of(run)
    dropped = sum(last - chain.rounds for chain in own if chain.rounds < last and signs.ended(chain))
    planned = max(wanted, len(own)) * last - dropped
    return Going(round(now), drawn, planned, furthest, last, _headline(furthest, losses(own)), command)


def behind(run: RunFolder, chains: Sequence[Followed], signs: Signs) -> list[Followed]:
    """The chains that may go on: short of the plan's last round, and not stopped by the monitor. Controls are not among them."""
    last = run.info.plan.get("rounds")
    own = [chain for chain in chains if not is_control(chain.key.arm)]
    return [chain for chain in own if isinstance(last, int) and chain.rounds < last and not signs.ended(chain)]


def _headline(furthest: int, lost: str | None) -> str:
    if not furthest:
        return "The first round is being drawn."
    after = f"After {furthest} {plural(furthest, 'round')}"
    return f"{after} {lost}." if lost and furthest > 1 else f"{after} the run goes on."
