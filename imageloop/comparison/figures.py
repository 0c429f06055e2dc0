"""A comparison as figures for print: the leaderboard as dots with intervals, and the matrix as a heat map; PNG and SVG."""

from __future__ import annotations

import io
import textwrap
from typing import TYPE_CHECKING, Any

from imageloop.comparison.found import Comparison, Matrix
from imageloop.measures import MEASURES

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

DARK, PALE = "#0072b2", "#6b6b6b"
FONTS: dict[Any, Any] = {
    "font.family": "DejaVu Sans",
    "font.size": 9,
    "svg.fonttype": "none",
    "svg.hashsalt": "imageloop",
    "axes.unicode_minus": False,
}
LIGHT_ABOVE = 0.6
"""Share of the colour scale above which cividis is so light that dark letters read better."""


def figures_of(comparison: Comparison) -> dict[str, bytes]:
    """`leaderboard.png`, `leaderboard.svg`, and the same of `matrix` where there are two captioners or two generators."""
    import matplotlib as mpl
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    made: dict[str, bytes] = {}
    with mpl.rc_context(FONTS):
        longest = max(len(entry.label) for entry in comparison.entries)
        figure = Figure(figsize=(4.2 + 0.075 * min(60, max(28, longest)), 1.3 + 0.3 * len(comparison.entries)), layout="constrained")
        FigureCanvasAgg(figure)
        _dots(figure.subplots(), comparison)
        made |= _saved(figure, "leaderboard")
        if comparison.matrix and max(len(comparison.matrix.captioners), len(comparison.matrix.generators)) > 1:
            rows, columns = len(comparison.matrix.captioners), len(comparison.matrix.generators)
            figure = Figure(figsize=(2.4 + 1.35 * columns, 1.5 + 0.75 * rows), layout="constrained")
            FigureCanvasAgg(figure)
            _heat(figure, comparison, comparison.matrix)
            made |= _saved(figure, "matrix")
    return made


def _saved(figure: Figure, name: str) -> dict[str, bytes]:
    made = {}
    for kind in ("png", "svg"):
        content = io.BytesIO()
        figure.savefig(content, format=kind, dpi=200, bbox_inches="tight", metadata={"Date": None} if kind == "svg" else None)
        made[f"{name}.{kind}"] = content.getvalue()
    return made


def _dots(axes: Axes, comparison: Comparison) -> None:
    entries = comparison.entries
    for place, entry in enumerate(entries):
        if entry.value is None:
            continue
        if entry.value.low is not None and entry.value.high is not None:
            axes.plot([entry.value.low, entry.value.high], [place, place], color=DARK, linewidth=2, solid_capstyle="butt")
        axes.plot([entry.value.mean], [place], "o", color=DARK, markersize=6, markeredgecolor="white")
    labels = [textwrap.shorten(entry.label, 60) + (" *" if entry.saw_original else "") for entry in entries]
    axes.set_yticks(range(len(entries)), labels)
    _as_they_are(axes)
    axes.set_ylim(len(entries) - 0.5, -0.5)
    axes.set_xlabel(_axis(comparison))
    axes.grid(axis="x", linewidth=0.4, alpha=0.5)
    axes.spines[["top", "right", "left"]].set_visible(False)
    axes.tick_params(axis="y", length=0)
    axes.set_title(_under(comparison, "lines: 95 % intervals"), loc="left", fontsize=7.5, color=PALE)


def _heat(figure: Figure, comparison: Comparison, matrix: Matrix) -> None:
    import numpy as np

    axes = figure.subplots()
    means = np.array([[np.nan if cell is None else cell.mean for cell in row] for row in matrix.cells])
    ends = [end for row in matrix.cells for cell in row if cell for end in (cell.low, cell.mean, cell.high) if end is not None]
    low, high = min(ends), max(ends)  # colours differ as much as the intervals leave them
    image = axes.imshow(means, cmap="cividis", vmin=low, vmax=high if high > low else low + 1, aspect="auto")
    for (row, column), mean in np.ndenumerate(means):
        cell = matrix.cells[row][column]
        light = (mean - low) / (high - low or 1) > LIGHT_ABOVE
        text = "not run" if cell is None else f"{cell.mean:.2f}"
        if cell is not None and cell.low is not None:
            text += f"\n{cell.low:.2f} to {cell.high:.2f}"
        axes.text(column, row, text, ha="center", va="center", color="black" if light or cell is None else "white", fontsize=8.5)
    for ticks, names in ((axes.set_xticks, matrix.generators), (axes.set_yticks, matrix.captioners)):
        ticks(range(len(names)), [textwrap.shorten(name, 30) for name in names])
    _as_they_are(axes)
    axes.tick_params(length=0)
    axes.set_xlabel("generator")
    axes.set_ylabel("captioner")
    axes.spines[:].set_visible(False)
    figure.colorbar(image, ax=axes, shrink=0.9).set_label(_axis(comparison), fontsize=8)
    axes.set_title(_under(comparison, "below each mean its 95 % interval"), loc="left", fontsize=7.5, color=PALE)


def _as_they_are(axes: Axes) -> None:
    """Names of models and arms may hold a dollar sign, which starts no formula."""
    for text in (*axes.get_xticklabels(), *axes.get_yticklabels()):
        text.set_parse_math(False)


def _axis(comparison: Comparison) -> str:
    when = "" if comparison.whole_chain else f" after round {comparison.round}"
    return f"{MEASURES[comparison.measure].title}{when} ({comparison.unit})"


def _under(comparison: Comparison, intervals: str) -> str:
    some = f"{comparison.originals} {'original' if comparison.originals == 1 else 'originals'}"
    lines = [f"{some}; {intervals}" if comparison.originals > 1 else f"{some}: no interval"]
    if any(entry.saw_original for entry in comparison.entries):
        lines.append("* looked at the original")
    if comparison.different:
        lines.append("the runs differ in more than this (see compare.json)")
    return "; ".join(lines)
