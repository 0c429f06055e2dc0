"""A comparison on disk: `compare.json` whole, `compare.csv` one number a row, and its figures."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path

from imageloop.comparison.figures import figures_of
from imageloop.comparison.found import Comparison, Entry
from imageloop.disk import told, write_whole
from imageloop.measures.statistics import Estimate
from imageloop.measures.table import WHOLE_CHAIN

COLUMNS = (
    *("table", "label", "run", "pair", "arm", "against", "source", "measure", "round"),
    *("value", "low", "high", "n", "p", "p_corrected", "decided", "needed_originals", "note"),
)
Row = dict[str, object]


def write_comparison(comparison: Comparison, folder: Path) -> list[Path]:
    """Write `compare.json`, `compare.csv` and `figures/` into a folder, which is made; gives the files. Raises RunError where it cannot."""
    with told(folder):
        (folder / "figures").mkdir(parents=True, exist_ok=True)
    contents = {"compare.json": json_of(comparison).encode(), "compare.csv": csv_of(comparison).encode()}
    contents |= {f"figures/{name}": content for name, content in figures_of(comparison).items()}
    for name, content in contents.items():
        write_whole(folder / name, content)
    return [folder / name for name in contents]


def json_of(comparison: Comparison) -> str:
    """The whole comparison; refuses NaN and infinity."""
    return json.dumps(asdict(comparison), indent=2, ensure_ascii=False, allow_nan=False) + "\n"


def csv_of(comparison: Comparison) -> str:
    """Every number of the comparison, one a row; the column `table` says of what: leaderboard, matrix, blame, difference or note.

    What is undefined has no row. A measure of whole chains has round −1.
    """
    text = io.StringIO()
    writer = csv.DictWriter(text, COLUMNS, lineterminator="\n")
    writer.writeheader()
    made = (row for rows in (_leaderboard, _matrix, _blame, _differences, _notes) for row in rows(comparison))
    writer.writerows(row for row in made if row["table"] == "note" or row["value"] is not None)
    return text.getvalue()


def _leaderboard(comparison: Comparison) -> Iterator[Row]:
    for entry in comparison.entries:
        same = {"table": "leaderboard", "label": entry.label, "run": entry.run, "pair": entry.pair, "arm": entry.arm}
        note = "saw the original" if entry.saw_original else None
        yield {**same, **_compared(comparison), **_numbers(entry.value, entry), "note": note}
        for measure, value in _columns(comparison, entry):
            yield {**same, "measure": measure, "round": comparison.round, **_numbers(value, entry), "note": note}
        if entry.decay:
            verdict = (
                f"{entry.decay.verdict}; of the resamples {entry.decay.flat:.0%} flat, {entry.decay.unidentified:.0%} not identifiable"
            )
            for measure, estimate in (("half_life", entry.decay.half_life), ("plateau", entry.decay.plateau)):
                yield {**same, "measure": measure, "round": comparison.round, **_numbers(estimate, entry), "note": verdict}


def _compared(comparison: Comparison) -> Row:
    return {"measure": comparison.measure, "round": WHOLE_CHAIN if comparison.whole_chain else comparison.round}


def _columns(comparison: Comparison, entry: Entry) -> list[tuple[str, Estimate | float | None]]:
    near: list[tuple[str, Estimate | float | None]] = []
    if comparison.closeness and comparison.closeness != comparison.measure:
        near.append((comparison.closeness, entry.similarity))
    return [
        *near,
        ("normalised", entry.normalised),
        ("hop_1_loss", entry.hop_1_loss),
        ("windowed_caption_jsd", entry.windowed_jsd),
        ("vendi_score", entry.vendi),
        (comparison.rare_measure or "survival_rare", entry.rare_survival),
        ("truncated_share", entry.truncated_share),
        ("seconds_a_round", entry.seconds_a_round),
    ]


def _matrix(comparison: Comparison) -> Iterator[Row]:
    if comparison.matrix is None:
        return
    for captioner, cells in zip(comparison.matrix.captioners, comparison.matrix.cells, strict=True):
        for generator, cell in zip(comparison.matrix.generators, cells, strict=True):
            yield {"table": "matrix", "pair": f"{captioner}+{generator}", **_compared(comparison), **_numbers(cell)}


def _blame(comparison: Comparison) -> Iterator[Row]:
    if comparison.blame is None:
        return
    for share in comparison.blame.shares:
        numbers = {"value": share.share, "low": share.low, "high": share.high, "n": comparison.blame.originals}
        yield {"table": "blame", "source": share.source, **_compared(comparison), **numbers}


def _differences(comparison: Comparison) -> Iterator[Row]:
    for one in comparison.differences:
        row: Row = {"table": "difference", "label": one.left, "against": one.right}
        row |= {**_compared(comparison), **_numbers(one.difference.estimate)}
        row |= {"p": one.difference.p, "p_corrected": one.p_corrected, "decided": one.decided}
        yield {**row, "needed_originals": one.needed.originals if one.needed else None}


def _notes(comparison: Comparison) -> Iterator[Row]:
    for text in (*(f"compared all the same: {text}" for text in comparison.different), *comparison.notes):
        yield {"table": "note", "note": text}


def _numbers(value: Estimate | float | None, entry: Entry | None = None) -> Row:
    if isinstance(value, Estimate):
        return {"value": value.mean, "low": value.low, "high": value.high, "n": value.n}
    return {"value": value, "low": None, "high": None, "n": entry.originals if entry and value is not None else None}
