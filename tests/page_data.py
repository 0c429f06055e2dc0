"""What a report tells its page, read back from the data files."""

import json
import re
from pathlib import Path
from typing import Any

from PIL import Image

from imageloop.disk import PART
from imageloop.report.gallery import short_name
from imageloop.store import RunFolder


def received(file: Path) -> tuple[str, Any]:
    """The name and the value that a data file hands to the page."""
    call = re.fullmatch(r"imageloop\.receive\((.*)\)\n", file.read_text(), re.DOTALL)
    assert call
    name, value = json.loads(f"[{call[1]}]")
    return name, value


def rows_of(run: RunFolder, place: int = 0) -> list[dict[str, Any]]:
    """What the page is told of the first rounds of a chain."""
    folder = run.path / "report" / "data" / short_name(run, run.keys()[place])
    return list(received(folder / "00000.js")[1]["rows"])


def told_going(folder: Path) -> Any:
    """What the page's data say of the run's going on."""
    file = folder / "report/data/overview.js"
    return received(file)[1]["running"] if file.is_file() else None


def page_of(folder: Path) -> dict[str, bytes]:
    report = folder / "report"
    return {file.relative_to(report).as_posix(): file.read_bytes() for file in sorted(report.rglob("*")) if file.is_file()}


def assert_page_is_whole(folder: Path) -> None:
    """Whatever has its name can be read to its end."""
    for file in (folder / "report").rglob("*"):
        if file.suffix == ".js":
            received(file)
        elif file.suffix == ".webp":
            Image.open(file).load()
        elif file.suffix == ".html":
            assert file.read_text().rstrip().endswith("</html>")
        else:
            assert file.is_dir() or file.name.endswith(PART)
