"""The layout of github.com/pranavagrawaI/RaA: in the folder of each item `input.jpg`, `text_iter1.txt`, `image_iter1.jpg`, …

An item that starts from a text has `input.txt` instead; there `image_iter1` is drawn from the input and `text_iter1` describes
that picture. The inputs are links to wherever the experiment was made, so a copy of it has them dangling, and the originals must be named.
"""

import re
from collections.abc import Sequence
from pathlib import Path

from imageloop.importing.found import Candidate, FoundChain, Layout, is_picture, is_text

_NAME = re.compile(r"(?P<kind>text|image)_iter0*(?P<round>[1-9][0-9]{0,8})")


def _parsed(file: Path) -> re.Match[str] | None:
    match = _NAME.fullmatch(file.stem)
    return match if match and (is_text(file) if match["kind"] == "text" else is_picture(file)) else None


def _recognises(files: Sequence[Path]) -> bool:
    return any(map(_parsed, files))


def _chains(name: str, files: Sequence[Path]) -> list[FoundChain]:
    chain = FoundChain(name, late_captions=True)
    for file in files:
        match = _parsed(file)
        if match:
            found = chain.at(int(match["round"]))
            (found.captions if match["kind"] == "text" else found.pictures).append(Candidate(file))
        elif file.stem == "input" and (is_picture(file) or is_text(file)):
            chain.originals.append(file)
        else:
            chain.left.append(file)
    return [chain]


RAA = Layout(_recognises, _chains)
