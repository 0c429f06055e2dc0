"""The table that `imageloop run` and `imageloop measure` end with: what each column shows."""

from io import StringIO
from typing import Any

from rich.console import Console

from imageloop.cli.results import pair_table
from imageloop.measures import Estimate, PairSummary

PLAIN = PairSummary(
    pair="eye+pen",
    arm="plain",
    chains=16,
    originals=8,
    rounds=20,
    measure="clip_image_similarity",
    similarity=Estimate(0.71, 0.66, 0.75, 8),
    hop_1_loss=Estimate(0.12, 0.1, 0.14, 8),
    windowed_jsd=Estimate(0.3, 0.2, 0.4, 8),
    truncated_share=Estimate(0.5, 0.4, 0.6, 8),
    chance=Estimate(0.23, 0.2, 0.26, 8),
    verdict="kept the original, then steady",
    floor=Estimate(0.94, 0.92, 0.96, 8),
    normalised=Estimate(0.68, 0.6, 0.76, 8),
)
BARE = PairSummary("ear+pen", "reanchor(every=5)", 1, 1, 3, None, None, None, None, None, None, "nothing embedded")


def cells(*pairs: PairSummary) -> dict[str, list[str]]:
    """Column → what it shows of each pair."""
    table = pair_table(pairs)
    return {str(column.header): [getattr(cell, "plain", cell) for cell in column.cells] for column in table.columns}


def test_each_column_shows_what_its_title_says() -> None:
    assert cells(PLAIN) == {
        "pair": ["eye+pen"],
        "arm": ["plain"],
        "chains": ["16"],
        "rounds": ["20"],
        "similarity to the original": ["0.71 [0.66, 0.75] n=8"],
        "chance": ["0.23"],
        "floor": ["0.94"],
        "normalised": ["0.68"],
        "lost in round 1": ["0.12"],
        "verdict": ["kept the original, then steady"],
    }


def test_without_the_control_its_columns_are_left_out_and_what_is_unknown_is_a_dash() -> None:
    found = cells(BARE)
    assert "floor" not in found
    assert "normalised" not in found
    assert [found[name] for name in ("similarity to the original", "chance", "lost in round 1")] == [["–"]] * 3
    assert (found["arm"], found["verdict"]) == (["reanchor(every=5)"], ["nothing embedded"])


def test_a_control_that_one_pair_has_shows_a_dash_for_the_others() -> None:
    found = cells(PLAIN, BARE)
    assert (found["floor"], found["normalised"]) == (["0.94", "–"], ["0.68", "–"])


def test_one_original_has_a_mean_and_no_interval() -> None:
    changes: dict[str, Any] = {"similarity": Estimate(0.97, None, None, 1)}
    assert cells(PairSummary(**{name: getattr(PLAIN, name) for name in PairSummary.__slots__} | changes))["similarity to the original"] == [
        "0.97 n=1"
    ]


def test_counts_stand_to_the_right_and_names_are_no_markup() -> None:
    table = pair_table([PLAIN, BARE])
    assert {str(column.header) for column in table.columns if column.justify == "right"} == {"chains", "rounds"}
    hostile = PairSummary(**{name: getattr(PLAIN, name) for name in PairSummary.__slots__} | {"pair": "[red]eye[/red]+pen"})
    console = Console(width=200, record=True, file=StringIO())
    console.print(pair_table([hostile]))
    assert "[red]eye[/red]+pen" in console.export_text()
