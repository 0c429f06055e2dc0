"""What chat captioners are asked: texts with a name, a file each in `prompts/instructions`, or a text of one's own."""

import re
from difflib import get_close_matches
from pathlib import Path

from imageloop.errors import ModelError
from imageloop.plan_files import shipped

DEFAULT = "short"


def instruction(text: str) -> str:
    """The text behind a name such as `short` or `long`; a text of more than one word is its own.

    Raises ModelError for an empty text and for a single word that names none.
    """
    if not text.strip():
        raise ModelError(f"instruction {text!r}: is empty; name one of {', '.join(names())}, or write a sentence")
    if not re.fullmatch(r"\w[\w-]*", text):
        return text
    if text not in names():
        near = get_close_matches(text, names(), n=1)
        hint = f"did you mean {near[0]!r}?" if near else f"there are {', '.join(names())};"
        raise ModelError(f"instruction {text!r}: no instruction is called that; {hint} One of your own has more than one word")
    return (folder() / f"{text}.txt").read_text(encoding="utf-8").strip()


def names() -> list[str]:
    """The instructions that come with the package."""
    return sorted(file.stem for file in folder().glob("*.txt"))


def folder() -> Path:
    """Where they lie: beside the plans."""
    return shipped() / "instructions"
