"""A chain that was found, as rounds: every caption and picture read and checked, up to the first round that is not whole."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from imageloop.importing.found import Candidate, FoundChain, FoundRound, Trouble, names, read_text
from imageloop.importing.pictures import read_picture
from imageloop.importing.starting import Starts
from imageloop.picks import rule_named
from imageloop.records import Original, Pick, Round, SeededCaption, StoredPicture, pixel_hash
from imageloop.store import IMPORTED


@dataclass(frozen=True, slots=True)
class Rules:
    """By which rule, a person says, one of several candidates was kept; None where nobody says."""

    caption: str | None = None
    picture: str | None = None


@dataclass(frozen=True, slots=True)
class ReadChain:
    """A chain whose rounds are whole. `files[i]` holds the pictures of `rounds[i]`; their pixels are read again when they are stored."""

    name: str
    original: Original
    rounds: tuple[Round, ...]
    files: tuple[tuple[Path, ...], ...]


def read_chain(chain: FoundChain, starts: Starts, rules: Rules) -> ReadChain | None:
    """The whole rounds of a chain, or None where there are none; what is wrong goes to `starts.notes`, in one line."""
    try:
        if chain.trouble:
            raise Trouble(chain.trouble)
        original = starts.of(chain)
        _begin(chain, original)
    except Trouble as trouble:
        starts.notes.append(f"{chain.name}: {trouble}; nothing of this chain is imported")
        return None
    rounds: list[Round] = []
    files: list[tuple[Path, ...]] = []
    only_captions = not any(found.pictures for found in chain.rounds.values())
    saw = None if original.pixels is None else pixel_hash(original.pixels)
    for number in range(1, max(chain.rounds, default=0) + 1):
        try:
            done, pictures = _round(number, chain.rounds.get(number), only_captions, saw, starts, rules)
        except Trouble as trouble:
            starts.notes.append(f"{chain.name}: {trouble}{_ends(number, chain)}")
            break
        rounds.append(done)
        files.append(pictures)
        saw = done.picture.pixels if done.picture else None
    return ReadChain(chain.name, original, tuple(rounds), tuple(files)) if rounds else None


def _begin(chain: FoundChain, original: Original) -> None:
    """Puts captions into the rounds they belong to where the chain starts from a text: the text itself is the caption of round 1."""
    if original.text is None:
        return
    if chain.late_captions:
        captions = {number: found.captions for number, found in chain.rounds.items()}
        for found in chain.rounds.values():
            found.captions = []
        for number, candidates in captions.items():
            if candidates:
                chain.at(number + 1).captions = candidates
    first = chain.at(1)
    if not first.captions:
        first.captions = [Candidate(original.text)]
    elif len(first.captions) > 1:
        raise Trouble(f"it starts from a text, but there are several captions in round 1: {_listed(first.captions)}")


def _round(
    number: int, found: FoundRound | None, only_captions: bool, saw: str | None, starts: Starts, rules: Rules
) -> tuple[Round, tuple[Path, ...]]:
    if found is None or not (found.captions or found.pictures):
        raise Trouble(f"round {number} is missing")
    for candidates, noun in ((found.captions, "caption"), (found.pictures, "picture")):
        if not candidates and not (noun == "picture" and only_captions):
            raise Trouble(f"round {number} has no {noun}")
    captions, pictures = sorted(found.captions, key=_order), sorted(found.pictures, key=_order)
    caption_pick = _pick(captions, rules.caption, number, "captions")
    picture_pick = _pick(pictures, rules.picture, number, "pictures") if pictures else Pick(IMPORTED, 0)
    texts = tuple(SeededCaption(_text(one, number, starts), None, None) for one in captions)
    files = tuple(one.source for one in pictures if isinstance(one.source, Path))
    hashes = [pixel_hash(read_picture(file, starts.root, starts.changes)) for file in files]
    stored = tuple(StoredPicture(pixels, None, None) for pixels in hashes)
    return Round(number, saw, texts, caption_pick, texts[caption_pick.chosen].text, {}, {}, stored, picture_pick), files


def _pick(candidates: Sequence[Candidate], rule: str | None, number: int, noun: str) -> Pick:
    """Which candidate was kept. By a rule that nobody names it may have been by comparing with the original, and counts as such."""
    several = len(candidates) > 1
    chosen = [place for place, one in enumerate(candidates) if one.chosen] if several else [0]
    if len({one.mark for one in candidates}) < len(candidates):
        raise Trouble(f"round {number} has several {noun} of one name: {_listed(candidates)}")
    if not chosen:
        raise Trouble(f"round {number} has several {noun} and none has “chosen” in its name: {_listed(candidates)}")
    if len(chosen) > 1:
        raise Trouble(f"round {number} has {len(chosen)} {noun} with “chosen” in their names: {_listed(candidates)}")
    if rule is not None:
        return Pick(rule, chosen[0], saw_original=rule_named(rule).sees_original)
    return Pick(IMPORTED, chosen[0], saw_original=True) if several else Pick("first", 0)


def _text(candidate: Candidate, number: int, starts: Starts) -> str:
    text = candidate.source if isinstance(candidate.source, str) else read_text(candidate.source, starts.root)
    if not text:
        raise Trouble(f"the caption of round {number} is empty")
    return text


def _order(candidate: Candidate) -> tuple[int, str]:
    return (int(candidate.mark), "") if candidate.mark.isdigit() else (-1, candidate.mark)


def _listed(candidates: Sequence[Candidate]) -> str:
    return names([one.source if isinstance(one.source, Path) else "the text itself" for one in candidates])


def _ends(number: int, chain: FoundChain) -> str:
    """What follows from the round of this number not being whole."""
    later = sum(other > number for other in chain.rounds)
    left = f", {later} later {'round is' if later == 1 else 'rounds are'} left out" if later else ""
    return f"; the chain ends at round {number - 1}{left}" if number > 1 else "; nothing of this chain is imported"
