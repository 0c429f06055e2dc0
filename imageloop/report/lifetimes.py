"""How long the concepts of the first captions last: Kaplan–Meier curves as panels, and when each chain's concepts were there."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from imageloop.measures import MEASURES, Estimate
from imageloop.measures.concepts import ChainConcepts
from imageloop.measures.survival import SurvivalCurve, survival_curves
from imageloop.records import ChainKey
from imageloop.report.blocks import data_file
from imageloop.report.following import Followed, put
from imageloop.report.panels import Panel, Series, is_control, pair_label
from imageloop.report.words import shown

MOST_CONCEPTS = 40
"""Rows of one chain's timeline, at most."""
MOST_SPANS = 120
"""Bars in one row, at most; the shortest gaps are closed first."""
NAMES = {"all": "all concepts", "common": "common", "middle": "in between", "rare": "rare"}


def survival_panels(concepts: Mapping[ChainKey, ChainConcepts]) -> list[Panel]:
    """Curves of rare and of common concepts over all pairs, and of each pair where there are several; nothing where nothing is named."""
    own = {key: chain for key, chain in concepts.items() if not is_control(key.arm)}
    curves = survival_curves(own.values())
    groups = sorted({(key.pair, key.arm) for key in own})
    made = []
    if curves and len(next(iter(curves.values())).rounds) > 1:
        lines = [_series(NAMES[name], curve) for name, curve in curves.items() if name != "all" or len(curves) == 1]
        made.append(_panel("survival_by_rarity", "Survival of concepts, rare and common", lines))
    if curves and len(groups) > 1:
        of_pairs = {
            pair_label(pair, arm): survival_curves(chain for key, chain in own.items() if (key.pair, key.arm) == (pair, arm)).get("all")
            for pair, arm in groups
        }
        lines = [_series(label, curve) for label, curve in of_pairs.items() if curve is not None]
        made.append(_panel("survival_by_pair", "Survival of concepts, by pair", lines))
    return made


def write_timelines(concepts: Mapping[ChainKey, ChainConcepts], chains: Sequence[Followed]) -> None:
    """Writes `concepts.js` of every chain: the concepts of its first caption, and the rounds whose captions name each."""
    for chain in chains:
        known = concepts.get(chain.key)
        rows = [] if known is None else _timeline(known)
        put(chain.into / "concepts.js", data_file(f"{chain.into.name}/concepts", rows))


def _timeline(chain: ChainConcepts) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = [
        {"name": shown(name), "rarity": rarity, "spans": spans_of(chain.present[:, place])}
        for place, (name, rarity) in enumerate(zip(chain.names, chain.rarity, strict=True))
    ]
    return sorted(rows, key=lambda row: (-row["spans"][-1][1], row["name"]))[:MOST_CONCEPTS]


def spans_of(present: np.ndarray[Any, np.dtype[np.bool_]]) -> list[list[int]]:
    """The runs of rounds in which a concept is named, as [first, last]; above `MOST_SPANS` the shortest gaps are closed."""
    padded = np.concatenate([[False], present, [False]]).astype(np.int8)
    edges = np.flatnonzero(np.diff(padded))
    starts, ends = edges[::2] + 1, edges[1::2]
    if len(starts) > MOST_SPANS:
        gaps = starts[1:] - ends[:-1]
        open_ = np.sort(np.argsort(-gaps, kind="stable")[: MOST_SPANS - 1])
        starts, ends = np.concatenate([starts[:1], starts[1:][open_]]), np.concatenate([ends[:-1][open_], ends[-1:]])
    return [[int(start), int(end)] for start, end in zip(starts, ends, strict=True)]


def _panel(name: str, title: str, lines: Sequence[Series]) -> Panel:
    meaning = "Share of the concepts of the first captions that no later caption has left out yet (Kaplan–Meier)."
    return Panel(replace(MEASURES["concept_survival"], name=name, title=title, meaning=meaning), tuple(lines))


def _series(label: str, curve: SurvivalCurve) -> Series:
    """The curve as steps: each of its rounds twice, with the value before and the value after."""
    rounds: list[int] = []
    means: list[Estimate] = []
    for place, number in enumerate(curve.rounds.tolist()):
        for step in [place - 1, place] if place else [0]:
            rounds.append(number)
            n = int(curve.at_risk[step])
            means.append(Estimate(float(curve.survival[step]), float(curve.low[step]), float(curve.high[step]), n))
    line = tuple((number, mean.mean) for number, mean in zip(rounds, means, strict=True))
    return Series(label, "", "", tuple(rounds), tuple(means), line, ())
