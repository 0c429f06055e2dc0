"""The page: one file that opens from disk without a server or a network, beside the run's pictures and the gallery's data."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from imageloop.disk import told, write_whole
from imageloop.errors import RunError
from imageloop.measures import summary
from imageloop.measures import table as long
from imageloop.measures.concepts import ChainConcepts
from imageloop.measures.pairs import CHANCE_OF
from imageloop.measures.readings import concepts_of_run
from imageloop.records import ChainKey
from imageloop.report import script
from imageloop.report.alarms import Signs, first_of, signs_of
from imageloop.report.blocks import harmless
from imageloop.report.chart import Chart, draw_chart, said, two
from imageloop.report.ends import ends_of
from imageloop.report.figures import write_figures
from imageloop.report.following import Followed
from imageloop.report.gallery import Gallery
from imageloop.report.going import Going, behind
from imageloop.report.lifetimes import survival_panels, write_timelines
from imageloop.report.losses import losses
from imageloop.report.making import making_of
from imageloop.report.matrix import matrix_of
from imageloop.report.notes import notes_of
from imageloop.report.nulls import nulls_of
from imageloop.report.only_captions import of_captions
from imageloop.report.originals import Start, starts_of
from imageloop.report.panels import ALIKE, BY_CAPTION, SMALL, Panel, fair_share, is_control, pair_label, panels
from imageloop.report.rivalry import ranked, rivalry_of
from imageloop.report.sheet import write_sheet
from imageloop.report.strips import MOST_FRAMES, MOST_STRIPS, Strip, strip_of
from imageloop.report.values import SPAN, write_values
from imageloop.report.words import headline, leads, plural

if TYPE_CHECKING:
    import pyarrow as pa

    from imageloop.store import RunFolder

NEAR = (*CHANCE_OF, *BY_CAPTION)
"""The measures of closeness to the original, which the first screen shows."""
PER_CHAIN = (*NEAR, *SMALL)
"""The measures that the page reads at single rounds of single chains."""


def write_report(run: RunFolder) -> Path:
    """Write `report/`: the page with its data, the contact sheet and the figures; gives the page's path.

    Shows what there is: without measures, rounds or pictures the page says what is missing. Raises RunError where it cannot be written.
    """
    folder = run.path / "report"
    with told(folder):
        (folder / "figures").mkdir(parents=True, exist_ok=True)
    table = _measures(run.path)
    concepts = concepts_of_run(run)
    drawn = [*(panels(table) if table else []), *survival_panels(concepts)]
    write_figures(drawn, folder / "figures")
    write_sheet(run)
    return write_gallery(run, table, drawn, concepts)


def write_gallery(
    run: RunFolder, table: pa.Table | None, drawn: Sequence[Panel], concepts: Mapping[ChainKey, ChainConcepts] | None = None
) -> Path:
    """Write the page and its data alone; gives the page's path. Raises RunError where they cannot be written."""
    chains = Gallery(run.path).write(run)
    if concepts:
        write_timelines(concepts, chains)
    if table:
        write_values(table, [name for name in PER_CHAIN if any(panel.measure.name == name for panel in drawn)], chains)
    return write_page(run, table, drawn, chains)


def write_page(
    run: RunFolder, table: pa.Table | None, drawn: Sequence[Panel], chains: Sequence[Followed], going: Going | None = None
) -> Path:
    """Write `report/index.html`, whose folder is there; gives its path. Raises RunError where it cannot be written."""
    page = run.path / "report" / "index.html"
    write_whole(page, render(run, table, drawn, chains, going).encode("utf-8", "replace"))
    return page


def render(run: RunFolder, table: pa.Table | None, drawn: Sequence[Panel], chains: Sequence[Followed], going: Going | None = None) -> str:
    """The page as HTML. Nothing in it is trusted: all text is escaped, and its policy lets in neither a network nor a stranger's script."""
    templates = Environment(
        loader=PackageLoader("imageloop.report"), autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    templates.globals |= {"said": said, "two": two, "plural": plural, "pair_label": pair_label}
    signs = signs_of(run)
    return templates.get_template("page.html").render(
        style=Markup(script.style()),  # noqa: S704, the package's own files
        script=Markup(script.script()),  # noqa: S704
        policy=script.policy(),
        about=Markup(harmless(_about(run, drawn, chains, signs, going))),  # noqa: S704, JSON that cannot end its element
        going=going,
        sheet=(run.path / "report" / "sheet.png").is_file(),
        **_facts(run, table, chains, signs, going),
        signs=signs,
        first_sign=first_of(signs, [chain for chain in chains if not is_control(chain.key.arm)]),
        charts=[_chart(panel, signs) for panel in drawn],
        ends=ends_of(run, table, chains) if table else None,
        nulls=nulls_of(table, chains) if table else None,
        timelines=any(panel.measure.name.startswith("survival_") for panel in drawn),
    )


@dataclass(frozen=True, slots=True)
class Drawn:
    """A panel with its layouts for a wide and for a narrow page. `group`: the part of the page it belongs to."""

    name: str
    title: str
    meaning: str
    group: str
    wide: Chart
    narrow: Chart


def _chart(panel: Panel, signs: Signs) -> Drawn:
    name = panel.measure.name
    marks = signs.marks("vendi") if name == "vendi_score" else {}
    group = "main" if name in NEAR else "alike" if name in ALIKE else "survival" if name.startswith("survival_") else "also"
    wide = draw_chart(panel, 720, 400) if group == "main" else draw_chart(panel, 440, 230, marks)
    return Drawn(name, panel.measure.title, panel.measure.meaning, group, wide, draw_chart(panel, 340, 260, marks))


def _about(run: RunFolder, drawn: Sequence[Panel], chains: Sequence[Followed], signs: Signs, going: Going | None) -> dict[str, Any]:
    """What the script must know of the page."""
    names = [panel.measure.name for panel in drawn]
    return {
        "span": SPAN,
        "similarity": next((name for name in names if name in NEAR), None),
        "going": going is not None,
        "short": bool(behind(run, chains, signs)),
    }


def _measures(folder: Path) -> pa.Table | None:
    try:
        table = long.read(folder)
    except RunError:
        return None
    return table if len(table) else None


def _facts(run: RunFolder, table: pa.Table | None, chains: Sequence[Followed], signs: Signs, going: Going | None) -> dict[str, Any]:
    own = [chain for chain in chains if not is_control(chain.key.arm)]
    similar = _similarities(table)
    strips: list[Strip] = [
        strip_of(run, key, run.rounds(key), similar.get(key, {})) for key in fair_share([chain.key for chain in own], MOST_STRIPS)
    ]
    summaries = [one for one in summary(table) if not is_control(one.arm)] if table else []
    last, lost = max((chain.rounds for chain in own), default=0), losses(own)
    words = of_captions(table, own)
    return {
        "name": str(run.info.plan.get("name", run.path.name)),
        "headline": going.headline if going else words[0] if words else headline(summaries, last, lost),
        "sentences": [] if going else words[1:] if words else leads(summaries, lost),
        "words_only": words is not None,
        "summaries": ranked(summaries),
        "matrix": matrix_of(summaries),
        "rivalry": rivalry_of(run, table) if table and len(summaries) > 1 else None,
        "starts": starts_of(run, strips),
        "chains": len(own),
        "pairs": len({chain.key.pair for chain in own}),
        "arms": len({chain.key.arm for chain in own}),
        "rounds": last,
        "most_frames": MOST_FRAMES,
        "notes": notes_of(run, table is not None, summaries, chains, signs, going is not None),
        "provenance": making_of(run, own),
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


__all__ = ["Start", "Strip", "render", "write_gallery", "write_report"]
