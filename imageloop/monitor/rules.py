"""The arithmetic of the rules: pure functions of a chain's history, or of all chains of a pair and arm at one round."""

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Float

from imageloop.measures.diversity import vendi_of_rows
from imageloop.measures.entropy import caption_jsd
from imageloop.monitor.history import LONGEST, History, mean
from imageloop.watch import OF_FLOOR

FEWEST = 5
"""Rare concepts that a pair's first captions must name before their loss is a share."""

ROUNDING = 1e-6
"""How far below its threshold a cosine may be that equals it: a generator without noise has a floor of 1."""


class Reading(NamedTuple):
    """A rule's number in one round, what it is held against, and whether the rule holds."""

    value: float
    threshold: float
    holds: bool


Rule = Mapping[str, Any]
ChainRule = Callable[[History, Rule, float], Reading | None]
"""From a chain's history, the rule's numbers and the chain's control (mean step of its noise floor, NaN without); None: undefined."""


def jsd(history: History, rule: Rule, _control: float) -> Reading | None:
    """Jensen–Shannon divergence, in bits, of the words of the last `window` captions, as `windowed_caption_jsd`; holds below `below`."""
    last = history.last(rule["window"])
    if len(last) < rule["window"]:
        return None
    return _below(caption_jsd([seen.caption for seen in last]), rule["below"])


def still(history: History, rule: Rule, control: float) -> Reading | None:
    """Mean cosine of the last `rounds` pictures with the one before each.

    Holds where they change, by 1 − cosine, at most `floor` times as much as the control's; without a control, where the mean is above
    `above`, which is `attractors.fixed_point_round`, known at the last of its rounds.
    """
    last = history.last(rule["rounds"])
    steps = [seen.step for seen in last]
    if len(last) < rule["rounds"] or not all(map(math.isfinite, steps)):
        return None
    if OF_FLOOR not in rule or not math.isfinite(control):
        return Reading(mean(steps), rule["above"], mean(steps) > rule["above"])
    threshold = 1 - rule[OF_FLOOR] * (1 - control)
    return Reading(mean(steps), threshold, mean(steps) >= threshold - ROUNDING)


def cycle(history: History, rule: Rule, _control: float) -> Reading | None:
    """The shortest period, in rounds, by which the last pictures repeat pixel for pixel, `times` times over; holds where there is one.

    Where every round has the same noise, one picture that comes back is enough. Periods up to `LONGEST`.
    """
    times = rule["times"]
    hashes = [seen.pixels for seen in history.last(times * LONGEST)]
    newest = hashes[-1]
    for period in range(1, min(LONGEST, len(hashes) - 1) + 1):
        repeated = 1 if history.fixed else (times - 1) * period
        if newest is None or hashes[-1 - period] != newest or len(hashes) < repeated + period:
            continue
        if hashes[-repeated:] == hashes[-repeated - period : -period]:
            return Reading(float(period), float(times), holds=True)
    return Reading(0.0, float(times), holds=False)


def blank(history: History, rule: Rule, _control: float) -> Reading | None:
    """How many of the last `rounds` pictures the safety checker blanked; holds where it is all of them."""
    last = history.last(rule["rounds"])
    count = sum(seen.blanked for seen in last)
    return Reading(float(count), float(rule["rounds"]), count == rule["rounds"])


def length(history: History, rule: Rule, _control: float) -> Reading | None:
    """Mean length in characters of the last `rounds` captions, as a share of the captioner's first `rounds`; holds below `share`."""
    count = rule["rounds"]
    first, last = history.start[:count], history.last(count)
    if len(first) < count or last[0].round <= first[-1].round:
        return None
    usual = mean([len(seen.caption) for seen in first])
    return _below(mean([len(seen.caption) for seen in last]) / usual if usual else math.nan, rule["share"])


CHAIN_RULES: Mapping[str, ChainRule] = {"jsd": jsd, "still": still, "cycle": cycle, "blank": blank, "length": length}


def vendi(now: Float[np.ndarray, "n d"], start: Float[np.ndarray, "n d"], rule: Rule) -> Reading | None:
    """Vendi score of all pictures as a share of that of the same chains' first pictures; holds below `share`."""
    return _below(vendi_of_rows(now) / vendi_of_rows(start), rule["share"])


def rare(kept: Sequence[int], named: Sequence[int], rule: Rule) -> Reading | None:
    """Share of the rare concepts that the chains' first captions named which their captions still name; holds below `share`."""
    return _below(sum(kept) / sum(named), rule["share"]) if sum(named) >= FEWEST else None


def _below(value: float, threshold: float) -> Reading | None:
    return Reading(value, threshold, value < threshold) if math.isfinite(value) else None
