"""The commands that look at runs, models and the machine: `measure`, `report`, `models`, `doctor`."""

from pathlib import Path
from typing import Annotated

import typer

Folder = Annotated[Path, typer.Argument(metavar="RUN", help="A run's folder, such as outputs/surfer.")]
Json = Annotated[bool, typer.Option("--json", help="Print the results as JSON on stdout, and nothing else there.")]


def measure(
    folder: Folder,
    embedder: Annotated[str | None, typer.Option(help="Measure by another model than the plan's.")] = None,
    device: Annotated[str | None, typer.Option(help="auto, cpu, cuda, cuda:N or mps.")] = None,
    json: Json = False,
) -> None:
    """Score a run (again) without generating anything."""
    from imageloop.cli import results
    from imageloop.store import RunFolder

    run = RunFolder.open(folder)
    table = results.measured(run, embedder, device)
    results.show(run, table, page=None, json=json)


def report(folder: Folder, json: Json = False) -> None:
    """Make a run's page, figures and contact sheet from what is on disk."""
    from imageloop.cli import results
    from imageloop.report import write_report
    from imageloop.store import RunFolder

    page = write_report(RunFolder.open(folder))
    results.write_json({"run": str(folder), "page": str(page)}) if json else typer.echo(str(page))


def models(json: Json = False) -> None:
    """List every model that has a name: role, size, licence, limits, and whether it is on this machine."""
    from imageloop.catalog import ROWS
    from imageloop.cli import results
    from imageloop.cli.listing import as_json, as_table

    if json:
        results.write_json([as_json(row) for row in ROWS])
    else:
        results.stdout().print(as_table(ROWS))


def doctor(json: Json = False) -> None:
    """Say what this machine can run and what is broken, with the fix. Exits 1 when something is broken."""
    from dataclasses import asdict

    from imageloop.cli import results
    from imageloop.doctor import examine

    checks = examine()
    if json:
        results.write_json([asdict(check) for check in checks])
    else:
        results.show_checks(checks)
    if any(check.state == "broken" for check in checks):
        raise typer.Exit(1)
