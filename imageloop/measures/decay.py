"""How a similarity falls over rounds: `a·e^(−bt) + c` fitted by least squares, and whether the rounds can tell its parameters."""

from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

import numpy as np
from jaxtyping import Float
from numpy.typing import NDArray
from scipy.optimize import least_squares
from scipy.stats import f as fisher

LEAST = 6
"""Rounds, at least, for three parameters."""
CHANGE = 0.02
"""A fitted curve that moves by less than this over the rounds is flat."""
BETTER = 0.01
"""The F test's level at which the curve must be better than a constant."""
SURE = 0.5
"""The greatest standard error at which the curve is told: of the rate in units of itself, of the plateau in units of the fall."""
SLOWEST, FASTEST = 1.0, 0.5
"""A half-life is told up to this share of the rounds covered, and from this many rounds on."""
STARTS = 64

Numbers = NDArray[np.float64]
Verdict = Literal["decays", "rises", "flat", "not identifiable"]


@dataclass(frozen=True, slots=True)
class Decay:
    """The fitted curve; None where rounds are too few for one.

    `half_life` (rounds, `ln 2 / b`) and `plateau` (`c`) are None unless the verdict is decays or rises.
    """

    a: float | None
    b: float | None
    c: float | None
    half_life: float | None
    plateau: float | None
    verdict: Verdict


def value_at(a: float, b: float, c: float, t: float) -> float:
    """`a·e^(−bt) + c`."""
    return float(a * np.exp(-b * t) + c)


def half_life(b: float) -> float:
    """Rounds in which the distance to the plateau halves: `ln 2 / b`."""
    return float(np.log(2) / b)


def fit_decay(rounds: Float[np.ndarray, " n"], values: Float[np.ndarray, " n"]) -> Decay:
    """The least-squares curve `a·e^(−bt) + c` through the finite values, and a verdict. Deterministic.

    A grid of rates, for each of which a and c are linear, gives the start; Levenberg–Marquardt ends it. In this order:
    "not identifiable": fewer than 6 rounds; "flat": the curve moves by less than 0.02 over the rounds, or an F test at 1 % does not
    prefer it to a constant; "not identifiable": a half-life above the rounds covered or under half a round, or a standard error of b above
    half of b, or of the plateau above half of the fall from the first round on; else "decays" (a > 0) or "rises". After the semantic drift
    rate of UCF-UM, arXiv 2509.04438.
    """
    known = np.isfinite(values)
    t, y = np.asarray(rounds, np.float64)[known], np.asarray(values, np.float64)[known]
    if len(t) < LEAST or np.ptp(t) == 0:
        return Decay(None, None, None, None, None, "not identifiable")
    first, span = float(t.min()), float(np.ptp(t))
    u = (t - first) / span
    solved = least_squares(_residuals, _start(u, y), _slopes, method="lm", args=(u, y), xtol=1e-14, ftol=1e-14, gtol=1e-14, max_nfev=400)
    scaled, log_rate, plateau = (float(value) for value in solved.x)
    b = float(np.exp(np.clip(log_rate, -50, 50))) / span
    a = scaled * float(np.exp(np.clip(b * first, 0, 50)))
    verdict = _verdict(solved.x, y, solved.fun, _slopes(solved.x, u, y), half_life(b) / span, span)
    told = verdict in ("decays", "rises")
    return Decay(a, b, plateau, half_life(b) if told else None, plateau if told else None, verdict)


def _verdict(found: Numbers, y: Numbers, residuals: Numbers, slopes: Numbers, half: float, span: float) -> Verdict:
    """`half` is the half-life as a share of the rounds covered, `span` their number."""
    scaled, log_rate, _ = found
    left, total = float(residuals @ residuals), float(((y - y.mean()) ** 2).sum())
    free = len(y) - 3
    moved = abs(scaled) * -np.expm1(-np.exp(np.clip(log_rate, -50, 50)))
    better = left <= 1e-20 or fisher.sf((total - left) / 2 / (left / free), 2, free) < BETTER
    if moved < CHANGE or not better:
        return "flat"
    square = slopes.T @ slopes
    if not FASTEST / span <= half <= SLOWEST or np.linalg.cond(square) > 1e14:
        return "not identifiable"
    errors = np.sqrt(np.diag(np.linalg.inv(square)) * left / free)
    if errors[1] > SURE or errors[2] > SURE * abs(scaled):
        return "not identifiable"
    return "decays" if scaled > 0 else "rises"


def _residuals(x: Numbers, u: Numbers, y: Numbers) -> Numbers:
    curve: Numbers = x[0] * np.exp(-np.exp(np.clip(x[1], -50, 50)) * u) + x[2] - y
    return curve


def _slopes(x: Numbers, u: Numbers, _: Numbers) -> Numbers:
    rate = np.exp(np.clip(x[1], -50, 50))
    fall = np.exp(-rate * u)
    return np.stack([fall, -x[0] * rate * u * fall, np.ones_like(u)], axis=1)


def _start(u: Numbers, y: Numbers) -> Numbers:
    """The best of a grid of rates, with its a and c by linear regression."""
    rates, falls, spread = _grid(u.tobytes())
    around = falls - falls.mean(axis=1, keepdims=True)
    slopes = around @ y / spread
    left = ((y - y.mean() - slopes[:, None] * around) ** 2).sum(axis=1)
    best = int(np.argmin(left))
    return np.array([slopes[best], np.log(rates[best]), y.mean() - slopes[best] * falls[best].mean()])


@lru_cache(maxsize=4)
def _grid(rounds: bytes) -> tuple[Numbers, Numbers, Numbers]:
    u = np.frombuffer(rounds, np.float64)
    rates = np.geomspace(0.1, 5.0 * len(u), STARTS)
    falls = np.exp(-rates[:, None] * u)
    return rates, falls, ((falls - falls.mean(axis=1, keepdims=True)) ** 2).sum(axis=1)
