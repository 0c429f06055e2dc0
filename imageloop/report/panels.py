"""What is plotted: a measure over rounds for every pair, thinned to what a chart can show, and all its numbers as CSV rows."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import TYPE_CHECKING

from imageloop.measures import MEASURES, Estimate, Measure
from imageloop.measures import table as long
from imageloop.measures.curves import curve, of_chains
from imageloop.measures.pairs import CHANCE_OF, CONTROLS, FLOOR_OF

if TYPE_CHECKING:
    import pyarrow as pa

    from imageloop.records import ChainKey

MOST_ROUNDS = 160
"""Rounds of one curve that have an interval, at most, chosen by `spread`; between them only the extremes are drawn."""
MOST_CHAINS = 24
"""Chains of one pair drawn as lines of their own, at most. Several pairs that have intervals show no single chains."""
LOG_ABOVE = 50
"""Rounds above which the axis is logarithmic."""
SMALL = ("normalised_retention", "clip_step_similarity", "caption_grounding", "caption_obedience", "windowed_caption_jsd")
"""The measures beside the closeness to the original."""
ALIKE = ("vendi_score", "cross_chain_jsd")
"""How different a pair's chains are from each other: homogenisation, which is not drift."""
BY_CAPTION = ("text_to_caption_similarity", "caption_retention")
"""The closeness to the original where no picture is known."""


def is_control(arm: str) -> bool:
    """Whether an arm's chains are there for comparison only."""
    return arm in CONTROLS


Points = tuple[tuple[int, float], ...]
"""(round, value), in the order of rounds."""


def fair_share(keys: Sequence[ChainKey], most: int) -> list[ChainKey]:
    """At most so many of the chains, in their order: every pair and arm with the first seeds and originals, rather than the first pairs."""
    first = set(sorted(keys, key=lambda key: (key.seed, key.original, key))[:most])
    return [key for key in keys if key in first]


@dataclass(frozen=True, slots=True)
class Series:
    """One pair's curve: `means` at `rounds` with their intervals, and `line`, which has the extremes between them too.

    `chains` holds (original, seed) with the points of each line that is drawn.
    """

    label: str
    pair: str
    arm: str
    rounds: tuple[int, ...]
    means: tuple[Estimate, ...]
    line: Points
    chains: tuple[tuple[tuple[str, int], Points], ...]


@dataclass(frozen=True, slots=True)
class Level:
    """What the curves are read against: at each round the least, the mean and the greatest of the pairs."""

    measure: str
    name: str
    rounds: tuple[int, ...]
    low: tuple[float, ...]
    mean: tuple[float, ...]
    high: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class Panel:
    """One chart: its measure, its curves, and the levels of chance and of the noise floor, where known."""

    measure: Measure
    series: tuple[Series, ...]
    levels: tuple[Level, ...] = ()

    @property
    def last(self) -> int:
        return max(line.rounds[-1] for line in self.series)

    @property
    def logarithmic(self) -> bool:
        return self.last > LOG_ABOVE


def panels(table: pa.Table) -> list[Panel]:
    """The closeness to the original first (twice where a run starts from pictures and from texts), then the others; empty ones left out.

    Where no picture is known, that of the captions stands in its place.
    """
    near = _known(table, CHANCE_OF) or _known(table, BY_CAPTION)
    return [*near, *_known(table, (*SMALL, *ALIKE))]


def _known(table: pa.Table, names: Iterable[str]) -> list[Panel]:
    return [panel for name in names if (panel := _panel(table, name))]


def spread(last: int, most: int) -> list[int]:
    """At most `most` rounds out of 1 … last, always both ends: all when they fit, else closer together towards the start."""
    if last <= most:
        return list(range(1, last + 1))
    for steps in range(most, 8 * most):
        chosen = sorted({round(last ** (i / (steps - 1))) for i in range(steps)})
        if len(chosen) >= most:
            return chosen if len(chosen) == most else [*chosen[: most - 1], last]
    return chosen


def thinned(values: Mapping[int, float], shown: Sequence[int]) -> Points:
    """The values at these rounds, and the least and the greatest between each two of them: no extreme is lost."""
    points: list[tuple[int, float]] = []
    between: list[tuple[int, float]] = []
    stops = set(shown)
    for point in sorted(values.items()):
        if point[0] not in stops:
            between.append(point)
            continue
        points += _ends(between)
        points.append(point)
        between = []
    return (*points, *_ends(between))


def _ends(between: Sequence[tuple[int, float]]) -> list[tuple[int, float]]:
    if not between:
        return []
    return sorted({min(between, key=lambda point: point[1]), max(between, key=lambda point: point[1])})


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
        for number, value in line.line:
            if number not in line.rounds:
                interval = {"low": None, "high": None, "n": None}
                yield {**same, "original": long.ALL_ORIGINALS, "seed": long.ALL_SEEDS, "round": number, "value": value, **interval}
        for (original, seed), points in line.chains:
            for number, value in points:
                yield {**same, "original": original, "seed": seed, "round": number, "value": value, "low": None, "high": None, "n": 1}
    for level in panel.levels:
        for number, low, value, high in zip(level.rounds, level.low, level.mean, level.high, strict=True):
            both = {"original": long.ALL_ORIGINALS, "seed": long.ALL_SEEDS, "round": number, "value": value}
            yield {"measure": level.measure, "unit": unit, "pair": "", **both, "low": low, "high": high, "n": None}


def _panel(table: pa.Table, name: str) -> Panel | None:
    own = long.select(table, measure=name)
    if not len(own):
        return None
    groups = [(pair, arm) for pair, arm in long.groups(own) if not is_control(arm)]
    last = max((max(long.select(own, pair=pair, arm=arm)["round"].to_pylist()) for pair, arm in groups), default=0)
    shown = spread(last, MOST_ROUNDS) if last else []
    series = [line for pair, arm in groups if (line := _series(own, pair, arm, name, shown, alone=len(groups) == 1))]
    if not series:
        return None
    levels = [
        _level(table, of[name], words, groups, shown)
        for of, words in ((CHANCE_OF, "chance: other originals"), (FLOOR_OF, "noise floor: one caption redrawn"))
        if name in of
    ]
    levels += _starts(own, name, groups, shown) if name in ALIKE else []
    return Panel(MEASURES[name], tuple(series), tuple(level for level in levels if level))


def _level(table: pa.Table, measure: str, words: str, groups: Sequence[tuple[str, str]], shown: Sequence[int]) -> Level | None:
    """A measure of every pair at these rounds; one that is known of whole chains only is the same at all of them."""
    curves = [of_chains(long.by_chain(long.select(table, measure=measure, pair=pair, arm=arm)), resample=False) for pair, arm in groups]
    at: dict[int, list[float]] = {}
    for found in curves:
        known = {number: mean.mean for number, mean in zip(found.rounds, found.means, strict=True)}
        whole = known.get(long.WHOLE_CHAIN)
        for number in shown:
            if (value := known.get(number, whole)) is not None:
                at.setdefault(number, []).append(value)
    if not at:
        return None
    rounds = tuple(sorted(at))
    low, mean, high = (tuple(of(at[number]) for number in rounds) for of in (min, fmean, max))
    return Level(measure, words, rounds, low, mean, high)


def _starts(own: pa.Table, name: str, groups: Sequence[tuple[str, str]], shown: Sequence[int]) -> list[Level | None]:
    """How different the chains are where no loop has made them alike: in round 1, and in the controls' pictures of their first captions."""
    floors = [(pair, arm) for pair, arm in long.groups(own) if is_control(arm)] if name == "vendi_score" else []
    plain = [group for group in groups if group[1] == "plain"] or groups
    begun = [values[1] for group in plain if 1 in (values := _together(own, group))]
    still = [fmean(values.values()) for group in floors if (values := _together(own, group))]
    redrawn = _flat(f"floor of {name}", "noise floor: first captions redrawn", still, shown)
    return [_flat(f"{name} in round 1", "round 1", begun, shown), redrawn]


def _together(own: pa.Table, group: tuple[str, str]) -> Mapping[int, float]:
    """Round → value of a measure that all chains of a pair and arm have together."""
    some = long.select(own, pair=group[0], arm=group[1])
    return dict(zip(some["round"].to_pylist(), some["value"].to_pylist(), strict=True))


def _flat(measure: str, name: str, values: Sequence[float], shown: Sequence[int]) -> Level | None:
    """A level that is the same at all rounds; `values`: one of each pair."""
    if not values:
        return None
    low, mean, high = ((of(values),) * len(shown) for of in (min, fmean, max))
    return Level(measure, name, tuple(shown), low, mean, high)


def _series(own: pa.Table, pair: str, arm: str, name: str, shown: Sequence[int], *, alone: bool) -> Series | None:
    found = curve(own, pair, arm, name, shown)
    if not found.rounds:
        return None
    every = of_chains(found.chains, resample=False)
    line = thinned({number: mean.mean for number, mean in zip(every.rounds, every.means, strict=True)}, shown)
    rounds, means = found.rounds, found.means
    start: Points = ((0, 1.0),) if name == "clip_image_similarity" else ()
    if start:  # Round 0 is the original itself: similarity 1 without any doubt.
        end = None if means[0].low is None else 1.0
        rounds, means = (0, *rounds), (Estimate(1.0, end, end, means[0].n), *means)
    readable = 1 < len(found.chains) <= MOST_CHAINS and (alone or means[-1].low is None)
    some = found.chains if readable else {}
    lines = tuple((chain, start + thinned(values, shown)) for chain, values in sorted(some.items()))
    return Series(pair_label(pair, arm), pair, arm, rounds, means, start + line, lines)
