"""The simple layout: `00.png`, `01.txt`, `01.png`, `02.txt`, …; candidates `01-a.png`, `01-b.chosen.png`.

Round t has its caption in `t.txt` and its picture in `t.png`, or any other format, with as many leading zeros as one likes. `00` is the
original, a picture or a text. Several candidates have a letter or a number each; the one that was kept has `chosen` in its name.
"""

import re
from collections.abc import Sequence
from pathlib import Path

from imageloop.importing.found import Candidate, FoundChain, Layout, is_picture, is_text

_NAME = re.compile(r"0*(?P<round>[0-9]{1,9})(?:[-_. ]?(?P<letter>[a-z])(?![a-z])|[-_. ](?P<number>[0-9]{1,3}))?(?P<chosen>[-_. ]?chosen)?")


def _parsed(file: Path) -> re.Match[str] | None:
    return _NAME.fullmatch(file.stem.lower()) if is_picture(file) or is_text(file) else None


def _recognises(files: Sequence[Path]) -> bool:
    return any(match and int(match["round"]) <= 1 for match in map(_parsed, files))


def _chains(name: str, files: Sequence[Path]) -> list[FoundChain]:
    chain = FoundChain(name)
    for file in files:
        match = _parsed(file)
        if match is None:
            chain.left.append(file)
        elif int(match["round"]) == 0:
            chain.originals.append(file)
        else:
            found = chain.at(int(match["round"]))
            candidate = Candidate(file, match["letter"] or match["number"] or "", bool(match["chosen"]))
            (found.captions if is_text(file) else found.pictures).append(candidate)
    return [chain]


SIMPLE = Layout(_recognises, _chains)
