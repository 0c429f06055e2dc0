"""The page: one file that opens from disk without a server or a network, beside the run's pictures."""

from __future__ import annotations

import base64
import hashlib
import json
import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup
from pydantic import ValidationError

from imageloop.disk import told, write_whole
from imageloop.errors import RunError
from imageloop.measures import PairSummary, summary
from imageloop.measures import table as long
from imageloop.measures.pairs import CHANCE_OF
from imageloop.plan import Plan, to_toml
from imageloop.records import ChainKey
from imageloop.report.chart import draw_chart, said
from imageloop.report.figures import write_figures
from imageloop.report.originals import Start, starts_of
from imageloop.report.panels import SMALL, Panel, fair_share, pair_label, panels
from imageloop.report.sheet import draw_sheet
from imageloop.report.strips import MOST_FRAMES, MOST_STRIPS, Strip, saw_original, strip_of
from imageloop.report.words import explanation, headline, plural

if TYPE_CHECKING:
    import pyarrow as pa

    from imageloop.store import RunFolder

POLICY = "default-src 'none'; img-src 'self' file:; style-src '{style}'; base-uri 'none'; form-action 'none'"


def write_report(run: RunFolder) -> Path:
    """Write `report/index.html`, `report/sheet.png` and `report/figures/` into the run; gives the page's path.

    Shows what there is: without measures, rounds or pictures the page says what is missing. Raises RunError where it cannot be written.
    """
    folder = run.path / "report"
    with told(folder):
        (folder / "figures").mkdir(parents=True, exist_ok=True)
    table = _measures(run.path)
    drawn = panels(table) if table else []
    write_figures(drawn, folder / "figures")
    write_whole(folder / "sheet.png", draw_sheet(run))
    return write_page(run, table, drawn)


def write_page(run: RunFolder, table: pa.Table | None, drawn: list[Panel]) -> Path:
    """Write `report/index.html` alone, whose folder is there; gives its path. Raises RunError where it cannot be written."""
    page = run.path / "report" / "index.html"
    write_whole(page, render(run, table, drawn).encode("utf-8", "replace"))
    return page


def render(run: RunFolder, table: pa.Table | None, drawn: list[Panel]) -> str:
    """The page as HTML. Nothing in it is trusted: all text is escaped, and the page's policy lets neither script nor network in."""
    templates = Environment(
        loader=PackageLoader("imageloop.report"), autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    templates.globals |= {"said": said, "plural": plural, "pair_label": pair_label}
    style = resources.files("imageloop.report").joinpath("templates/style.css").read_text(encoding="utf-8")
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    return templates.get_template("page.html").render(
        style=Markup(style),  # noqa: S704, the package's own file
        policy=POLICY.format(style=f"sha256-{digest}"),
        **_facts(run, table),
        charts=[_chart(panel) for panel in drawn],
    )


@dataclass(frozen=True, slots=True)
class Drawn:
    """A panel with its layouts for a wide and for a narrow page."""

    name: str
    title: str
    meaning: str
    main: bool
    wide: object
    narrow: object


def _chart(panel: Panel) -> Drawn:
    main = panel.measure.name not in SMALL
    wide = draw_chart(panel, 920, 380) if main else draw_chart(panel, 440, 230)
    return Drawn(panel.measure.name, panel.measure.title, panel.measure.meaning, main, wide, draw_chart(panel, 340, 260))


def _measures(folder: Path) -> pa.Table | None:
    try:
        table = long.read(folder)
    except RunError:
        return None
    return table if len(table) else None


def _facts(run: RunFolder, table: pa.Table | None) -> dict[str, Any]:
    keys = run.keys()
    similar = _similarities(table)
    strips: list[Strip] = []
    chosen = set(fair_share(keys, MOST_STRIPS))
    done, looked = {}, 0
    for key in keys:
        rounds = run.rounds(key)
        done[key] = len(rounds)
        looked += saw_original(rounds)
        if key in chosen:
            strips.append(strip_of(run, key, rounds, similar.get(key, {})))
    summaries = summary(table) if table else []
    last = max(done.values(), default=0)
    return {
        "name": str(run.info.plan.get("name", run.path.name)),
        "headline": headline(summaries, last),
        "sentences": explanation(summaries),
        "summaries": summaries,
        "starts": starts_of(run, strips),
        "chains": len(keys),
        "pairs": len({(key.pair, key.arm) for key in keys}),
        "rounds": last,
        "strips": strips,
        "most_frames": MOST_FRAMES,
        "notes": _notes(run, table, summaries, done, looked),
        "provenance": _provenance(run),
    }


def _similarities(table: pa.Table | None) -> Mapping[ChainKey, Mapping[int, float]]:
    found: dict[ChainKey, dict[int, float]] = {}
    for name in CHANCE_OF if table else ():
        own = long.select(table, measure=name)
        columns = (own[column].to_pylist() for column in ("pair", "original", "seed", "arm", "round", "value"))
        for pair, original, seed, arm, number, value in zip(*columns, strict=True):
            captioner, _, generator = pair.partition("+")
            found.setdefault(ChainKey(captioner, generator, original, seed, arm), {})[number] = value
    return found


def _notes(run: RunFolder, table: pa.Table | None, summaries: list[PairSummary], done: Mapping[ChainKey, int], looked: int) -> list[str]:
    """What a reader must know before believing the page."""
    notes = []
    wanted = run.info.plan.get("rounds")
    behind = [count for count in done.values() if isinstance(wanted, int) and count < wanted]
    if behind:
        notes.append(f"Unfinished: {len(behind)} of {len(done)} chains are short of round {wanted}, the last of them at {min(behind)}.")
    if table is None and done:
        notes.append(f"No measures yet, so no curves and no numbers. Make them with: imageloop measure {shlex.quote(str(run.path))}")
    elif any(one.measure is None for one in summaries):
        notes.append("No picture of some pair could be measured: their files are missing or were not kept.")
    if looked:
        notes.append(
            f"Declared exception to the telephone rule: in {looked} of {sum(done.values())} rounds the kept candidate was picked by "
            "comparing with the original, which may slow the drift."
        )
    if len(done) > MOST_STRIPS:
        notes.append(f"{MOST_STRIPS} of {len(done)} chains are shown below; the numbers and curves cover all.")
    return notes


def _provenance(run: RunFolder) -> dict[str, Any]:
    info = run.info
    try:
        plan, language = to_toml(Plan.model_validate(dict(info.plan))), "toml"
    except ValidationError:  # a plan of another version is shown as it was stored
        plan, language = json.dumps(info.plan, indent=2, ensure_ascii=False, default=str), "json"
    name = str(info.plan.get("name", "plan"))
    return {
        "plan": plan,
        "language": language,
        "command": f"imageloop run {shlex.quote(f'{name}.toml')}",
        "recipes": {label: json.dumps(recipe, indent=2, ensure_ascii=False, default=str) for label, recipe in info.recipes.items()},
        "rows": [
            ("Made", info.created or "unknown"),
            ("Device", info.device or "unknown"),
            ("Commit", info.commit or "not from a checkout"),
            ("Plan hash", info.plan_hash or "unknown"),
            ("Versions", ", ".join(f"{package} {version}" for package, version in info.versions.items()) or "unknown"),
        ],
    }


__all__ = ["Start", "Strip", "render", "write_report"]
