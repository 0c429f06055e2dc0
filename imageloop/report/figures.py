"""Figures for print: each as PNG and SVG, and every plotted number beside it as CSV."""

import csv
import io
from pathlib import Path
from typing import TYPE_CHECKING, Any

from imageloop.disk import write_whole
from imageloop.report.chart import MARKED, round_ticks
from imageloop.report.panels import Panel, csv_rows

if TYPE_CHECKING:
    from matplotlib.axes import Axes

COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#56b4e9", "#e69f00", "#5b5b5b", "#8c510a")
"""Okabe and Ito's colours, which stay apart for the colour-blind; each goes with a dash and a marker of its own."""
DASHES: tuple[Any, ...] = ("-", (0, (6, 2)), (0, (2, 1.5)), (0, (8, 2, 2, 2)))
MARKERS = "osD^vPX*"
FONTS: dict[Any, Any] = {
    "font.family": "DejaVu Sans",
    "font.size": 9,
    "svg.fonttype": "none",
    "svg.hashsalt": "imageloop",
    "axes.unicode_minus": False,
}


def write_figures(panels: list[Panel], folder: Path) -> list[str]:
    """Write the figure of each panel into the folder, as `<measure>.png`, `.svg` and `.csv`; gives the measures' names.

    Raises RunError where the folder cannot be written.
    """
    for panel in panels:
        name = panel.measure.name
        write_whole(folder / f"{name}.csv", csv_of(panel).encode())
        for kind, content in draw_figure(panel).items():
            write_whole(folder / f"{name}.{kind}", content)
    return [panel.measure.name for panel in panels]


def csv_of(panel: Panel) -> str:
    """Every plotted number, one a row; see `panels.csv_rows`."""
    text = io.StringIO()
    rows = list(csv_rows(panel))
    writer = csv.DictWriter(text, list(rows[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()


def draw_figure(panel: Panel) -> dict[str, bytes]:
    """The panel as a figure of 16 × 10 cm: `png` at 200 dots an inch, and `svg` with its text as text."""
    import matplotlib as mpl
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    with mpl.rc_context(FONTS):
        figure = Figure(figsize=(6.3, 3.94), layout="constrained")
        FigureCanvasAgg(figure)
        _plot(figure.subplots(), panel)
        made = {}
        for kind in ("png", "svg"):
            content = io.BytesIO()
            figure.savefig(content, format=kind, dpi=200, metadata={"Date": None} if kind == "svg" else None)
            made[kind] = content.getvalue()
    return made


def _plot(axes: "Axes", panel: Panel) -> None:
    for place, line in enumerate(panel.series):
        colour = COLOURS[place % len(COLOURS)]
        for _, points in line.chains:
            axes.plot(*zip(*points, strict=True), color=colour, linewidth=0.6, alpha=0.35)
        means = [mean.mean for mean in line.means]
        if all(mean.low is not None for mean in line.means):
            low, high = ([getattr(mean, end) for mean in line.means] for end in ("low", "high"))
            axes.fill_between(line.rounds, low, high, color=colour, alpha=0.16, linewidth=0)
        dash, marker = DASHES[place % len(DASHES)], MARKERS[place % len(MARKERS)] if len(means) <= MARKED else ""
        style = {"color": colour, "linewidth": 1.6, "markersize": 3.5, "linestyle": dash, "marker": marker, "clip_on": False}
        axes.plot(*zip(*line.line, strict=True), label=line.label, **style)
    _levels(axes, panel)
    unit = panel.measure.unit
    axes.set_xlabel("round")
    axes.set_ylabel(f"{panel.measure.title} ({unit})")
    first = min(line.rounds[0] for line in panel.series)
    if panel.logarithmic:
        axes.set_xscale("symlog", linthresh=1)
    ticks = round_ticks(first, panel.last, panel.logarithmic)
    axes.set_xticks(ticks, [str(tick) for tick in ticks])
    axes.minorticks_off()
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(axis="y", linewidth=0.4, alpha=0.5)
    counts = {mean.n for line in panel.series for mean in line.means}
    note = "bands: 95 % intervals over originals" if max(counts) > 1 else "one original: no interval"
    thin = "; thin lines: single chains" if any(line.chains for line in panel.series) else ""
    axes.set_title(f"{note} (n = {_range(counts)}){thin}", loc="left", fontsize=7.5, color="#555555")
    for text in axes.legend(frameon=False, fontsize=8).get_texts():
        text.set_parse_math(False)


def _levels(axes: "Axes", panel: Panel) -> None:
    for level, dash in zip(panel.levels, (":", "--"), strict=False):
        axes.fill_between(level.rounds, level.low, level.high, color="#777777", alpha=0.12, linewidth=0)
        axes.plot(level.rounds, level.mean, color="#777777", linewidth=0.9, linestyle=dash, label=level.name)


def _range(counts: set[int]) -> str:
    return str(min(counts)) if len(counts) == 1 else f"{min(counts)}–{max(counts)}"
