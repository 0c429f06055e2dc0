"""Pick rules: how one of several candidates is kept. Small pure functions; `PICKS` is the table of them.

A rule sees numbers of the candidates (unit vectors, probabilities, lengths), never the candidates; only a rule that declares
`sees_original` is shown the original's vector.
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
    log_probabilities: tuple[float | None, ...] = ()
    """Of captions: the mean log-probability of a token, None where the captioner gives none."""
    words: tuple[int, ...] = ()
    """Of captions: how many words each has."""


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


def most_novel(choice: Choice) -> Pick:
    """The candidate least like all candidates. Scores: minus the mean cosine of each with all, itself included, in [-1, 1]."""
    pick = medoid(choice)
    return _highest(Pick("most_novel", 0), -np.array(pick.scores))


def most_likely(choice: Choice) -> Pick:
    """The caption its captioner holds most likely. Scores: mean log-probability of a token, 0 or less."""
    if not choice.log_probabilities or None in choice.log_probabilities:
        raise ModelError("pick rule 'most_likely': the captioner gives no probabilities; choose another rule or captioner")
    return _highest(Pick("most_likely", 0), np.array(choice.log_probabilities, dtype=np.float64))


def shortest(choice: Choice) -> Pick:
    """The caption of the fewest words. Scores: minus the number of words."""
    return _highest(Pick("shortest", 0), -np.array(choice.words, dtype=np.float64))


def longest(choice: Choice) -> Pick:
    """The caption of the most words. Scores: the number of words."""
    return _highest(Pick("longest", 0), np.array(choice.words, dtype=np.float64))


@dataclass(frozen=True, slots=True)
class Rule:
    """A pick rule and what it must be given."""

    pick: Callable[[Choice], Pick]
    embeds: bool = False
    sees_original: bool = False
    captions_only: bool = False


PICKS: dict[str, Rule] = {
    "first": Rule(first),
    "random": Rule(random),
    "closest": Rule(closest, embeds=True, sees_original=True),
    "medoid": Rule(medoid, embeds=True),
    "most_novel": Rule(most_novel, embeds=True),
    "most_likely": Rule(most_likely, captions_only=True),
    "shortest": Rule(shortest, captions_only=True),
    "longest": Rule(longest, captions_only=True),
}


IMAGE_PICKS = tuple(name for name, rule in PICKS.items() if not rule.captions_only)
"""The rules that can keep a picture."""


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
