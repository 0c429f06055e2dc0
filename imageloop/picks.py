"""Pick rules: how one of several candidates is kept. Small pure functions; `PICKS` is the table of them.

A rule sees the candidates' unit vectors, never the candidates; only a rule that declares `sees_original` is shown the original's.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Float

from imageloop.errors import ModelError, PlanError
from imageloop.records import Pick


@dataclass(frozen=True, slots=True)
class Choice:
    """What a rule may look at: how many candidates there are, a seed, and for rules that ask for them, unit vectors."""

    count: int
    seed: int
    vectors: Float[np.ndarray, "n d"] | None = None
    original: Float[np.ndarray, " d"] | None = None


def first(_choice: Choice) -> Pick:
    """The candidate that was drawn first."""
    return Pick("first", 0)


def random(choice: Choice) -> Pick:
    """Each candidate with the same chance, by the seed."""
    return Pick("random", choice.seed % choice.count)


def closest(choice: Choice) -> Pick:
    """The candidate most like the original. Scores: cosine of each candidate with the original, in [-1, 1]."""
    assert choice.vectors is not None
    assert choice.original is not None
    return _highest(Pick("closest", 0, saw_original=True), _cosines(choice.vectors, choice.original))


def medoid(choice: Choice) -> Pick:
    """The candidate most like all candidates. Scores: mean cosine of each with all, itself included, in [-1, 1]."""
    assert choice.vectors is not None
    return _highest(Pick("medoid", 0), np.mean([_cosines(choice.vectors, vector) for vector in choice.vectors], axis=0))


@dataclass(frozen=True, slots=True)
class Rule:
    """A pick rule and what it must be given."""

    pick: Callable[[Choice], Pick]
    embeds: bool = False
    sees_original: bool = False


PICKS: dict[str, Rule] = {
    "first": Rule(first),
    "random": Rule(random),
    "closest": Rule(closest, embeds=True, sees_original=True),
    "medoid": Rule(medoid, embeds=True),
}


def rule_named(name: str) -> Rule:
    """The rule of that name. Raises PlanError when there is none."""
    if name not in PICKS:
        raise PlanError(f"no pick rule is called {name!r}; use one of {', '.join(PICKS)}")
    return PICKS[name]


def pick(name: str, choice: Choice) -> Pick:
    """One candidate, and how it was chosen. A single candidate is taken without looking at anything.

    Raises ModelError when the embedder's vectors give a score that is not finite.
    """
    rule = rule_named(name)
    return Pick(name, 0) if choice.count == 1 else rule.pick(choice)


def _highest(pick: Pick, scores: Float[np.ndarray, " n"]) -> Pick:
    if not np.isfinite(scores).all():
        raise ModelError(f"pick rule {pick.rule!r}: the embedder gave a vector that is not finite; run it with dtype fp32")
    return replace(pick, chosen=int(np.argmax(scores)), scores=tuple(map(float, scores)))


def _cosines(rows: Float[np.ndarray, "n d"], vector: Float[np.ndarray, " d"]) -> Float[np.ndarray, " n"]:
    # Not `rows @ vector`: BLAS sums in an order that may change with alignment and thread count, and a tie would then change a chain.
    cosines: Float[np.ndarray, " n"] = (rows.astype(np.float64) * vector.astype(np.float64)).sum(axis=1)
    return cosines
