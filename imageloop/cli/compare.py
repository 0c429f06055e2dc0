"""`imageloop compare`: pairs, arms or runs side by side, printed, drawn and written down."""

import sys
from functools import partial
from pathlib import Path
from typing import Annotated, Literal

import typer


def compare(
    folders: Annotated[list[Path], typer.Argument(metavar="RUN...", help="One run's folder or more, such as outputs/pairs.")],
    by: Annotated[Literal["pair", "arm", "run"], typer.Option(help="What is compared: pair, arm or run.")] = "pair",
    measure: Annotated[str | None, typer.Option(help="The measure compared; left out, the similarity to the original.")] = None,
    round: Annotated[int | None, typer.Option(help="The round compared; left out, the last that all have reached.")] = None,
    allow_different: Annotated[
        bool, typer.Option("--allow-different", help="Compare runs that differ in more than that, and say in what.")
    ] = False,
    out: Annotated[Path | None, typer.Option(help="Where files go, when not into compare/ of the first run.")] = None,
    json: Annotated[bool, typer.Option("--json", help="Print the results as JSON on stdout, and nothing else there.")] = False,
) -> None:
    """Rank pairs of models, arms or runs, with intervals, and say which differences are more than chance."""
    from dataclasses import asdict

    from imageloop.cli import results, standings
    from imageloop.comparison import compare_runs, write_comparison
    from imageloop.store import RunFolder

    runs = [RunFolder.open(folder) for folder in folders]
    tables = [results.up_to_date_measures(run, partial(_say, run.path)) for run in runs]
    found = compare_runs(runs, tables, by=by, measure=measure, round=round, allow_different=allow_different)
    files = write_comparison(found, out or runs[0].path / "compare")
    if json:
        results.write_json({**asdict(found), "files": [str(file) for file in files]})
    else:
        standings.show(found, files)


def _say(run: Path, text: str) -> None:
    sys.stderr.write(f"{run}: {text}\n")
