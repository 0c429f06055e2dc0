"""Curves as figures, and the numbers beside them."""

import csv
from io import BytesIO
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest
from PIL import Image

from imageloop.measures import measure_run, summary, table
from imageloop.report.chart import axis, draw_chart, round_ticks
from imageloop.report.figures import csv_of, draw_figure, write_figures
from imageloop.report.panels import Panel, panels, spread, thinned
from imageloop.stickers.scenes import Scene
from tests.paper_run import SURFER, PaperEmbedder, paper_run

PENGUIN = Scene(("penguin", "snowman"), "snow", "ink")
PAIRS = (("sticker-blip", "sticker-sana"), ("sticker-blip", "sticker-sprint"))


@pytest.fixture(scope="module")
def drift(tmp_path_factory: pytest.TempPathFactory) -> Panel:
    folder = tmp_path_factory.mktemp("run")
    return panels(measure_run(paper_run(folder, scenes=(SURFER, PENGUIN), pairs=PAIRS, rounds=8), PaperEmbedder()))[0]


def test_the_drift_starts_at_the_original_and_ends_where_the_summary_says(tmp_path: Path) -> None:
    measured = measure_run(paper_run(tmp_path, scenes=(SURFER, PENGUIN), pairs=PAIRS, rounds=8), PaperEmbedder())
    panel = panels(measured)[0]
    assert panel.measure.name == "clip_image_similarity"
    for line, one in zip(panel.series, summary(measured), strict=True):
        assert (line.rounds[0], line.means[0].mean) == (0, 1.0)
        assert line.means[-1] == one.similarity
    (chance,) = panel.levels
    last = [one.chance.mean for one in summary(measured) if one.chance]
    assert chance.measure == "chance_image_similarity"
    assert (chance.rounds[-1], chance.low[-1], chance.high[-1]) == (8, pytest.approx(min(last)), pytest.approx(max(last)))


def test_every_plotted_number_is_in_the_csv(drift: Panel) -> None:
    rows = list(csv.DictReader(csv_of(drift).splitlines()))
    means = {(row["pair"], int(row["round"])): row for row in rows if row["original"] == "*" and int(row["round"]) >= 0}
    for line in drift.series:
        for number, mean in zip(line.rounds, line.means, strict=True):
            row = means[line.label, number]
            assert (float(row["value"]), float(row["low"]), float(row["high"]), int(row["n"])) == (mean.mean, mean.low, mean.high, 2)
    (chance,) = drift.levels
    assert [float(row["value"]) for row in rows if row["measure"] == "chance_image_similarity"] == list(chance.mean)


def test_single_chains_are_drawn_where_there_is_no_interval(tmp_path: Path) -> None:
    panel = panels(measure_run(paper_run(tmp_path, seeds=3, rounds=4), PaperEmbedder()))[0]
    assert len(panel.series[0].chains) == 3
    rows = list(csv.DictReader(csv_of(panel).splitlines()))
    assert len(rows) == 5 + 3 * 5
    assert {row["low"] for row in rows} == {""}
    chart = draw_chart(panel, 900, 300)
    assert (chart.lines[0].band, len(chart.lines[0].chains)) == ("", 3)


def test_figures_have_named_axes_with_units(drift: Panel) -> None:
    made = draw_figure(drift)
    texts = [element.text or "" for element in ET.fromstring(made["svg"]).iter("{http://www.w3.org/2000/svg}text")]
    assert "round" in texts
    assert "Similarity to the original (cosine)" in texts
    assert {line.label for line in drift.series} <= set(texts)
    with Image.open(BytesIO(made["png"])) as image:
        assert image.width == 1260


def test_figures_are_written_with_their_numbers(drift: Panel, tmp_path: Path) -> None:
    assert write_figures([drift], tmp_path) == ["clip_image_similarity"]
    assert sorted(file.name for file in tmp_path.iterdir()) == [f"clip_image_similarity.{kind}" for kind in ("csv", "png", "svg")]


def test_a_thinned_curve_keeps_its_extremes() -> None:
    values = dict.fromkeys(range(1, 1001), 0.5) | {333: 0.9, 334: 0.1}
    points = thinned(values, spread(1000, 20))
    assert (333, 0.9) in points
    assert (334, 0.1) in points
    assert len(points) <= 3 * 20
    assert [number for number, _ in points] == sorted({number for number, _ in points})
    assert thinned(values, range(1, 1001)) == tuple(values.items())


def test_a_control_is_a_level_and_no_curve() -> None:
    rows = table.Rows()
    for arm, rounds, value in (("plain", 20, 0.6), ("floor", 5, 0.9)):
        for number in range(1, rounds + 1):
            rows.add("a+b", "o", 0, arm, number, "clip_image_similarity", value)
    rows.add("a+b", "o", 0, "plain", -1, "floor_image_similarity", 0.9)
    (panel,) = panels(rows.table())
    assert [(line.pair, line.arm) for line in panel.series] == [("a+b", "plain")]
    (floor,) = panel.levels
    assert (floor.measure, set(floor.mean), floor.rounds[-1]) == ("floor_image_similarity", {0.9}, 20)


def test_an_empty_table_has_no_panels() -> None:
    assert panels(table.Rows().table()) == []


def test_a_chart_stays_inside_its_box(drift: Panel) -> None:
    chart = draw_chart(drift, 920, 380)
    for line in chart.lines:
        for dot in line.dots:
            assert 44 <= dot.x <= chart.right
            assert 0 < dot.y <= chart.bottom
    (chance,) = chart.levels
    assert 0 < chance.end <= chart.bottom


@pytest.mark.parametrize(
    ("values", "lowest", "highest"),
    [([0.5], -1, 1), ([1.0, 1.0], -1, 1), ([0.0], 0, 2.3), ([-1, 1], -1, 1), ([3.2, 40.1], 0, float("inf")), ([0.97, 0.99], -1, 1)],
)
def test_an_axis_holds_its_values_in_two_to_seven_steps_within_the_measures_range(
    values: list[float], lowest: float, highest: float
) -> None:
    step, low, high = axis(values, lowest, highest)
    assert lowest - 1e-9 <= low <= min(values) + 1e-9
    assert high >= max(values) - 1e-9
    assert 2 <= round((high - low) / step) <= 7


@pytest.mark.parametrize(
    ("first", "last", "logarithmic", "ticks"),
    [
        (1, 1, False, [1]),
        (0, 8, False, list(range(9))),
        (0, 20, False, list(range(0, 21, 2))),
        (0, 100, True, [0, 1, 2, 5, 10, 20, 50, 100]),
    ],
)
def test_rounds_are_labelled_at_both_ends(first: int, last: int, logarithmic: bool, ticks: list[int]) -> None:
    assert round_ticks(first, last, logarithmic) == ticks
