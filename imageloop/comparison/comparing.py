"""From runs and their tables of measures to a comparison."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from difflib import get_close_matches
from itertools import combinations
from math import inf
from typing import TYPE_CHECKING

from imageloop.arms import PLAIN
from imageloop.comparison.alike import apart, differing
from imageloop.comparison.entries import Scope, at, entry_of, scope_of, value_at
from imageloop.comparison.found import By, Comparison, Entry, PairDifference
from imageloop.comparison.grid import matrix_of, split_of
from imageloop.comparison.groups import Chains, Group, Rival, family_of, groups_of, label_of, names_of
from imageloop.comparison.populations import at_the_round, over_all_rounds
from imageloop.comparison.remarks import remarks
from imageloop.errors import RunError
from imageloop.identity import listed
from imageloop.measures import MEASURES
from imageloop.measures.leave_one_out import LeftOut, difference, estimate
from imageloop.measures.paired import Difference, differences_of, holm, paired_difference
from imageloop.measures.pairs import CHANCE_OF
from imageloop.measures.power import ALPHA, Needed, needed
from imageloop.measures.statistics import Estimate
from imageloop.measures.table import WHOLE_CHAIN

if TYPE_CHECKING:
    import pyarrow as pa

    from imageloop.store import RunFolder


LeftOuts = Mapping[str, Mapping[str, LeftOut]]
"""Measure of all chains → label → its number with originals left out."""
Rows = Mapping[str, Sequence[float]]
VENDI = "vendi_score"


def compare_runs(
    runs: Sequence[RunFolder],
    tables: Sequence[pa.Table],
    *,
    by: By = "pair",
    measure: str | None = None,
    round: int | None = None,
    allow_different: bool = False,
) -> Comparison:
    """Pairs, arms or whole runs side by side, on the originals and seeds that all of them have, at the last round that all have reached.

    `tables[i]`: the measures of `runs[i]`. `measure`: by default the similarity to the original; one number of all chains, such as a Vendi
    score, is made again with originals left out. By pair: the plain loop of every pair of models. By arm: every arm, against `plain` of the
    same pair. By run: the same pair and arm in several runs. Raises RunError where runs differ in more than what is compared (unless
    `allow_different`), and where there is nothing to compare.
    """
    if len({run.path.resolve() for run in runs}) < max(len(runs), 1 if by != "run" else 2):
        raise RunError("--by run compares two or more runs, each named once" if by == "run" else "name one run or more, each once")
    names = names_of(runs)
    different = differing(runs, tables, names, by)
    if different and not allow_different:
        raise RunError(f"these runs differ in more than the {by} compared: {listed(different)}; if you mean it, add --allow-different")
    groups = groups_of(runs, tables, by, apart(runs, tables))
    name = _measure(measure, groups)
    rivals, at, last = _rivals(groups, name, by, round)
    scope = scope_of((rival.group for rival in rivals), name, at, last)
    found = _compared(rivals, scope, by, tuple(names), tuple(different))
    return replace(found, notes=(*remarks(found, groups, scope, asked=round is not None), *found.notes))


def _measure(measure: str | None, groups: Sequence[Group]) -> str:
    if measure is None:
        counts = {name: sum(len(group.values(name)) for group in groups) for name in CHANCE_OF}
        return max(counts, key=lambda name: counts[name])
    if measure not in MEASURES:
        near = get_close_matches(measure, MEASURES, n=1, cutoff=0.5)
        raise RunError(f"no measure is called {measure!r}; {f'did you mean {near[0]}?' if near else '`imageloop measures` lists them'}")
    return measure


def _compared(rivals: Sequence[Rival], scope: Scope, by: By, runs: tuple[str, ...], different: tuple[str, ...]) -> Comparison:
    row = MEASURES[scope.measure]
    together = at_the_round(rivals, [VENDI, *([scope.measure] if row.per_population else [])])
    if row.per_pair:
        together[scope.measure] = over_all_rounds(rivals, scope.measure)
    entries = _entries(rivals, scope, together)
    grid = by == "pair" and not any(rival.group.alone for rival in rivals)
    blame, why = None, None
    if grid and not row.of_single_chains:
        why = f"no split of the variance: {scope.measure} is one number of all chains"
    elif grid and len({rival.chains for rival in rivals}) == 1:
        blame, why = split_of([rival.group for rival in rivals], rivals[0].chains, scope.measure, scope.round)
    return Comparison(
        by=by,
        measure=scope.measure,
        unit=row.unit,
        higher_is_better=row.higher_is_better,
        all_chains=not row.of_single_chains,
        whole_chain=scope.round == WHOLE_CHAIN,
        round=scope.last,
        runs=runs,
        closeness=scope.closeness,
        rare_measure=scope.rare,
        originals=len({original for rival in rivals for original, _ in rival.chains}),
        seeds=min(_fewest_seeds(rival.chains) for rival in rivals),
        entries=tuple(entries),
        matrix=matrix_of(entries) if grid else None,
        blame=blame,
        differences=tuple(_differences(rivals, entries, scope, by, together)),
        different=different,
        notes=(why,) if why else (),
    )


def _entries(rivals: Sequence[Rival], scope: Scope, together: LeftOuts) -> list[Entry]:
    """The lines, best first in each family: only those are over the same chains, so only they are ranked among each other.

    One without a value is last.
    """
    sign = 1 if MEASURES[scope.measure].higher_is_better is False else -1
    made = []
    for rival in rivals:
        value, vendi = _value(rival, scope.measure, scope.round, together), _value(rival, VENDI, scope.last, together)
        made.append((rival.family, entry_of(rival, scope, value, vendi)))
    made.sort(key=lambda one: (one[0], sign * one[1].value.mean if one[1].value else inf, one[1].label))
    return [entry for _, entry in made]


def _value(rival: Rival, measure: str, round: int, together: LeftOuts) -> Estimate | None:
    row = MEASURES[measure]
    if row.of_single_chains:
        return at(rival.group.values(measure), rival.chains, round)
    found = together[measure].get(rival.label)
    return None if found is None else estimate(found, row.low, row.high)


def _rivals(groups: Sequence[Group], measure: str, by: By, asked: int | None) -> tuple[list[Rival], int, int]:
    """The groups that have the measure, each with the chains it shares with its family; the round of the measure, and the last one."""
    able = [group for group in groups if group.values(measure)]
    if not able:
        raise RunError(f"{measure}: no chain has a value; `imageloop measures` says when it is undefined")
    all_values = [group.present(measure) for group in able]
    shared = _shared(all_values, able, by)
    whole = MEASURES[measure].per_round is None and MEASURES[measure].per_population is None
    reached = [
        group.reached(chains) if whole else min(max(values[chain]) for chain in chains)
        for group, values, chains in zip(able, all_values, shared, strict=True)
    ]
    last = min(reached) if asked is None else asked
    if last > min(reached) or last < 1:
        short = able[reached.index(min(reached))]
        raise RunError(f"--round {last}: {short.pair} of {short.run} has rounds 1 to {min(reached)}")
    # Pictures of the last round may not have been kept by all, so the search goes back from it.
    for number in [last] if whole or asked is not None else range(last, 0, -1):
        place = WHOLE_CHAIN if whole else number
        chains = _shared([value_at(values, own, place) for values, own in zip(all_values, shared, strict=True)], able, by)
        if all(chains):
            rivals = [
                Rival(group, label_of(group, able), family_of(group, by), own, number) for group, own in zip(able, chains, strict=True)
            ]
            return rivals, place, number
    raise RunError(f"{measure}: no round has a value for every {by}; `imageloop measures` says when it is undefined")


def _shared(chains: Sequence[Iterable[tuple[str, int]]], groups: Sequence[Group], by: By) -> list[Chains]:
    """For each group, the chains that its whole family has; its own where they have none in common."""
    families: dict[tuple[str, ...], list[Chains]] = {}
    own = [frozenset(each) for each in chains]
    for group, each in zip(groups, own, strict=True):
        families.setdefault(family_of(group, by), []).append(each)
    common = {family: frozenset.intersection(*members) for family, members in families.items()}
    return [common[family_of(group, by)] or each for group, each in zip(groups, own, strict=True)]


def _fewest_seeds(chains: Chains) -> int:
    originals = [original for original, _ in chains]
    return min(originals.count(original) for original in originals)


def _differences(rivals: Sequence[Rival], entries: Sequence[Entry], scope: Scope, by: By, together: LeftOuts) -> list[PairDifference]:
    by_label = {rival.label: rival for rival in rivals}
    matches = _matches([by_label[entry.label] for entry in entries], by)
    made = [(left.label, right.label, found) for left, right in matches if (found := _difference(left, right, scope, together))]
    corrected = holm([found.p for _, _, (found, _) in made])
    members = max(1, sum(p is not None for p in corrected))
    return [
        PairDifference(left, right, found, p, p is not None and p < ALPHA, None if p is None or p < ALPHA else _needed(rows, members))
        for (left, right, (found, rows)), p in zip(made, corrected, strict=True)
    ]


def _difference(left: Rival, right: Rival, scope: Scope, together: LeftOuts) -> tuple[Difference, Rows] | None:
    """With the differences of the chains by original; a measure of all chains has none."""
    if scope.measure in together:
        both = [together[scope.measure].get(rival.label) for rival in (left, right)]
        found = difference(both[0], both[1]) if both[0] and both[1] else None
        return None if found is None else (found, {})
    values = [value_at(rival.group.values(scope.measure), rival.chains, scope.round) for rival in (left, right)]
    found = paired_difference(*values)
    return None if found is None else (found, differences_of(*values))


def _needed(rows: Rows, members: int) -> Needed | None:
    """None also for a measure of all chains: it is another number of more chains, so nothing can be planned from it."""
    return needed(rows, alpha=ALPHA / members)


def _matches(rivals: Sequence[Rival], by: By) -> list[tuple[Rival, Rival]]:
    """Which lines meet: all of a family, in the order of the leaderboard; with arms, each against the plain loop where there is one."""
    families: dict[tuple[str, ...], list[Rival]] = {}
    for rival in rivals:
        families.setdefault(rival.family, []).append(rival)
    matches: list[tuple[Rival, Rival]] = []
    for members in families.values():
        plain = [rival for rival in members if rival.group.arm == PLAIN]
        if by == "arm" and len(plain) == 1:
            matches += [(rival, plain[0]) for rival in members if rival is not plain[0]]
        else:
            matches += combinations(members, 2)
    return matches
