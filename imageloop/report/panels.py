"""What is plotted: a measure over rounds for every pair, thinned to what a chart can show, and all its numbers as CSV rows."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from imageloop.measures import MEASURES, Estimate, Measure
from imageloop.measures import table as long
from imageloop.measures.curves import curve
from imageloop.measures.pairs import CHANCE_OF

if TYPE_CHECKING:
    import pyarrow as pa

    from imageloop.records import ChainKey

MOST_ROUNDS = 160
"""Rounds on one curve, at most; more are thinned by `spread`."""
MOST_CHAINS = 24
"""Chains of one pair drawn as lines of their own, at most. Several pairs that have intervals show no single chains."""
LOG_ABOVE = 50
"""Rounds above which the axis is logarithmic."""
SMALL = ("clip_step_similarity", "caption_grounding", "caption_obedience", "windowed_caption_jsd")
"""The measures beside the closeness to the original."""


def fair_share(keys: Sequence[ChainKey], most: int) -> list[ChainKey]:
    """At most so many of the chains, in their order: every pair and arm with the first seeds and originals, rather than the first pairs."""
    first = set(sorted(keys, key=lambda key: (key.seed, key.original, key))[:most])
    return [key for key in keys if key in first]


@dataclass(frozen=True, slots=True)
class Series:
    """One pair's curve. `chains` holds (original, seed) with the points of each line that is drawn."""

    label: str
    rounds: tuple[int, ...]
    means: tuple[Estimate, ...]
    chains: tuple[tuple[tuple[str, int], tuple[tuple[int, float], ...]], ...]


@dataclass(frozen=True, slots=True)
class Panel:
    """One chart: its measure, its curves, and the chance levels of the pairs, where known."""

    measure: Measure
    series: tuple[Series, ...]
    chance: tuple[float, ...]

    @property
    def last(self) -> int:
        return max(line.rounds[-1] for line in self.series)

    @property
    def logarithmic(self) -> bool:
        return self.last > LOG_ABOVE


def panels(table: pa.Table) -> list[Panel]:
    """The closeness to the original first (twice where a run starts from pictures and from texts), then the others; empty ones left out."""
    made = [_panel(table, name) for name in (*CHANCE_OF, *SMALL)]
    return [panel for panel in made if panel is not None]


def spread(last: int, most: int) -> list[int]:
    """At most `most` rounds out of 1 … last, always both ends: all when they fit, else closer together towards the start."""
    if last <= most:
        return list(range(1, last + 1))
    for steps in range(most, 8 * most):
        chosen = sorted({round(last ** (i / (steps - 1))) for i in range(steps)})
        if len(chosen) >= most:
            return chosen if len(chosen) == most else [*chosen[: most - 1], last]
    return chosen


def pair_label(pair: str, arm: str) -> str:
    """`captioner + generator`, with the arm behind it unless it is the plain loop."""
    return pair.replace("+", " + ") + ("" if arm == "plain" else f" @ {arm}")


def csv_rows(panel: Panel) -> Iterator[dict[str, object]]:
    """Every plotted number: the means (original `*`, seed −1) with interval and n, the single chains, and the chance levels."""
    name, unit = panel.measure.name, panel.measure.unit
    for line in panel.series:
        same = {"measure": name, "unit": unit, "pair": line.label}
        for number, mean in zip(line.rounds, line.means, strict=True):
            interval = {"low": mean.low, "high": mean.high, "n": mean.n}
            yield {**same, "original": long.ALL_ORIGINALS, "seed": long.ALL_SEEDS, "round": number, "value": mean.mean, **interval}
        for (original, seed), points in line.chains:
            for number, value in points:
                yield {**same, "original": original, "seed": seed, "round": number, "value": value, "low": None, "high": None, "n": 1}
    for value in panel.chance:
        chance = {"original": long.ALL_ORIGINALS, "seed": long.ALL_SEEDS, "round": long.WHOLE_CHAIN, "value": value}
        yield {"measure": CHANCE_OF[name], "unit": unit, "pair": "", **chance, "low": None, "high": None, "n": None}


def _panel(table: pa.Table, name: str) -> Panel | None:
    own = long.select(table, measure=name)
    if not len(own):
        return None
    last = max(own["round"].to_pylist())
    shown = spread(last, MOST_ROUNDS)
    groups = long.groups(own)
    series = [line for pair, arm in groups if (line := _series(own, pair, arm, name, shown, alone=len(groups) == 1))]
    chance = []
    if name in CHANCE_OF:
        for pair, arm in groups:
            values = long.select(table, measure=CHANCE_OF[name], pair=pair, arm=arm)["value"].to_pylist()
            chance += [math.fsum(values) / len(values)] if values else []
    return Panel(MEASURES[name], tuple(series), tuple(chance)) if series else None


def _series(own: pa.Table, pair: str, arm: str, name: str, shown: Sequence[int], *, alone: bool) -> Series | None:
    found = curve(own, pair, arm, name, shown)
    if not found.rounds:
        return None
    start = name == "clip_image_similarity"
    rounds, means = found.rounds, found.means
    if start:  # Round 0 is the original itself: similarity 1 without any doubt.
        end = None if means[0].low is None else 1.0
        rounds, means = (0, *rounds), (Estimate(1.0, end, end, means[0].n), *means)
    readable = 1 < len(found.chains) <= MOST_CHAINS and (alone or means[-1].low is None)
    some = found.chains if readable else {}
    lines = tuple(
        (chain, (((0, 1.0),) if start else ()) + tuple((number, values[number]) for number in found.rounds if number in values))
        for chain, values in sorted(some.items())
    )
    return Series(pair_label(pair, arm), rounds, means, lines)
