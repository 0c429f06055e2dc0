"""A comparison as text: the leaderboard in two tables that fit 80 columns, the matrix, who is to blame, and the differences."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from rich.table import Table
from rich.text import Text

from imageloop.cli.results import stdout

if TYPE_CHECKING:
    from imageloop.comparison import Comparison, Entry, PairDifference
    from imageloop.measures import Estimate
    from imageloop.measures.blame import Blame

MOST_DIFFERENCES = 20
"""Differences that are printed; the files hold all."""
BAR = 24
"""Width of a share of 100 %, in characters."""


def show(found: "Comparison", files: Sequence[Path]) -> None:
    """The whole comparison on stdout."""
    console = stdout()
    console.print(title(found))
    for text in found.different:
        console.print(Text(f"compared although different: {text}"))
    for table in tables(found):
        console.print()
        console.print(table)
    console.print()
    for note in notes(found):
        console.print(Text(f"note: {note}"))
    console.print(f"files     {files[0].parent}", soft_wrap=True)


def title(found: "Comparison") -> Text:
    """What is compared, on how much, and which way is better."""
    from imageloop.measures import MEASURES

    lines = f"{len(found.entries)} {found.by}{'' if len(found.entries) == 1 else 's'}"
    counts = f"{found.originals} original{'' if found.originals == 1 else 's'} × {found.seeds} seed{'' if found.seeds == 1 else 's'}"
    when = "over whole chains" if found.whole_chain else f"after round {found.round}"
    better = {True: ", higher is better", False: ", lower is better", None: ""}[found.higher_is_better]
    return Text(f"{lines} on {counts}: {MEASURES[found.measure].title.lower()} {when} ({found.measure}{better})")


def tables(found: "Comparison") -> Iterator[Table]:
    """Every table that has something to say."""
    yield _first(found)
    yield _second(found)
    if found.matrix and len(found.entries) > 1:
        yield _matrix(found)
    if found.blame:
        yield _blame(found.blame)
    if found.differences:
        yield _differences(found)


def _plain(*titles: str, right: Sequence[str] = ()) -> Table:
    table = Table(box=None, pad_edge=False)
    for name in titles:
        table.add_column(name, justify="right" if name in right else "left", overflow="fold")
    return table


def _first(found: "Comparison") -> Table:
    same = found.measure == found.closeness
    shown = ["similarity"] if same else [found.measure, "similarity"]
    table = _plain("#", found.by, *shown, "normalised", "lost in round 1")
    for place, entry in enumerate(found.entries, start=1):
        values = [number(entry.similarity)] if same else [number(entry.value), number(entry.similarity, short=True)]
        name = entry.label + (" *" if entry.saw_original else "")
        cells = (str(place), name, *values, number(entry.normalised), number(entry.hop_1_loss, short=True))
        table.add_row(*(Text(cell) for cell in cells))
    return table


def _second(found: "Comparison") -> Table:
    numbers = ("plateau", "caption change", "Vendi", "rare left", "cut", "s/round")
    table = _plain("#", "half-life in rounds", *numbers, right=numbers)
    for place, entry in enumerate(found.entries, start=1):
        cells = (
            str(place),
            half_life(entry),
            number(entry.decay.plateau if entry.decay else None, short=True),
            number(entry.windowed_jsd, short=True),
            "–" if entry.vendi is None else f"{entry.vendi.mean:.1f}",
            rare(entry),
            "–" if entry.truncated_share is None else f"{entry.truncated_share.mean:.0%}",
            "–" if entry.seconds_a_round is None else f"{entry.seconds_a_round:.2g}",
        )
        table.add_row(*(Text(cell) for cell in cells))
    return table


def _matrix(found: "Comparison") -> Table:
    matrix = found.matrix
    assert matrix is not None
    table = _plain("", *matrix.generators)
    for captioner, cells in zip(matrix.captioners, matrix.cells, strict=True):
        table.add_row(Text(captioner), *(Text(number(cell)) for cell in cells))
    return table


def _blame(blame: "Blame") -> Table:
    table = _plain("share of the differences", "", "95 %", "")
    for share in blame.shares:
        if share.share is None or share.low is None or share.high is None:
            table.add_row(Text(share.source), "–", "", "")
            continue
        bar = "█" * round(BAR * share.share)
        table.add_row(Text(share.source), f"{share.share:.0%}", f"[{share.low:.0%}, {share.high:.0%}]", Text(bar))
    return table


def _differences(found: "Comparison") -> Table:
    places = {entry.label: str(place) for place, entry in enumerate(found.entries, start=1)}
    table = _plain("#", "difference", "corrected p", "")
    for one in shown(found.differences):
        numbers = (number(one.difference.estimate, sign=True), "–" if one.p_corrected is None else f"{one.p_corrected:.2g}")
        table.add_row(f"{places[one.left]} − {places[one.right]}", *map(Text, numbers), Text(decision(one)))
    return table


def shown(differences: "Sequence[PairDifference]") -> "Sequence[PairDifference]":
    """The most telling ones, in their order: where not all are printed, none that is decided makes room for one that is not."""
    telling = sorted(differences, key=lambda one: 2.0 if one.p_corrected is None else one.p_corrected)[:MOST_DIFFERENCES]
    return [one for one in differences if one in telling]


def decision(one: "PairDifference") -> str:
    """Whether a difference is more than chance, and what it would take to tell."""
    if one.p_corrected is None:
        return "one original decides nothing" if one.difference.originals < 2 else "no interval, so undecided"
    if one.decided:
        return "more than chance"
    if one.needed is None:
        return "undecided"
    if one.needed.originals is None:
        return "undecided, and too small to plan for"
    return f"undecided; needs {one.needed.originals} originals × {one.needed.seeds} seed{'' if one.needed.seeds == 1 else 's'}"


def number(estimate: "Estimate | None", *, short: bool = False, sign: bool = False) -> str:
    """A mean as `0.71 [0.66, 0.75]`; the interval is left out where there is none, and a dash stands for no value."""
    if estimate is None:
        return "–"
    mean = f"{estimate.mean:+.2f}" if sign else f"{estimate.mean:.2f}"
    if short or estimate.low is None or estimate.high is None:
        return mean
    return f"{mean} [{estimate.low:.2f}, {estimate.high:.2f}]"


def rare(entry: "Entry") -> str:
    """`0.25`, with the number of originals where only some have anything rare."""
    found = entry.rare_survival
    return number(found, short=True) + (f" n={found.n}" if found and found.n < entry.originals else "")


def half_life(entry: "Entry") -> str:
    """`4.9 [3.0, 10.1]`, or why there is none."""
    if entry.decay is None:
        return "–"
    found = entry.decay.half_life
    if found is None:
        return entry.decay.verdict
    between = "" if found.low is None or found.high is None else f" [{found.low:.1f}, {found.high:.1f}]"
    return f"{found.mean:.1f}{between}{'' if entry.decay.verdict == 'decays' else f' ({entry.decay.verdict})'}"


def notes(found: "Comparison") -> list[str]:
    """What must be known before the numbers are believed."""
    more = len(found.differences) - MOST_DIFFERENCES
    unseen = [f"{more} more differences are in the files"] if more > 0 else []
    return [*found.notes, *(found.blame.notes if found.blame else ()), *unseen]
