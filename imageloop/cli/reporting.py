"""What `imageloop report` makes: the page with all that belongs to it, or animations, or the contact sheet."""

import webbrowser
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from imageloop.errors import RunError
from imageloop.store import RunFolder


@dataclass(frozen=True, slots=True)
class Made:
    """The page, where that was made, and other files that were asked for."""

    page: Path | None = None
    others: tuple[Path, ...] = ()


def made(run: RunFolder, *, video: str | None, chain: str | None, sheet: bool, say: Callable[[str], None]) -> Made:
    """Makes what is asked for; the page where nothing else is. Raises RunError on what cannot be made."""
    from imageloop.report import write_report
    from imageloop.report.animation import KINDS, chains_named, write_animations
    from imageloop.report.sheet import write_sheet

    if video is None and chain is not None:
        raise RunError("--chain names the chain of an animation; add --video webp, gif or mp4")
    kind = next((known for known in KINDS if known == video), None)
    if video is not None and kind is None:
        raise RunError(f"--video makes {', '.join(KINDS)}, not {video!r}")
    if kind is None and not sheet:
        whole(run, say)
        return Made(page=write_report(run))
    files = [write_sheet(run)] if sheet else []
    if kind is not None:
        files += write_animations(run, kind, chains_named(run, chain))
    return Made(others=tuple(files))


def whole(run: RunFolder, say: Callable[[str], None]) -> None:
    """Makes all measures where only some were made; where there are none, the page says so."""
    from imageloop.cli.results import up_to_date_measures
    from imageloop.measures import MEASURES, table

    if (run.path / table.PARQUET).is_file() and set(table.versions(table.read(run.path))) < set(MEASURES):
        up_to_date_measures(run, say)


def show_page(folder: Path) -> None:
    """Opens the run's page in the browser. Raises RunError where there is no page yet, or no browser."""
    page = (folder / "report" / "index.html").resolve()
    if not page.is_file():
        raise RunError(f"{page}: is not there yet; make it with: imageloop report {folder}")
    if not webbrowser.open(page.as_uri()):
        raise RunError(f"no browser answers here; open {page} in one")
