"""One sentence for a pair, by rule. Every threshold is here, and every word rests on one of them."""

from collections.abc import Sequence

import numpy as np

KEPT_LOSS = 0.05
"""A loss of similarity below this counts as none."""
SHARES = (
    (0.9, "kept the original"),
    (0.5, "lost part of the original"),
    (0.1, "lost most of the original"),
    (-np.inf, "lost the original"),
)
"""What is said from which share of the way between chance and no loss on, the greatest first."""
ROOM = 0.05
"""The least distance between chance and no loss for a share of it to mean anything."""
STEADY = 0.02
"""The greatest difference between the means of the last third and the third before it that counts as none."""
TEXT_SCALE = 0.4
"""What all differences above shrink to for chains that start from a text: cosines of pictures with texts differ less from each other."""
ENOUGH_ROUNDS = 9
"""Below this many rounds nothing is said about settling."""


def verdict(similarities: Sequence[float], start: float | None, chance: float | None) -> str:
    """What happened to the original, when, and whether it goes on.

    `similarities`: mean similarity to the original after rounds 1, 2, …; `start`: what no loss would read, None where that is the first
    round's own value (chains that start from a text); `chance`: what nothing kept would read, None where unknown.

    How much: by the share `(last − chance) / (start − chance)` when chance is known, else the values themselves. When: "most of that in
    round 1" when that took at least half of the loss, else the first round by which half was gone. Going on: the mean of the last third
    of the rounds against the third before.
    """
    if not similarities:
        return "not measured"
    scale = TEXT_SCALE if start is None else 1.0
    before = similarities[0] if start is None else start
    loss = before - similarities[-1]
    when = "" if loss < KEPT_LOSS * scale else _when(similarities, before, loss)
    return ", ".join(part for part in (_how_much(before, similarities, start, chance), when, _settled(similarities, scale)) if part)


def _how_much(before: float, similarities: Sequence[float], start: float | None, chance: float | None) -> str:
    last = similarities[-1]
    if start is not None and before - last < KEPT_LOSS:
        return "kept the original"
    if chance is None or before - chance < ROOM * (TEXT_SCALE if start is None else 1.0):
        return f"similarity fell to {last:.2f}" if start is not None else f"similarity went from {before:.2f} to {last:.2f}"
    share = (last - chance) / (before - chance)
    return next(words for least, words in SHARES if share >= least)


def _when(similarities: Sequence[float], before: float, loss: float) -> str:
    half_gone = next(number for number, value in enumerate(similarities, start=1) if before - value >= loss / 2)
    return "most of that in round 1" if half_gone == 1 else f"half of that by round {half_gone}"


def _settled(similarities: Sequence[float], scale: float) -> str:
    if len(similarities) < ENOUGH_ROUNDS:
        return ""
    third = len(similarities) // 3
    change = float(np.mean(similarities[-third:]) - np.mean(similarities[-2 * third : -third]))
    return "then steady" if abs(change) < STEADY * scale else "still drifting" if change < 0 else "coming back"
