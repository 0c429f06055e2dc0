"""What a report says: text from models made safe to show, and sentences made from numbers."""

from __future__ import annotations

import re
from collections.abc import Sequence

from imageloop.measures import PairSummary
from imageloop.report.chart import said, two
from imageloop.report.panels import pair_label

LONG = 180
"""Characters of a caption that are shown in a strip; the rest can be opened."""
_UNSEEN = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb\ud800-\udfff]")
_SPACE = re.compile(r"\s+")


def shown(text: str) -> str:
    """The text on one line, with a replacement character for what has no look of its own or would turn its neighbours around."""
    return _UNSEEN.sub("\ufffd", _SPACE.sub(" ", text)).strip()


def short(text: str, most: int = LONG) -> str:
    """`shown`, cut with an ellipsis behind a word where it is too long."""
    whole = shown(text)
    if len(whole) <= most:
        return whole
    head = whole[: most - 1]
    inside = whole[most - 1] != " " and " " in head[most // 2 :]
    return (head.rsplit(" ", 1)[0] if inside else head.rstrip()) + "…"


def headline(summaries: Sequence[PairSummary], rounds: int, lost: str | None = None) -> str:
    """The page's first line. `lost`: what chains lost, where that is known; of one pair there is nothing better to say."""
    measured = [one for one in summaries if one.similarity]
    after = f"After {rounds} {plural(rounds, 'round')}"
    if rounds == 0:
        return "Nothing has been drawn yet."
    if not measured:
        return f"{rounds} {plural(rounds, 'round')}, {'and no picture that could be measured' if summaries else 'not measured yet'}."
    if len(measured) == 1:
        return f"{after} {lost}." if lost else _sentence(measured[0].verdict)
    kept = sum(one.verdict.startswith("kept") for one in measured)
    noun = "pair" if len({one.pair for one in measured}) > 1 else "arm"
    return f"{after}, {kept or 'no'} {f'of {len(measured)} {noun}s' if kept else noun} kept the original."


def leads(summaries: Sequence[PairSummary], lost: str | None = None) -> list[str]:
    """The sentences under the first line."""
    told = explanation(summaries)
    several = sum(one.similarity is not None for one in summaries) != 1
    return [*([_sentence(lost)] if lost and several else []), *told]


def explanation(summaries: Sequence[PairSummary]) -> list[str]:
    """Sentences under the first line: how close the last pictures are, against what, and how much went at once."""
    measured = [one for one in summaries if one.similarity]
    if not measured:
        return []
    if len(measured) == 1:
        return [_of_one(measured[0]), *_hop(measured[0])]
    ranked = sorted(measured, key=lambda one: one.similarity.mean if one.similarity else 0.0)
    low, high = ranked[0], ranked[-1]
    first = f"{pair_label(high.pair, high.arm)} ended closest to the original, at a similarity of {_number(high)}"
    second = f"{pair_label(low.pair, low.arm)} farthest from it, at {_number(low)}"
    return [f"{first}; {second}. {_against(high)}", *_apart(low, high)]


def plural(count: int, noun: str) -> str:
    return noun if count == 1 else f"{noun}s"


def _of_one(one: PairSummary) -> str:
    number = f"After {one.rounds} {plural(one.rounds, 'round')} the pictures' similarity to the original is {_number(one)}."
    return f"{number} {_against(one)}"


def _against(one: PairSummary) -> str:
    from_picture = one.measure == "clip_image_similarity"
    best = "1 would be the original itself" if from_picture else "The cosine of a picture and a text, far below 1 at best"
    return f"({best}; {two(one.chance.mean)} is what pictures of other chains would get by chance.)" if one.chance else f"({best}.)"


def _hop(one: PairSummary) -> list[str]:
    if not one.hop_1_loss or not one.similarity or one.rounds < 2 or one.similarity.mean > 0.95:
        return []
    share = one.hop_1_loss.mean / (1 - one.similarity.mean)
    if not 0 <= share <= 1:
        return []
    return [f"{share:.0%} of what was lost went in the first round."]


def _apart(low: PairSummary, high: PairSummary) -> list[str]:
    if not low.similarity or not high.similarity:
        return []
    if high.similarity.low is None or low.similarity.high is None:
        return ["With one original there is no interval, so the order of the pairs may be chance."]
    if high.similarity.low <= low.similarity.high:
        return ["Their intervals overlap: more originals are needed to tell them apart."]
    return []


def _number(one: PairSummary) -> str:
    if one.similarity is None:
        return "–"
    if one.similarity.low is None or one.similarity.high is None:
        return two(one.similarity.mean)
    return f"{two(one.similarity.mean)} (95 % interval over originals {two(one.similarity.low)}–{two(one.similarity.high)})"


def _sentence(text: str) -> str:
    return f"{text[0].upper()}{text[1:]}."


__all__ = ["explanation", "headline", "leads", "plural", "said", "short", "shown"]
