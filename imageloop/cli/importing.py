"""`imageloop import`: rounds made elsewhere become a run."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from imageloop.importing import Imported

Option = typer.Option
MOST_LISTED = 24
"""Chains with a line of their own, at most."""


def import_folder(
    folder: Annotated[Path, typer.Argument(metavar="FOLDER", help="A folder of rounds, or of such folders, or a file of captions.")],
    original: Annotated[
        list[str] | None,
        Option(help="What the chains start from: an image, a text, or a folder of them by the chains' names; may be repeated."),
    ] = None,
    out: Annotated[Path | None, Option(help="The run's folder, when not outputs/ and the name of FOLDER.")] = None,
    captioner: Annotated[str, Option(help="What the model that described is called.")] = "unknown",
    generator: Annotated[str, Option(help="What the model that drew is called.")] = "unknown",
    embedder: Annotated[str, Option(help="The model that will measure by likeness.")] = "clip-l14",
    layout: Annotated[str, Option(help="auto, simple, raa or captions.")] = "auto",
    pick_caption: Annotated[str | None, Option(help="How one of several captions was kept: first, random, closest, medoid.")] = None,
    pick_image: Annotated[str | None, Option(help="How one of several pictures was kept: first, random, closest, medoid.")] = None,
    json: Annotated[bool, Option("--json", help="Print the results as JSON on stdout, and nothing else there.")] = False,
) -> None:
    """Make a run of rounds made elsewhere, to measure, compare and show it as if it had been run here.

    Typed again, it adds the rounds that are new. docs/import.md shows how the files must be called.
    """
    from imageloop.cli import results
    from imageloop.cli.progress import watcher
    from imageloop.importing import Rules, import_rounds
    from imageloop.originals import slug

    with watcher() as progress:
        imported = import_rounds(
            folder,
            out or Path("outputs") / (slug(folder.expanduser().resolve().stem) or "imported"),
            originals=original or (),
            captioner=captioner,
            generator=generator,
            embedder=embedder,
            layout=layout,
            rules=Rules(pick_caption, pick_image),
            say=progress.message,
        )
    results.write_json(_as_json(imported)) if json else _show(imported)


def _show(imported: "Imported") -> None:
    from imageloop.cli import results

    console = results.stdout()
    chains, path = imported.chains, imported.run.path
    for chain in chains[:MOST_LISTED]:
        new = "nothing new" if chain.new == 0 else f"{chain.new} new" if chain.new < chain.rounds else "all new"
        where = imported.run.chain_path(chain.key).relative_to(path)
        console.print(_plain(f"{chain.source}: {chain.rounds} {_rounds(chain.rounds)}, {new}, in {where}"))
    if len(chains) > MOST_LISTED:
        console.print(f"and {len(chains) - MOST_LISTED} more chains")
    for note in imported.notes:
        console.print(_plain(f"note: {note}"))
    console.print(f"imported  {_plain(str(path))}")
    console.print(f"next      {_plain(f'imageloop measure {path}; imageloop report {path}')}")


def _rounds(count: int) -> str:
    return "round" if count == 1 else "rounds"


def _plain(text: str) -> str:
    """Names of files are anybody's: what has no look of its own would rather act on the terminal."""
    return "".join(letter if letter.isprintable() else "�" for letter in " ".join(text.split()))


def _as_json(imported: "Imported") -> dict[str, object]:
    return {
        "run": str(imported.run.path),
        "chains": [
            {
                "source": chain.source,
                "pair": chain.key.pair,
                "original": chain.key.original,
                "seed": chain.key.seed,
                "rounds": chain.rounds,
                "new": chain.new,
            }
            for chain in imported.chains
        ],
        "notices": list(imported.notes),
    }
