"""A panel as lines on a page: everything in the units of the SVG's view box, text left to the template."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from imageloop.report.panels import Level, Panel, Series

LEFT, RIGHT, TOP, BOTTOM = 44, 14, 12, 34
"""Margins of the plotting area."""
LEAST = 0.1
"""The least span of an axis, so that noise is not blown up."""
MOST_STEPS = 7
NAME = 15
"""From the name of one level to the next, at least."""
MARKED = 32
"""Points on a curve up to which each is drawn as a dot."""


@dataclass(frozen=True, slots=True)
class Dot:
    x: float
    y: float
    text: str


@dataclass(frozen=True, slots=True)
class Line:
    """One pair: the mean, the band of its interval (empty without one), each chain, and what a pointer is told at each round."""

    label: str
    pair: str
    arm: str
    mean: str
    band: str
    chains: tuple[str, ...]
    dots: tuple[Dot, ...]
    marked: bool
    signs: tuple[Dot, ...]
    """Where the monitor saw something of all chains of the pair together."""


@dataclass(frozen=True, slots=True)
class LevelLine:
    """A level to read the curves against: its line, its band over pairs, and where its name stands."""

    name: str
    line: str
    band: str
    end: float
    dashed: bool


@dataclass(frozen=True, slots=True)
class Chart:
    width: int
    height: int
    lines: tuple[Line, ...]
    x_ticks: tuple[tuple[float, str], ...]
    y_ticks: tuple[tuple[float, str], ...]
    levels: tuple[LevelLine, ...]
    x_label: str
    y_label: str
    title: str
    scale: "Scale"

    @property
    def right(self) -> int:
        return self.width - RIGHT

    @property
    def bottom(self) -> int:
        return self.height - BOTTOM


@dataclass(frozen=True, slots=True)
class Scale:
    """From rounds and values to the view box."""

    width: int
    height: int
    last: int
    logarithmic: bool
    low: float
    high: float
    first: int

    def x(self, number: float) -> float:
        if self.logarithmic:
            share = math.log(1 + number - self.first) / math.log(1 + self.last - self.first)
        else:
            share = (number - self.first) / max(1, self.last - self.first)
        return round(LEFT + share * (self.width - LEFT - RIGHT), 1)

    def y(self, value: float) -> float:
        return round(self.height - BOTTOM - (value - self.low) / (self.high - self.low) * (self.height - TOP - BOTTOM), 1)


def draw_chart(panel: Panel, width: int, height: int, signs: Mapping[tuple[str, str], Sequence[tuple[int, str]]] | None = None) -> Chart:
    """The panel laid out for a view box of this size. `signs`: pair and arm → rounds to mark on its curve, with what is told of each."""
    step, low, high = axis(values_of(panel), panel.measure.low, panel.measure.high)
    first = min(line.rounds[0] for line in panel.series)
    scale = Scale(width, height, panel.last, panel.logarithmic, low, high, first)
    count = round((high - low) / step)
    digits = max(0, -math.floor(math.log10(step) + 1e-9))
    return Chart(
        width,
        height,
        tuple(_line(line, scale, panel.measure.unit, (signs or {}).get((line.pair, line.arm), ())) for line in panel.series),
        tuple((scale.x(number), f"{number:,}") for number in round_ticks(first, panel.last, panel.logarithmic)),
        tuple((scale.y(low + i * step), f"{low + i * step + 0.0:.{digits}f}".replace("-", "−")) for i in range(count + 1)),
        tuple(_apart([_level(level, scale, panel.last) for level in panel.levels], height - BOTTOM - NAME - 6)),
        "round (logarithmic)" if panel.logarithmic else "round",
        panel.measure.unit,
        panel.measure.title,
        scale,
    )


def _level(level: Level, scale: Scale, last: int) -> LevelLine:
    def path(values: Sequence[float]) -> list[tuple[float, float]]:
        inside = [(scale.x(number), scale.y(value)) for number, value in zip(level.rounds, values, strict=True)]
        return [(LEFT, inside[0][1]), *inside, (scale.x(last), inside[-1][1])]

    band = _path([*path(level.high), *reversed(path(level.low))]) + "Z"
    return LevelLine(level.name, _path(path(level.mean)), band, scale.y(level.low[-1]), level.measure.startswith("floor"))


def _apart(levels: Sequence[LevelLine], lowest: float) -> list[LevelLine]:
    """The levels with their names moved where they would stand on each other, or below the axis."""
    placed: list[LevelLine] = []
    for level in sorted(levels, key=lambda one: one.end):
        placed.append(replace(level, end=max(level.end, placed[-1].end + NAME)) if placed else level)
    for place in reversed(range(len(placed))):
        room = lowest - NAME * (len(placed) - 1 - place)
        placed[place] = replace(placed[place], end=min(placed[place].end, room))
    return placed


def values_of(panel: Panel) -> list[float]:
    """Every value that is drawn."""
    found = [value for level in panel.levels for value in (*level.low, *level.high)]
    for line in panel.series:
        for mean in line.means:
            found += [value for value in (mean.mean, mean.low, mean.high) if value is not None]
        found += [value for _, value in line.line]
        for _, points in line.chains:
            found += [value for _, value in points]
    return found


def axis(values: Sequence[float], lowest: float, highest: float) -> tuple[float, float, float]:
    """Step, low and high end of an axis in round numbers around the values, within the measure's range where it has one."""
    low, high = min(values), max(values)
    if high - low < LEAST:
        low = max(lowest, min((low + high - LEAST) / 2, highest - LEAST))
        high = low + LEAST
    span = high - low
    step = next(s for s in (0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, math.inf) if math.ceil(high / s) - math.floor(low / s) <= MOST_STEPS)
    step = step if math.isfinite(step) else 10 ** math.ceil(math.log10(span / 5))
    bottom = math.floor(low / step + 1e-9) * step
    top = math.ceil(high / step - 1e-9) * step
    return step, bottom, top


def round_ticks(first: int, last: int, logarithmic: bool) -> list[int]:
    """Rounds to label, ends included."""
    if last <= first:
        return [first]
    if logarithmic:
        known = [m * 10**e for e in range(7) for m in (1, 2, 5) if m * 10**e < last * 0.55]
        return [first, *(number for number in known if number > first), last]
    step = next(s for s in (1, 2, 5, 10, 20, 50) if (last - first) / s <= 10)
    ticks = [number for number in range(0, last + 1, step) if number >= first]
    return ticks if last - ticks[-1] == 0 else [*(n for n in ticks if last - n > step / 2), last]


def _line(line: Series, scale: Scale, unit: str, signs: Sequence[tuple[int, str]]) -> Line:
    points = [(scale.x(number), scale.y(mean.mean)) for number, mean in zip(line.rounds, line.means, strict=True)]
    drawn = [(scale.x(number), scale.y(value)) for number, value in line.line]
    upper = [(scale.x(n), scale.y(m.high)) for n, m in zip(line.rounds, line.means, strict=True) if m.high is not None]
    lower = [(scale.x(n), scale.y(m.low)) for n, m in zip(line.rounds, line.means, strict=True) if m.low is not None]
    texts = [f"{line.label}, round {n}: {said(m.mean, m.low, m.high, unit)}" for n, m in zip(line.rounds, line.means, strict=True)]
    return Line(
        line.label,
        line.pair,
        line.arm,
        _path(drawn),
        _path([*upper, *reversed(lower)]) + "Z" if upper else "",
        tuple(_path([(scale.x(number), scale.y(value)) for number, value in chain]) for _, chain in line.chains),
        tuple(Dot(x, y, text) for (x, y), text in zip(points, texts, strict=True)) if len(points) <= MARKED else (),
        len(points) <= MARKED,
        tuple(Dot(scale.x(number), scale.y(_value_at(line, number)), f"{line.label}, round {number}: {told}") for number, told in signs),
    )


def _value_at(line: Series, number: int) -> float:
    """The curve's value at a round, or at the nearest round that it has."""
    return min(line.line, key=lambda point: abs(point[0] - number))[1]


def said(mean: float, low: float | None, high: float | None, unit: str = "") -> str:
    """A number with its 95 % interval, where it has one, as people read it."""
    unit = f" {unit}" if unit in {"bits"} else ""
    return f"{two(mean)}{unit}" if low is None or high is None else f"{two(mean)}{unit} ({two(low)}–{two(high)})"


def two(value: float) -> str:
    """A number with two digits and a true minus; never a minus before nothing."""
    return f"{round(value, 2) + 0.0:.2f}".replace("-", "−")


def _path(points: Sequence[tuple[float, float]]) -> str:
    return "M" + "L".join(f"{x:g} {y:g}" for x, y in points) if points else ""
