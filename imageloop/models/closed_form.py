"""What a run of the analytic pair must show, in closed form: the truth that measures and intervals are tested against.

All answers are over hypotheses. `T` is `World.transition`, rows from, columns to; an original is a hypothesis drawn from the prior and a
datum drawn from it, unless a distribution of data is given. Griffiths and Kalish 2007.
"""

import math

import numpy as np
from jaxtyping import Float

from imageloop.models.analytic import World


def after(world: World, rounds: int, data: Float[np.ndarray, " d"]) -> Float[np.ndarray, " h"]:
    """The distribution over hypotheses after so many rounds (1 or more), when the original's datum has this distribution."""
    found: Float[np.ndarray, " h"] = data @ world.posterior @ np.linalg.matrix_power(world.transition, rounds - 1)
    return found


def retention(world: World, rounds: int) -> float:
    """The probability that round t shows the original's hypothesis: Σ_h prior(h) (T^t)_hh, in [0, 1]; 1 at round 0."""
    return float(world.prior @ np.diag(np.linalg.matrix_power(world.transition, rounds)))


def chance(world: World) -> float:
    """What retention falls to, Σ_h prior(h)²: two draws of the prior agree."""
    return float((world.prior**2).sum())


def floor(world: World) -> float:
    """Retention of the original's first caption drawn again and again: that of round 1, since drawing keeps the hypothesis."""
    return retention(world, 1)


def half_life(world: World) -> float:
    """Rounds in which what retention has above chance halves: ln 2 / −ln λ, with λ the second eigenvalue; exact for two hypotheses."""
    second = float(np.sort(np.abs(np.linalg.eigvals(world.transition)))[-2])
    return math.log(2) / -math.log(second)


def entropy(shares: Float[np.ndarray, " h"]) -> float:
    """Shannon entropy of a distribution over hypotheses, in bits."""
    some = shares[shares > 0]
    return float(-(some * np.log2(some)).sum())


def mutual_information(world: World, rounds: int) -> float:
    """What round t tells of the original's hypothesis, in bits: I(h_0; h_t), from the prior's entropy at round 0 down to 0."""
    joint = world.prior[:, None] * np.linalg.matrix_power(world.transition, rounds)
    return entropy(joint.sum(axis=0)) + entropy(joint.sum(axis=1)) - entropy(joint.ravel())


def with_fresh(
    transition: Float[np.ndarray, "h h"], probability: float, fresh: Float[np.ndarray, " h"], start: Float[np.ndarray, " h"] | None = None
) -> Float[np.ndarray, " h"]:
    """Where a chain settles that starts anew from `fresh` with this probability each round: p·π₀·(I − (1 − p)·T)⁻¹.

    Without fresh data it settles where `T` does, from `start` (by default `fresh`).
    """
    if probability == 0:
        settled: Float[np.ndarray, " h"] = (fresh if start is None else start) @ np.linalg.matrix_power(transition, 10_000)
        return settled
    states = np.eye(len(fresh))
    found: Float[np.ndarray, " h"] = probability * fresh @ np.linalg.inv(states - (1 - probability) * transition)
    return found
