"""What a report tells its page, read back from the data files."""

import json
import re
from pathlib import Path
from typing import Any

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
