"""How long the concepts of a chain's first caption last: Kaplan–Meier curves, and shares round by round.

A concept is lost in the first round whose caption does not name it. That is known as soon as it happens and no later round revises it, as a
loss for good would; how many come back is told beside it (`resurrected_share`). What is never absent is censored at the chain's end.
"""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Int
from scipy.stats import norm

from imageloop.measures.concepts import RARITIES, ChainConcepts, Rarity

LEVEL = 0.95


@dataclass(frozen=True, slots=True)
class SurvivalCurve:
    """Share of concepts not yet lost after each of the rounds, with a 95 % interval; steps at `rounds`, flat between them.

    The interval takes concepts as independent. Those of one chain are not, so it is too narrow: compare pairs by chains, over originals.
    """

    rounds: Int[np.ndarray, " k"]
    """Where a concept was lost or a chain ended, ascending, after a 0."""
    survival: Float[np.ndarray, " k"]
    low: Float[np.ndarray, " k"]
    high: Float[np.ndarray, " k"]
    at_risk: Int[np.ndarray, " k"]
    lost: Int[np.ndarray, " k"]

    def at(self, round: float) -> float:
        """The share not yet lost after a round."""
        return float(self.survival[np.searchsorted(self.rounds, round, side="right") - 1])

    @property
    def median(self) -> float | None:
        """The first round after which at most half are left; None where more than half outlast the chains."""
        below = np.flatnonzero(self.survival <= 0.5)
        return float(self.rounds[below[0]]) if below.size else None


def kaplan_meier(durations: Int[np.ndarray, " n"], observed: Bool[np.ndarray, " n"]) -> SurvivalCurve:
    """The product-limit estimate of Kaplan & Meier 1958, and its exponential Greenwood interval (Kalbfleisch & Prentice 1980).

    `durations`: the round of the loss, or the last that is known of, 1 or more; `observed`: whether it is a loss. Of a loss and an end
    at the same round the loss comes first. An interval has no width before the first loss and after all are lost. Raises ValueError on
    nothing.
    """
    if not len(durations):
        raise ValueError("no lifetimes to estimate a survival from")
    rounds, place = np.unique(durations, return_inverse=True)
    lost = np.bincount(place[observed], minlength=len(rounds))
    gone = np.bincount(place, minlength=len(rounds))
    at_risk = len(durations) - np.concatenate([[0], np.cumsum(gone)[:-1]])
    survival = np.cumprod(1 - lost / at_risk)
    low, high = _greenwood(survival, lost, at_risk)
    return SurvivalCurve(
        np.concatenate([[0], rounds]).astype(np.int64),
        np.concatenate([[1.0], survival]),
        np.concatenate([[1.0], low]),
        np.concatenate([[1.0], high]),
        np.concatenate([[len(durations)], at_risk]).astype(np.int64),
        np.concatenate([[0], lost]).astype(np.int64),
    )


def _greenwood(
    survival: Float[np.ndarray, " k"], lost: Int[np.ndarray, " k"], at_risk: Int[np.ndarray, " k"]
) -> tuple[Float[np.ndarray, " k"], Float[np.ndarray, " k"]]:
    """The interval of log(−log S), which keeps it between 0 and 1."""
    low, high = survival.copy(), survival.copy()
    inner = (survival > 0) & (survival < 1)
    left = np.maximum(at_risk - lost, 1)
    variance = np.cumsum(lost / (at_risk * left))[inner]
    exponent = norm.ppf((1 + LEVEL) / 2) * np.sqrt(variance) / np.log(survival[inner])
    high[inner] = survival[inner] ** np.exp(exponent)
    low[inner] = survival[inner] ** np.exp(-exponent)
    return low, high


def lifetimes(present: Bool[np.ndarray, "n k"]) -> tuple[Int[np.ndarray, " k"], Bool[np.ndarray, " k"]]:
    """For each concept the first round that does not name it, True; or the chain's last round, False, where there is none.

    `present`: whether `y_1 … y_n` name each of the concepts; n is 1 or more.
    """
    lost: Bool[np.ndarray, " k"] = np.logical_not(present.all(axis=0))
    return np.where(lost, (~present).argmax(axis=0) + 1, len(present)), lost


def lifetimes_for_good(present: Bool[np.ndarray, "n k"]) -> tuple[Int[np.ndarray, " k"], Bool[np.ndarray, " k"]]:
    """As `lifetimes`, but a loss is the first round from which on no round names the concept: more rounds can take it back."""
    last = len(present) - present[::-1].argmax(axis=0)
    lost: Bool[np.ndarray, " k"] = ~present[-1]
    return np.where(lost, np.where(present.any(axis=0), last + 1, 1), len(present)), lost


def survival_curves(chains: Iterable[ChainConcepts]) -> dict[str, SurvivalCurve]:
    """Curves of the concepts of all these chains' first captions: under "all", and under each rarity that occurs."""
    rows = [(chain.rarity, *lifetimes(chain.present)) for chain in chains if chain.names]
    if not rows:
        return {}
    rarity = np.array([str(one) for rarities, _, _ in rows for one in rarities])
    durations, lost = (np.concatenate([row[place] for row in rows]) for place in (1, 2))
    groups: dict[str, Bool[np.ndarray, " n"]] = {"all": np.ones(len(rarity), dtype=bool)}
    groups.update((name, rarity == name) for name in RARITIES)
    return {name: kaplan_meier(durations[members], lost[members]) for name, members in groups.items() if members.any()}


def survival(chain: ChainConcepts, rarity: Rarity | None = None) -> Float[np.ndarray, " n"]:
    """Share of the concepts of `y_1` that each round's caption names, 0 to 1; of one rarity only, if given. NaN where `y_1` has none."""
    taken = [rarity is None or one == rarity for one in chain.rarity]
    if not any(taken):
        return np.full(len(chain.present), np.nan)
    shares: Float[np.ndarray, " n"] = chain.present[:, taken].mean(axis=1)
    return shares


def invention(chain: ChainConcepts) -> Float[np.ndarray, " n"]:
    """How many concepts each round's caption names that none before it did; NaN in round 1."""
    counts = chain.new.astype(np.float64)
    counts[:1] = np.nan
    return counts


def resurrected_share(chain: ChainConcepts) -> float:
    """Of the concepts of `y_1` that some round does not name, the share that a later one names again, 0 to 1; NaN where none is lost."""
    lost = ~chain.present.all(axis=0)
    if not lost.any():
        return float("nan")
    first, last = lifetimes(chain.present)[0], lifetimes_for_good(chain.present)[0]
    back = chain.present[-1] | (last > first)
    return float(back[lost].mean())
