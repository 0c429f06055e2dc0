"""What a reader must know before believing the page."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from typing import TYPE_CHECKING

from imageloop.measures import PairSummary
from imageloop.report.alarms import Signs
from imageloop.report.following import Followed
from imageloop.report.going import behind
from imageloop.report.panels import is_control
from imageloop.report.words import plural

if TYPE_CHECKING:
    from imageloop.store import RunFolder


def notes_of(
    run: RunFolder, measured: bool, summaries: Sequence[PairSummary], chains: Sequence[Followed], signs: Signs, going: bool = False
) -> list[str]:
    """Sentences: chains that are behind or were stopped, missing measures, and looks at the original. `going`: the run goes on."""
    notes = []
    wanted = run.info.plan.get("rounds")
    own = [chain for chain in chains if not is_control(chain.key.arm)]
    short = [chain.rounds for chain in behind(run, chains, signs)]
    if short and not going:
        notes.append(f"Unfinished: {len(short)} of {len(own)} chains are short of round {wanted}, the last of them at {min(short)}.")
    if stopped := sum(signs.ended(chain) for chain in own if isinstance(wanted, int) and chain.rounds < wanted):
        notes.append(f"{stopped} of {len(own)} {plural(len(own), 'chain')} ended early: the monitor stopped them, as the plan wants it.")
    if not measured and chains and not going:
        notes.append(f"No measures yet, so no curves and no numbers. Make them with: imageloop measure {shlex.quote(str(run.path))}")
    elif any(one.measure is None for one in summaries) and not all(chain.words_only for chain in own):
        notes.append("No picture of some pair could be measured: their files are missing or were not kept, or only captions are known.")
    first = "the first " if going else ""
    if looks := sum(chain.counts.looked for chain in own):
        notes.append(
            f"Declared exception to the telephone rule: in {looks} of {first}{sum(chain.rounds for chain in own)} rounds "
            "the kept candidate was picked by comparing with the original, or an intervention brought it back, which may slow the drift."
        )
    return notes
