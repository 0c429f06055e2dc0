"""From runs and their tables of measures to a comparison."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from difflib import get_close_matches
from itertools import combinations
from typing import TYPE_CHECKING

from imageloop.arms import PLAIN
from imageloop.comparison.alike import apart, differing
from imageloop.comparison.entries import Scope, entry_of, scope_of, value_at
from imageloop.comparison.found import By, Comparison, Entry, PairDifference
from imageloop.comparison.grid import matrix_of, split_of
from imageloop.comparison.groups import Chains, Group, family_of, groups_of, label_of, names_of
from imageloop.comparison.remarks import remarks
from imageloop.errors import RunError
from imageloop.identity import listed
from imageloop.measures import MEASURES
from imageloop.measures.paired import differences_of, holm, paired_difference
from imageloop.measures.pairs import CHANCE_OF
from imageloop.measures.power import ALPHA, needed
from imageloop.measures.table import WHOLE_CHAIN

if TYPE_CHECKING:
    import pyarrow as pa

    from imageloop.store import RunFolder


@dataclass(frozen=True, slots=True)
class _Rival:
    """A group with the chains that it is compared on."""

    group: Group
    label: str
    family: tuple[str, ...]
    chains: Chains


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

    `tables[i]`: the measures of `runs[i]`. `measure`: one a round or a chain has, by default the similarity to the original. By pair: the
    plain loop of every pair of models. By arm: every arm, against `plain` of the same pair. By run: the same pair and arm in several runs.
    Raises RunError where runs differ in more than what is compared (unless `allow_different`), and where there is nothing to compare.
    """
    if len({run.path.resolve() for run in runs}) < max(len(runs), 1 if by != "run" else 2):
        raise RunError("--by run compares two or more runs, each named once" if by == "run" else "name one run or more, each once")
    names = names_of(runs)
    different = differing(runs, tables, names, by)
    if different and not allow_different:
        raise RunError(f"these runs differ in more than the {by} compared: {listed(different)}; if you mean it, add --allow-different")
    groups = groups_of(runs, tables, by, apart(runs))
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
    if not (MEASURES[measure].per_round or MEASURES[measure].per_chain):
        raise RunError(f"{measure}: one number of all chains together, with no originals to resample; compare a measure of single chains")
    return measure


def _compared(rivals: Sequence[_Rival], scope: Scope, by: By, runs: tuple[str, ...], different: tuple[str, ...]) -> Comparison:
    row = MEASURES[scope.measure]
    sign = 1 if row.higher_is_better is False else -1
    made = [(rival.family, entry_of(rival.group, rival.label, rival.chains, scope)) for rival in rivals]
    # Only lines of one family are over the same chains, so only they are ranked among each other.
    made.sort(key=lambda one: (one[0], sign * one[1].value.mean if one[1].value else 0.0, one[1].label))
    entries = [entry for _, entry in made]
    grid = by == "pair" and not any(rival.group.alone for rival in rivals)
    blame, why = None, None
    if grid and len({rival.chains for rival in rivals}) == 1:
        blame, why = split_of([rival.group for rival in rivals], rivals[0].chains, scope.measure, scope.round)
    return Comparison(
        by=by,
        measure=scope.measure,
        unit=row.unit,
        higher_is_better=row.higher_is_better,
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
        differences=tuple(_differences(rivals, entries, scope, by)),
        different=different,
        notes=(why,) if why else (),
    )


def _rivals(groups: Sequence[Group], measure: str, by: By, asked: int | None) -> tuple[list[_Rival], int, int]:
    """The groups that have the measure, each with the chains it shares with its family; the round of the measure, and the last one."""
    able = [group for group in groups if group.values(measure)]
    if not able:
        raise RunError(f"{measure}: no chain has a value; `imageloop measures` says when it is undefined")
    all_values = [group.values(measure) for group in able]
    shared = _shared(all_values, able, by)
    whole = MEASURES[measure].per_round is None
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
        at = WHOLE_CHAIN if whole else number
        chains = _shared([value_at(values, own, at) for values, own in zip(all_values, shared, strict=True)], able, by)
        if all(chains):
            rivals = [_Rival(group, label_of(group, able), family_of(group, by), own) for group, own in zip(able, chains, strict=True)]
            return rivals, at, number
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


def _differences(rivals: Sequence[_Rival], entries: Sequence[Entry], scope: Scope, by: By) -> list[PairDifference]:
    by_label = {rival.label: rival for rival in rivals}
    made = []
    for left, right in _matches([by_label[entry.label] for entry in entries], by):
        values = [value_at(rival.group.values(scope.measure), rival.chains, scope.round) for rival in (left, right)]
        if (difference := paired_difference(*values)) is not None:
            made.append((left.label, right.label, difference, differences_of(*values)))
    corrected = holm([difference.p for _, _, difference, _ in made])
    members = max(1, sum(p is not None for p in corrected))
    return [
        PairDifference(
            left,
            right,
            difference,
            p,
            decided=p is not None and p < ALPHA,
            needed=None if p is None or p < ALPHA else needed(rows, alpha=ALPHA / members),
        )
        for (left, right, difference, rows), p in zip(made, corrected, strict=True)
    ]


def _matches(rivals: Sequence[_Rival], by: By) -> list[tuple[_Rival, _Rival]]:
    """Which lines meet: all of a family, in the order of the leaderboard; with arms, each against the plain loop where there is one."""
    families: dict[tuple[str, ...], list[_Rival]] = {}
    for rival in rivals:
        families.setdefault(rival.family, []).append(rival)
    matches: list[tuple[_Rival, _Rival]] = []
    for members in families.values():
        plain = [rival for rival in members if rival.group.arm == PLAIN]
        if by == "arm" and len(plain) == 1:
            matches += [(rival, plain[0]) for rival in members if rival is not plain[0]]
        else:
            matches += combinations(members, 2)
    return matches
