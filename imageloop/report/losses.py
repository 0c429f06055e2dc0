"""Which facts of the original the captions no longer name at the end, in the sticker world, as half a sentence."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from imageloop.report.following import Followed
from imageloop.report.words import plural


def losses(chains: Sequence[Followed]) -> str | None:
    """The fact that most chains of an original lost, or how many chains lost any where originals differ; None without facts.

    Such as `3 of 4 chains have lost the surfer`. A fact is lost when the first caption names it and the last one does not.
    """
    ends = [(chain.key.original, _facts(chain.first), _facts(chain.last)) for chain in chains if chain.rounds > 1 and _facts(chain.first)]
    if not ends:
        return None
    all_of_them = f"{len(ends)} {plural(len(ends), 'chain')}"
    lost = Counter(fact for _, first, last in ends for fact in first - last)
    if not lost:
        return f"{all_of_them} still {'names' if len(ends) == 1 else 'name'} everything that the first caption named"
    if len({original for original, _, _ in ends}) > 1:
        count = sum(not first <= last for _, first, last in ends)
        return f"{count} of {all_of_them} {_have(count)} lost something that the first caption named"
    fact, count = min(lost.items(), key=lambda item: (-item[1], item[0]))
    return f"{count} of {all_of_them} {_have(count)} lost the {fact}"


def _have(count: int) -> str:
    return "has" if count == 1 else "have"


def _facts(row: object) -> frozenset[str]:
    return frozenset(row.get("facts", ())) if isinstance(row, dict) else frozenset()
