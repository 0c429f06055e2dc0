"""Lists of captions, a file a chain: those of github.com/wowowo-wo/blip_sd_telephonegame, and plain ones.

numbered   a line with the number of the round, the caption below it, an empty line: the lists published there
steps      `step_1: caption` on a line each, `step_0` for the original: what its program writes into `captions.txt`
plain      a caption a line; or a JSON list of texts. Only where the file is called `captions.txt` or `.json`, or the layout is asked for

Pictures `NAME_step_1.png`, … beside a single list are those of its rounds, and `NAME_step_0.png` is the original.
"""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from imageloop.importing.found import Candidate, FoundChain, Layout, Trouble, is_picture, is_text, read_text

_STEP = re.compile(r"step_0*([0-9]{1,9}):[ \t]*(.*)")
_PICTURE = re.compile(r"(?P<prefix>.+)_step_0*(?P<round>[0-9]{1,9})")


def parse(text: str, *, plain: bool) -> dict[int, str]:
    """The captions in a list by round, of which there may be gaps; empty where it is none. `plain`: also one caption a line."""
    return _numbered(text) or _steps(text) or (_plain(text) if plain else {})


def _numbered(text: str) -> dict[int, str]:
    blocks = [block.split("\n", 1) for block in re.split(r"\n[ \t]*\n", text) if block.strip()]
    if len(blocks) < 2 or not all(re.fullmatch(r"[0-9]{1,9}", block[0].strip()) for block in blocks):
        return {}
    return _by_number([(int(block[0]), block[1].strip() if len(block) > 1 else "") for block in blocks])


def _steps(text: str) -> dict[int, str]:
    rows: list[tuple[int, str]] = []
    for line in text.split("\n"):
        match = _STEP.fullmatch(line)
        if match:
            rows.append((int(match[1]), match[2]))
        elif rows:  # the captioner began a new line
            rows[-1] = (rows[-1][0], f"{rows[-1][1]}\n{line}")
        else:
            return {}
    return _by_number([(number, caption.strip()) for number, caption in rows if number])


def _plain(text: str) -> dict[int, str]:
    if text.startswith("["):
        try:
            rows = json.loads(text)
        except (ValueError, RecursionError):
            raise Trouble("is no JSON list of texts; correct it") from None
        if not all(isinstance(row, str) for row in rows):
            raise Trouble("is a JSON list, but not of texts only; correct it")
        return dict(enumerate((row.strip() for row in rows), start=1))
    return dict(enumerate((line.strip() for line in text.split("\n") if line.strip()), start=1))


def _by_number(rows: Sequence[tuple[int, str]]) -> dict[int, str]:
    found: dict[int, str] = {}
    for number, caption in rows:
        if number in found:
            raise Trouble(f"has round {number} twice; keep one")
        found[number] = caption
    return found


def _lists(files: Sequence[Path], *, plain: bool) -> dict[Path, dict[int, str] | str]:
    """The lists among these files: their captions by round, or what is wrong with them."""
    found: dict[Path, dict[int, str] | str] = {}
    for file in files:
        named = plain or file.stem.lower() == "captions"
        if not (is_text(file) or (named and file.suffix.lower() == ".json")):
            continue
        try:
            text = read_text(file, file.parent.resolve())
        except Trouble as trouble:
            if named:
                found[file] = str(trouble)
            continue
        try:
            captions = parse(text, plain=named)
        except Trouble as trouble:
            found[file] = f"{file.name} {trouble}"
            continue
        if captions or named:
            found[file] = captions or f"{file.name} holds no captions"
    return found


def _chains(name: str, files: Sequence[Path], *, plain: bool) -> list[FoundChain]:
    lists = _lists(files, plain=plain)
    steps = _step_pictures(files) if len(lists) == 1 else {}
    left = [file for file in files if file not in lists and file not in steps.values()]
    chains = [_chain(name if len(lists) == 1 else f"{name}/{file.stem}", captions, steps) for file, captions in lists.items()]
    return [replace(chain, left=left if chain is chains[0] else []) for chain in chains]


def _chain(name: str, captions: Mapping[int, str] | str, steps: Mapping[int, Path]) -> FoundChain:
    if isinstance(captions, str):
        return FoundChain(name, trouble=captions)
    chain = FoundChain(name, originals=[picture for number, picture in steps.items() if number == 0])
    for number, caption in captions.items():
        chain.at(number).captions.append(Candidate(caption))
    for number, picture in steps.items():
        if number:
            chain.at(number).pictures.append(Candidate(picture))
    return chain


def _step_pictures(files: Sequence[Path]) -> Mapping[int, Path]:
    found: dict[int, Path] = {}
    prefixes = set()
    for file in files:
        match = _PICTURE.fullmatch(file.stem)
        if match and is_picture(file):
            prefixes.add(match["prefix"])
            found[int(match["round"])] = file
    return found if len(prefixes) == 1 else {}


CAPTIONS = Layout(lambda files: bool(_lists(files, plain=False)), lambda name, files: _chains(name, files, plain=False))
PLAIN_CAPTIONS = Layout(lambda files: bool(_lists(files, plain=True)), lambda name, files: _chains(name, files, plain=True))
