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

    from imageloop import catalog
    from imageloop.doctor import Check
    from imageloop.measures import Estimate, PairSummary
    from imageloop.plan import Plan
    from imageloop.stickers.judge import Judge
    from imageloop.store import RunFolder


def stdout() -> Console:
    """A console on stdout that takes no markup from what it prints and cuts nothing off where it is no terminal."""
    return Console(markup=False, highlight=False, width=None if sys.stdout.isatty() else 200, soft_wrap=not sys.stdout.isatty())


def write_json(value: Any) -> None:
    """One JSON document on stdout; refuses NaN and infinity."""
    sys.stdout.write(json_format.dumps(value, indent=2, ensure_ascii=False, allow_nan=False) + "\n")


def measured(
    run: "RunFolder",
    embedder: str | None = None,
    device: str | None = None,
    *,
    eye: str | None = None,
    text_embedder: str | None = None,
    measures: Sequence[str] = ("all",),
) -> "pa.Table":
    """Measure a run by its plan's embedder, or another, and by a second eye and a sentence embedder where they are named.

    The measures are written into the run. No model is loaded where all that it would make lies in the run's cache. Raises ModelError,
    RunError.
    """
    from imageloop.asking import load_model, request
    from imageloop.measures import measure_run
    from imageloop.measures.kept import NotKept, keep, kept_embedder
    from imageloop.measures.measuring import named

    named(measures)
    plan = _plan_of(run)
    plan = plan.model_copy(update={"embedder": embedder or plan.embedder, "device": device or plan.device})
    specs: dict[str, tuple[catalog.Role, str | None]] = {
        "embedder": ("embedder", plan.embedder),
        "eye": ("embedder", eye),
        "sentences": ("text-embedder", text_embedder),
    }
    asked = {name: (role, spec, request(role, spec, plan)) for name, (role, spec) in specs.items() if spec}
    judge = _judge(run)
    try:
        kept: dict[str, Any] = {name: kept_embedder(run, wanted) for name, (_, _, wanted) in asked.items()}
        return measure_run(run, **kept, judge=judge, measures=measures)
    except NotKept:
        loaded = {name: load_model(role, spec, plan) for name, (role, spec, _) in asked.items()}
        table = measure_run(run, **loaded, judge=judge, measures=measures)
        for name, (_, _, wanted) in asked.items():
            keep(run, wanted, loaded[name].recipe)
        return table


def _judge(run: "RunFolder") -> "Judge | None":
    """The judge of the built-in world, where the run has chains there."""
    from imageloop.measures.readings import wants_judge

    if not wants_judge(run):
        return None
    from imageloop.stickers.judge import Judge

    return Judge()


def _plan_of(run: "RunFolder") -> "Plan":
    from pydantic import ValidationError

    from imageloop.errors import RunError
    from imageloop.plan import Plan

    try:
        return Plan(**{**run.info.plan, "arms": ("plain",)})  # measuring needs no arms, and they may be of the user's own code
    except ValidationError as error:
        field = ".".join(map(str, error.errors()[0]["loc"]))
        raise RunError(
            f"{run.path / 'run.json'}: its plan has a wrong {field}; restore the file, or run the plan anew with --out"
        ) from None


def up_to_date_measures(run: "RunFolder", say: Callable[[str], None]) -> "pa.Table":
    """The measures of a run, made now if a round, the plan or a definition is newer than they are, or some are missing.

    Says when they are by another embedder than the plan's, and when more models had measured the run before.
    """
    from imageloop.measures import MEASURES, table

    plan = _plan_of(run)
    before = table.read(run.path) if (run.path / table.PARQUET).is_file() else None
    models = {role: recipe["name"] for role, recipe in table.recipes(before).items()} if before else {}
    current = {measure.name: measure.version for measure in MEASURES.values()}
    if before is not None and table.versions(before) == current and _newer(run.path / table.PARQUET, _sources(run)):
        if models.get("embedder") != _name_of(plan.embedder):
            say(f"measured by {models.get('embedder')}, not by the plan's {plan.embedder}; by that: imageloop measure {run.path}")
        return before
    say("measuring")
    gone = [f"--{role} {name}" for role, name in models.items() if role != "embedder" or name != _name_of(plan.embedder)]
    if gone:
        say(f"by {plan.embedder} alone; to measure as before: imageloop measure {run.path} {' '.join(gone)}")
    return measured(run)


def _name_of(embedder: str) -> str:
    from imageloop import catalog

    return catalog.find("embedder", embedder).name


def up_to_date_page(run: "RunFolder", say: Callable[[str], None]) -> Path:
    """The page of a run, made now if its measures are newer than it is, or its data, as those of a run that was killed are."""
    from imageloop.measures import table
    from imageloop.report import write_report

    page = run.path / "report" / "index.html"
    if _newer(page, [run.path / table.PARQUET, *run.path.glob("report/data/overview.js"), *_sources(run)]):
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
    from imageloop.monitor import alarms_of

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
                "alarms": [asdict(alarm) for alarm in alarms_of(run)],
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


def show_values(run: "RunFolder", table: "pa.Table", *, json: bool) -> None:
    """The measures that were asked for, at their last round, on stdout, as text or as JSON."""
    from imageloop.cli.measures import last_values, values_table
    from imageloop.measures.table import undefined

    values, missing = last_values(table), undefined(table)
    if json:
        write_json({"run": str(run.path), "measures": str(run.path / "measures.parquet"), "values": values, "undefined": missing})
        return
    console = stdout()
    console.print(values_table(values))
    for name, count in missing.items():
        console.print(f"note: {name} is undefined in {count} places; docs/measures.md says when")
    console.print(f"measures  {run.path / 'measures.csv'}")


def pair_table(pairs: "Sequence[PairSummary]") -> Table:
    """One line a pair: how much of the original is left, with its interval, against chance and noise floor, and the verdict."""
    table = Table(box=None, pad_edge=False)
    controlled = ("floor", "normalised") if any(pair.normalised for pair in pairs) else ()
    for title in ("pair", "arm", "chains", "rounds", "similarity to the original", "chance", *controlled, "lost in round 1", "verdict"):
        table.add_column(title, justify="right" if title in ("chains", "rounds") else "left", overflow="fold")
    for pair in pairs:
        counts = (str(pair.chains), str(pair.rounds))
        between = (interval(pair.floor, short=True), interval(pair.normalised, short=True)) if controlled else ()
        numbers = (interval(pair.similarity), interval(pair.chance, short=True), *between, interval(pair.hop_1_loss, short=True))
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
    """What happened that a reader of the numbers must know: what was cut or blanked, picks that saw the original, alarms."""
    from imageloop.measures.pairs import CONTROLS
    from imageloop.monitor import alarms_of, told

    keys = [key for key in run.keys() if key.arm not in CONTROLS]  # noqa: SIM118, a run folder is no mapping
    rounds = [turn for key in keys for turn in run.rounds(key)]
    counts = {
        "the generator read less than the whole prompt": sum(turn.truncated is True for turn in rounds),
        "nobody knows how much of the prompt the generator read": sum(turn.truncated is None for turn in rounds),
        "the kept caption was cut at the captioner's limit": sum(turn.captions[turn.caption_pick.chosen].cut for turn in rounds),
        "the safety checker blanked the kept picture": sum(turn.picture is not None and turn.picture.blanked for turn in rounds),
        "a server had to be asked again": sum(turn.retries > 0 for turn in rounds),
        "nothing was generated: their chains repeat themselves exactly": sum(turn.inferred for turn in rounds),
        "a pick rule looked at the original": sum(turn.caption_pick.saw_original or turn.picture_pick.saw_original for turn in rounds),
        "an arm let the original in": sum(any(act.get("saw_original") for act in turn.acts) for turn in rounds),
    }
    happened = [f"in {count} of {len(rounds)} rounds {what}" for what, count in counts.items() if count]
    return happened + told(alarms_of(run))


def show_checks(checks: "Sequence[Check]") -> None:
    """What the doctor found, one line a check, the fix below what is not well."""
    console = stdout()
    marks = {"well": "✓", "note": "·", "broken": "✗"}
    for check in checks:
        console.print(f"{marks[check.state]} {check.name:<12} {check.found}")
        if check.fix:
            console.print(f"  {'':<12} → {check.fix}")
