"""What the page is told of each round, fifty rounds at a time: safe text, flags, candidates, and links below the chain's folder."""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import lru_cache
from typing import Any
from urllib.parse import quote

from imageloop.records import Pick, Round, StoredPicture
from imageloop.report.flags import flags_of
from imageloop.report.words import plural, shown
from imageloop.stickers.captions import parse

BLOCK = 50
"""Rounds in one data file and in one sheet of thumbnails."""
LONGEST = 4000
"""Characters of a text that the page is given; the rest is in rounds.jsonl."""

Row = Mapping[str, Any]


def row_of(done: Round, repeats: int | None, *, facts: bool) -> dict[str, Any]:
    """One round as the page gets it; what is empty is left out.

    `repeats`: an earlier round of the chain with the very same picture. `facts`: whether captions are read by the sticker world's grammar.
    """
    row: dict[str, Any] = {"caption": clipped(done.caption), "file": _file(done.picture)}
    if done.picture and done.picture.pixels:
        row["pixels"] = done.picture.pixels[:12]
    optional = {
        "flags": flags_of(done, repeats),
        "facts": list(facts_of(done.caption)) if facts else [],
        "looked": done.saw_original,
        "inferred": done.inferred,
        "prompt": clipped(done.prompt) if done.prompt != done.caption else "",
        "captions": [_saying(done, i) for i in range(len(done.captions))] if len(done.captions) > 1 else [],
        "pictures": [_shot(done, i) for i in range(len(done.pictures))] if len(done.pictures) > 1 else [],
        "rules": _rules(done),
        "notes": _notes(done),
    }
    return row | {name: value for name, value in optional.items() if value}


def clipped(text: str) -> str:
    """`shown`, at most `LONGEST` characters and a count of those left out."""
    whole = shown(text)
    return whole if len(whole) <= LONGEST else f"{whole[:LONGEST]}… ({len(whole) - LONGEST:,} more characters in rounds.jsonl)"


@lru_cache(maxsize=4096)
def facts_of(caption: str) -> tuple[str, ...]:
    """What a caption of the sticker world says is in the picture: objects, then background, style and tint."""
    found = parse(caption)
    return (*found.objects, *(fact for fact in (found.background, found.style, found.tint) if fact and fact != "daylight"))


def data_file(name: str, value: Any) -> bytes:
    """A data file: one call that hands the page a plain value under a name."""
    return f"imageloop.receive({json.dumps(name)}, {harmless(value)})\n".encode("utf-8", "backslashreplace")


def harmless(value: Any) -> str:
    """JSON that can neither end a script element nor a line of JavaScript; refuses NaN and infinity with ValueError."""
    text = json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    return text.replace("<", "\\u003c").replace("\u2028", "\\u2028").replace("\u2029", "\\u2029")


def _file(picture: StoredPicture | None) -> str | None:
    return quote(picture.file) if picture and picture.file else None


def _saying(done: Round, place: int) -> dict[str, Any]:
    pick = done.caption_pick
    return {"text": clipped(done.captions[place].text), "kept": place == pick.chosen, "score": _score(pick, place)}


def _shot(done: Round, place: int) -> dict[str, Any]:
    pick = done.picture_pick
    return {"file": _file(done.pictures[place]), "kept": place == pick.chosen, "score": _score(pick, place)}


def _score(pick: Pick, place: int) -> float | None:
    return None if pick.scores is None else round(pick.scores[place], 4)


def _rules(done: Round) -> list[str]:
    """Which rule kept which candidate."""
    said = []
    for pick, count, noun in ((done.caption_pick, len(done.captions), "caption"), (done.picture_pick, len(done.pictures), "picture")):
        if count > 1:
            looks = ", which compares with the original" if pick.saw_original else ""
            said.append(f"{noun.capitalize()} {pick.chosen + 1} of {count} was kept by the rule “{shown(pick.rule)}”{looks}.")
    return said


def _notes(done: Round) -> list[str]:
    """What is known of the round beyond its words and pictures."""
    said = []
    caption, picture = done.captions[done.caption_pick.chosen], done.picture
    if caption.tokens is not None:
        said.append(f"{caption.tokens} {plural(caption.tokens, 'token')} written")
    for encoder, count in done.prompt_tokens.items():
        said.append(f"{shown(encoder)}: {done.prompt_tokens_read[encoder]} of {count} tokens read")
    if picture and picture.seed is not None:
        said.append(f"picture seed {picture.seed}")
    return said
