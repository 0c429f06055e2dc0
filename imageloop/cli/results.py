"""What is printed when a run is done: the table of pairs with their verdicts, what was not silent, and where to look next."""

import json as json_format
import sys
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

if TYPE_CHECKING:
    import pyarrow as pa

    from imageloop.doctor import Check
    from imageloop.measures import Estimate, PairSummary
    from imageloop.plan import Plan
    from imageloop.store import RunFolder


def stdout() -> Console:
    """A console on stdout that takes no markup from what it prints and cuts nothing off where it is no terminal."""
    return Console(markup=False, highlight=False, width=None if sys.stdout.isatty() else 200, soft_wrap=not sys.stdout.isatty())


def write_json(value: Any) -> None:
    """One JSON document on stdout; refuses NaN and infinity."""
    sys.stdout.write(json_format.dumps(value, indent=2, ensure_ascii=False, allow_nan=False) + "\n")


def measured(run: "RunFolder", embedder: str | None = None, device: str | None = None) -> "pa.Table":
    """Measure a run by its plan's embedder, or another; the measures are written into the run. Raises ModelError, RunError."""
    from imageloop.measures import measure_run
    from imageloop.runner import load_model

    plan = _plan_of(run)
    changes = {"embedder": embedder or plan.embedder, "device": device or plan.device}
    plan = plan.model_copy(update=changes)
    return measure_run(run, load_model("embedder", plan.embedder, plan))


def _plan_of(run: "RunFolder") -> "Plan":
    from pydantic import ValidationError

    from imageloop.errors import RunError
    from imageloop.plan import Plan

    try:
        return Plan(**run.info.plan)
    except ValidationError as error:
        field = ".".join(map(str, error.errors()[0]["loc"]))
        raise RunError(
            f"{run.path / 'run.json'}: its plan has a wrong {field}; restore the file, or run the plan anew with --out"
        ) from None


def up_to_date_measures(run: "RunFolder", say: Callable[[str], None]) -> "pa.Table":
    """The measures of a run, made now if a round or the plan is newer than they are."""
    from imageloop.measures import table

    if _newer(run.path / table.PARQUET, _sources(run)):
        return table.read(run.path)
    say("measuring")
    return measured(run)


def up_to_date_page(run: "RunFolder", say: Callable[[str], None]) -> Path:
    """The page of a run, made now if its measures are newer than it is."""
    from imageloop.measures import table
    from imageloop.report import write_report

    page = run.path / "report" / "index.html"
    if _newer(page, [run.path / table.PARQUET, *_sources(run)]):
        return page
    say("making the page")
    return write_report(run)


def _sources(run: "RunFolder") -> list[Path]:
    return [run.path / "run.json", *run.path.glob("chains/*/*/rounds.jsonl")]


def _newer(file: Path, than: Sequence[Path]) -> bool:
    return file.is_file() and all(file.stat().st_mtime_ns > other.stat().st_mtime_ns for other in than)


def show(run: "RunFolder", table: "pa.Table", *, page: Path | None, json: bool, seconds: float | None = None) -> None:
    """The results of a run on stdout, as text or as JSON."""
    from imageloop.measures import summary

    pairs = summary(table)
    notes = notices(run)
    if json:
        write_json(
            {
                "run": str(run.path),
                "page": None if page is None else str(page),
                "measures": str(run.path / "measures.parquet"),
                "seconds": seconds,
                "pairs": [asdict(pair) for pair in pairs],
                "notices": notes,
            }
        )
        return
    console = stdout()
    console.print(pair_table(pairs))
    for note in notes:
        console.print(f"note: {note}")
    console.print(f"page      {page}" if page else f"page      imageloop report {run.path} makes it")
    console.print(f"measures  {run.path / 'measures.csv'}")
    if page:
        console.print(f"next      the same command with a higher --rounds goes on from round {run.info.plan['rounds']}")


def pair_table(pairs: "Sequence[PairSummary]") -> Table:
    """One line a pair: how much of the original is left, with its interval, against chance, and the verdict."""
    table = Table(box=None, pad_edge=False)
    for title in ("pair", "arm", "chains", "rounds", "similarity to the original", "chance", "lost in round 1", "verdict"):
        table.add_column(title, justify="right" if title in ("chains", "rounds") else "left", overflow="fold")
    for pair in pairs:
        counts = (str(pair.chains), str(pair.rounds))
        numbers = (interval(pair.similarity), interval(pair.chance, short=True), interval(pair.hop_1_loss, short=True))
        table.add_row(*(Text(cell) for cell in (pair.pair, pair.arm, *counts, *numbers, pair.verdict)))
    return table


def interval(estimate: "Estimate | None", *, short: bool = False) -> str:
    """A mean as `0.71 [0.66, 0.75] n=8`; the interval is left out where there is none, and a dash stands for no value."""
    if estimate is None:
        return "–"
    if short:
        return f"{estimate.mean:.2f}"
    between = "" if estimate.low is None or estimate.high is None else f" [{estimate.low:.2f}, {estimate.high:.2f}]"
    return f"{estimate.mean:.2f}{between} n={estimate.n}"


def notices(run: "RunFolder") -> list[str]:
    """What happened that a reader of the numbers must know: prompts or captions cut, pictures blanked, picks that saw the original."""
    rounds = [turn for key in run.keys() for turn in run.rounds(key)]  # noqa: SIM118, a run folder is no mapping
    counts = {
        "the generator read less than the whole prompt": sum(turn.truncated for turn in rounds),
        "the kept caption was cut at the captioner's limit": sum(turn.captions[turn.caption_pick.chosen].cut for turn in rounds),
        "the safety checker blanked the kept picture": sum(turn.picture.blanked for turn in rounds),
        "a pick rule looked at the original": sum(turn.caption_pick.saw_original or turn.picture_pick.saw_original for turn in rounds),
    }
    return [f"in {count} of {len(rounds)} rounds {what}" for what, count in counts.items() if count]


def show_checks(checks: "Sequence[Check]") -> None:
    """What the doctor found, one line a check, the fix below what is not well."""
    console = stdout()
    marks = {"well": "✓", "note": "·", "broken": "✗"}
    for check in checks:
        console.print(f"{marks[check.state]} {check.name:<12} {check.found}")
        if check.fix:
            console.print(f"  {'':<12} → {check.fix}")
