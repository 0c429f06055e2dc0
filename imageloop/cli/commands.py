"""The commands that look at runs, models and the machine: `measure`, `measures`, `report`, `models`, `doctor`."""

from functools import partial
from pathlib import Path
from typing import Annotated

import typer

Folder = Annotated[Path, typer.Argument(metavar="RUN", help="A run's folder, such as outputs/surfer.")]
Json = Annotated[bool, typer.Option("--json", help="Print the results as JSON on stdout, and nothing else there.")]


def measure(
    folder: Folder,
    measures: Annotated[str, typer.Option(metavar="all|NAME,…", help="Which measures; imageloop measures lists them.")] = "all",
    embedder: Annotated[str | None, typer.Option(help="Measure by another model than the plan's.")] = None,
    eye: Annotated[str | None, typer.Option(help="A second embedder of pictures, such as dinov2.")] = None,
    text_embedder: Annotated[str | None, typer.Option(help="An embedder of sentences, such as minilm.")] = None,
    device: Annotated[str | None, typer.Option(help="auto, cpu, cuda, cuda:N or mps.")] = None,
    json: Json = False,
) -> None:
    """Score a run (again) without generating anything."""
    from imageloop.cli import results
    from imageloop.store import RunFolder

    run = RunFolder.open(folder)
    names = [name.strip() for name in measures.split(",") if name.strip()]
    table = results.measured(run, embedder, device, eye=eye, text_embedder=text_embedder, measures=names)
    if names == ["all"]:
        results.show(run, table, page=None, json=json)
    else:
        results.show_values(run, table, json=json)


def measures(json: Json = False) -> None:
    """List every measure: unit, range, direction, version and source. What each does not say is in docs/measures.md."""
    from imageloop.cli import results
    from imageloop.cli.measures import as_json, as_table
    from imageloop.measures import MEASURES

    rows = list(MEASURES.values())
    results.write_json([as_json(row) for row in rows]) if json else results.stdout().print(as_table(rows))


def report(
    folder: Folder,
    open: Annotated[bool, typer.Option("--open", help="Show the page in the browser.")] = False,
    video: Annotated[str | None, typer.Option(metavar="gif|webp|mp4", help="Make animations of the chains, and nothing else.")] = None,
    chain: Annotated[str | None, typer.Option(metavar="NAME", help="Animate this chain only, such as surfer-1a2b3c4d-s0.")] = None,
    sheet: Annotated[bool, typer.Option("--sheet", help="Make the contact sheet, and nothing else.")] = False,
    json: Json = False,
) -> None:
    """Make a run's page, figures and contact sheet from what is on disk; or animations, or the contact sheet alone."""
    from imageloop.cli import results
    from imageloop.cli.reporting import made, show_page
    from imageloop.store import RunFolder

    files = made(RunFolder.open(folder), video=video, chain=chain, sheet=sheet, say=partial(typer.echo, err=True))
    if json:
        page = None if files.page is None else str(files.page)
        results.write_json({"run": str(folder), "page": page, "files": [str(file) for file in files.others]})
    else:
        typer.echo("\n".join(str(file) for file in ([files.page] if files.page else files.others)))
    if open:
        show_page(folder)


def models(
    role: Annotated[str | None, typer.Option(help="Only one role: captioner, generator, embedder or text-embedder.")] = None,
    json: Json = False,
) -> None:
    """List every model that has a name: where it comes from, whether it is here, its size, memory, limits and licence."""
    from imageloop.catalog import rows_of
    from imageloop.cli import results
    from imageloop.cli.listing import as_json, show

    rows = rows_of(role)
    if json:
        results.write_json([as_json(row) for row in rows])
    else:
        show(rows, results.stdout())


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
