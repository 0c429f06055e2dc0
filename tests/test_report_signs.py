"""What the page says beside the pictures: the monitor's alarms, rounds that were inferred, nulls, licences, and runs of captions alone."""

import json
import shutil
from dataclasses import asdict
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from imageloop.importing import import_rounds
from imageloop.measures import measure_run
from imageloop.monitor import Alarm
from imageloop.report import Gallery, write_report
from imageloop.report.alarms import MOST, first_of, signs_of
from imageloop.report.chart import NAME, draw_chart
from imageloop.report.ends import ends_of
from imageloop.report.licences import ARTWORK, licences_of
from imageloop.report.nulls import nulls_of
from imageloop.report.panels import csv_rows, panels
from imageloop.report.sheet import seen_of
from imageloop.report.strips import strip_of
from imageloop.stickers.scenes import Scene
from imageloop.store import RunFolder
from tests.page_data import received, rows_of, told_going
from tests.paper_run import SURFER, PaperEmbedder, keep_rounds, paper_run

PENGUIN = Scene(("penguin", "snowman"), "snow", "ink")
PAIR = "sticker-blip+sticker-sana"
NOTICE = Path(__file__).parent.parent / "NOTICE"

pytestmark = pytest.mark.usefixtures("no_waiting_for_the_disk")


def alarm(run: RunFolder, rule: str, round: int, *, chain: int | None = 0, action: str = "note") -> Alarm:
    """An alarm of a chain, or of all of the first pair."""
    key = run.keys()[chain or 0]
    original, seed = ("*", -1) if chain is None else (key.original, key.seed)
    return Alarm(key.pair, key.arm, rule, original, seed, round, 0.25, 0.5, action)


def raised(run: RunFolder, *alarms: Alarm) -> RunFolder:
    (run.path / "alarms.jsonl").write_text("".join(json.dumps(asdict(one)) + "\n" for one in alarms))
    return run


def test_a_chain_that_the_monitor_stopped_is_not_unfinished(tmp_path: Path) -> None:
    run = paper_run(tmp_path, seeds=3, rounds=6)
    at_its_end = alarm(run, "jsd", 6, chain=2, action="stop")
    raised(run, alarm(run, "jsd", 4, action="stop"), alarm(run, "jsd", 2, chain=1), at_its_end)
    for key in run.keys()[:2]:
        keep_rounds(run, key, 4)
    page = write_report(run).read_text()
    assert "1 of 3 chains ended early: the monitor stopped them, as the plan wants it." in page
    assert "Unfinished: 1 of 3 chains are short of round 6, the last of them at 4." in page
    assert '"short":true' in page
    raised(run, alarm(run, "jsd", 4, action="stop"), alarm(run, "jsd", 4, chain=1, action="stop"))
    page = write_report(run).read_text()
    assert "Unfinished" not in page
    assert '"short":false' in page
    assert Gallery(run.path).refresh()
    assert (told_going(run.path)["drawn"], told_going(run.path)["planned"]) == (14, 14)


def infer(run: RunFolder, chain: int, first: int) -> None:
    """Marks the rounds of a chain from `first` on as inferred."""
    file = run.chain_path(run.keys()[chain]) / "rounds.jsonl"
    lines = [json.loads(line) for line in file.read_text().splitlines()]
    file.write_text("".join(json.dumps(line | ({"inferred": True} if line["round"] >= first else {})) + "\n" for line in lines))


def overview_of(run: RunFolder) -> dict[str, Any]:
    Gallery(run.path).write(run)
    return dict(received(run.path / "report" / "data" / "overview.js")[1])


def page_of(run: RunFolder) -> str:
    return write_report(RunFolder.open(run.path)).read_text()


def test_alarms_are_told_by_chain_in_the_order_of_rounds(tmp_path: Path) -> None:
    run = paper_run(tmp_path)
    raised(run, alarm(run, "jsd", 5), alarm(run, "length", 2, action="stop"), alarm(run, "vendi", 3, chain=None))
    told = overview_of(run)
    first, second = told["chains"]
    assert [number for number, _ in first["alarms"]] == [2, 5]
    assert first["alarms"][0][1].endswith("below 0.50; the chain ends here")
    assert first["alarmed"] == 2
    assert "alarms" not in second
    assert told["together"]["sticker-blip + sticker-sana"][0][0] == 3


def test_a_run_without_alarms_is_told_nothing_of_them(tmp_path: Path) -> None:
    run = paper_run(tmp_path)
    assert first_of(signs_of(run), []) is None
    told = overview_of(run)
    assert "together" not in told
    assert not {"alarms", "alarmed", "inferred", "words"} & set(told["chains"][0])
    page = page_of(run)
    assert "Early signs" not in page
    assert "alarms.jsonl" not in page.partition("</script>\n</head>")[2]


def test_of_very_many_alarms_the_first_are_told_and_all_are_counted(tmp_path: Path) -> None:
    run = paper_run(tmp_path)
    raised(run, *(alarm(run, "jsd", number) for number in range(1, 501)))
    (chain, _) = overview_of(run)["chains"]
    assert [number for number, _ in chain["alarms"]] == list(range(1, MOST + 1))
    assert chain["alarmed"] == 500


@pytest.mark.parametrize(
    "damage", [{"value": "<b>"}, {"round": 2.5}, {"pair": 7}, {"seed": True}, {"threshold": float("nan")}, {"rule": []}]
)
def test_alarms_are_read_up_to_a_line_that_is_none(tmp_path: Path, damage: dict[str, Any]) -> None:
    run = paper_run(tmp_path)
    raised(run, alarm(run, "jsd", 2), alarm(run, "jsd", 4))
    file = tmp_path / "alarms.jsonl"
    whole, spoilt = (json.loads(line) for line in file.read_text().splitlines())
    file.write_text(json.dumps(whole) + "\n" + json.dumps(spoilt | damage) + "\n")
    assert overview_of(run)["chains"][0]["alarmed"] == 1


def test_the_first_screen_tells_how_many_chains_had_an_alarm_and_links_the_first(tmp_path: Path) -> None:
    run = paper_run(tmp_path, seeds=3)
    raised(run, alarm(run, "jsd", 5), alarm(run, "length", 4, chain=1), alarm(run, "vendi", 6, chain=None))
    page = page_of(run)
    assert "Early signs of collapse in 2 of 3 chains, the first in" in page
    assert f'href="#chain={PAIR.replace("+", "%2B")}%2Fscene-00000000-s1&amp;t=4">round 4</a>: the captions became short.' in page


def test_an_alarm_of_all_chains_stands_with_its_pair_and_on_its_curve(tmp_path: Path) -> None:
    run = paper_run(tmp_path, scenes=(SURFER, PENGUIN))
    table = measure_run(run, PaperEmbedder())
    raised(run, alarm(run, "jsd", 5), alarm(run, "vendi", 3, chain=None))
    page = page_of(run)
    assert "early signs in 1 of 4 chains; all together: the chains&#39; pictures became alike in round 3" in page
    assert page.count('class="sign-mark"') == 2  # once in the wide layout, once in the narrow one
    (panel,) = [panel for panel in panels(table) if panel.measure.name == "vendi_score"]
    (line,) = draw_chart(panel, 440, 230, signs_of(run).marks("vendi")).lines
    assert [(sign.x, sign.y) for sign in line.signs] == [(line.dots[2].x, line.dots[2].y)]


def test_inferred_rounds_are_told_as_what_they_are(tmp_path: Path) -> None:
    run = paper_run(tmp_path)
    infer(run, 0, 4)
    page = page_of(run)
    assert [row["round"] for row in numbered(rows_of(run)) if row.get("inferred")] == [4, 5, 6]
    assert overview_of(run)["chains"][0]["inferred"] == 3
    assert "inferred" not in overview_of(run)["chains"][1]
    assert "3 of 12 rounds: copies that say so" in page
    key = run.keys()[0]
    frames = strip_of(run, key, run.rounds(key), {}).frames
    assert [frame.round for frame in frames if any("inferred, not generated" in flag for flag in frame.flags)] == [4, 5, 6]
    assert [seen_of(run, key, done)[1] for done in run.rounds(key)][2:4] == ["round 3", "round 4, inferred"]


def numbered(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [{**row, "round": place} for place, row in enumerate(rows, start=1)]


def test_groups_at_the_end_stand_beside_those_of_the_first_pictures_and_originals(tmp_path: Path) -> None:
    run = paper_run(tmp_path, scenes=(SURFER, PENGUIN), seeds=3, rounds=8)
    table = measure_run(run, PaperEmbedder())
    chains = Gallery(tmp_path).write(run)
    nulls, ends = nulls_of(table, chains), ends_of(run, table, chains)
    assert nulls is not None
    assert ends is not None
    (row,) = nulls.rows
    values = {name: value for name, value in zip(table["measure"].to_pylist(), table["value"].to_pylist(), strict=True) if "basin" in name}
    assert (row.last, row.first, row.originals, row.redrawn) == (
        values["basins"],
        values["basins_of_random_captions"],
        values["basins_of_originals"],
        None,
    )
    assert row.chains == 6
    assert row.last != row.first
    assert any("how many groups the noise alone makes is not known" in note for note in nulls.missing)
    # One pair only, so the groups of the whole map are those of the pair.
    assert (ends.all_found, ends.first, ends.originals) == (row.last, row.first, (row.originals, 2))
    assert f"The same rule finds {ends.first} among the same chains' first pictures" in " ".join(page_of(run).split())


def test_sameness_is_drawn_beside_that_of_round_1(tmp_path: Path) -> None:
    run = paper_run(tmp_path, scenes=(SURFER, PENGUIN))
    drawn = {panel.measure.name: panel for panel in panels(measure_run(run, PaperEmbedder()))}
    for name in ("vendi_score", "cross_chain_jsd"):
        (level,) = drawn[name].levels
        start = drawn[name].series[0].means[0].mean
        assert (level.name, set(level.mean)) == ("round 1", {start})
        assert [row["value"] for row in csv_rows(drawn[name]) if row["measure"] == f"{name} in round 1"] == [start] * 6


def test_names_of_levels_do_not_stand_on_each_other_nor_on_the_axis(tmp_path: Path) -> None:
    run = paper_run(tmp_path, scenes=(SURFER, PENGUIN))
    (panel,) = [panel for panel in panels(measure_run(run, PaperEmbedder())) if panel.measure.name == "vendi_score"]
    (level,) = panel.levels
    for mean in (panel.series[0].means[0].mean, 1.0):
        same = [type(level)(level.measure, name, level.rounds, *((mean,) * len(level.rounds),) * 3) for name in "abc"]
        chart = draw_chart(type(panel)(panel.measure, panel.series, tuple(same)), 440, 230)
        ends = [one.end for one in chart.levels]
        assert all(after - before >= NAME for before, after in pairwise(ends))
        assert ends[-1] + 16 <= chart.bottom


def test_each_model_has_the_licence_of_its_row_and_the_sticker_world_those_of_its_artwork(tmp_path: Path) -> None:
    recipes = {
        "generator/sd-turbo": {"name": "sd-turbo", "family": "diffusers", "target": "stabilityai/sd-turbo"},
        "captioner/mine": {"name": "mine", "family": "transformers", "target": "somebody/mine"},
        "embedder/clip": {"name": "clip", "family": "imported", "target": ""},
        "captioner/served": {"name": "served", "family": "openai", "target": "http://localhost#x"},
    }
    found = {one.what: one for one in licences_of(recipes, ["surfer.jpg"])}
    assert found["sd-turbo"].licence == "Stability AI Community"
    assert found["sd-turbo"].source == "huggingface.co/stabilityai/sd-turbo"
    assert all(found[name].licence.startswith("not known") for name in ("mine", "clip", "served"))
    assert "somebody/mine" in found["mine"].licence
    assert [one.role for one in licences_of(recipes, ())] == ["captioner", "captioner", "generator", "embedder"]
    assert sum(one.role == "artwork" for one in licences_of({}, ["stickers:surfer; beach; ink"])) == len(ARTWORK)


def test_a_name_alone_is_no_licence() -> None:
    """A folder that somebody called like a model of the catalogue is not that model."""
    (one,) = licences_of({"generator/sd-turbo": {"name": "sd-turbo", "family": "diffusers", "target": "/home/me/sd-turbo"}}, ())
    assert one.licence.startswith("not known here")


def test_the_artwork_is_that_of_the_notice() -> None:
    notice = NOTICE.read_text()
    for what, who, _, link in ARTWORK:
        assert link in notice
        assert what.split(",")[0].split(" (")[0] in notice
        assert who.removesuffix(" Inc.").split(",")[0] in notice


@pytest.fixture
def words(tmp_path: Path) -> RunFolder:
    """Two chains of eight captions without a picture."""
    for name, thing in (("anna", "surfer"), ("ben", "skier")):
        (tmp_path / "made").mkdir(exist_ok=True)
        lines = [f"a {thing} on a board at sunset"] * 3 + ["a mountain at sunset"] * 5
        (tmp_path / "made" / f"{name}.txt").write_text("".join(f"{place}\n{line}\n\n" for place, line in enumerate(lines, start=1)))
    return import_rounds(tmp_path / "made", tmp_path / "run", layout="captions").run


def test_of_a_run_of_captions_the_words_carry_the_page(words: RunFolder) -> None:
    table = measure_run(words, PaperEmbedder())
    page = page_of(words)
    assert all(chain["words"] for chain in overview_of(words)["chains"])
    assert next(panel.measure.name for panel in panels(table)) == "text_to_caption_similarity"
    assert "<h1>Through 8 rounds the captions kept" in page
    assert "not measured yet" not in page
    assert "Each picture was drawn from the words below it" not in page
    assert "Similarity at the end" not in page
    assert page.count('<blockquote class="picture text"><bdi>a mountain at sunset</bdi></blockquote>') == 2
    key = words.keys()[0]
    assert seen_of(words, key, words.rounds(key)[-1]) == ("a mountain at sunset", "round 8", "")


def test_before_it_is_measured_a_run_of_captions_says_so(words: RunFolder) -> None:
    assert "<h1>8 rounds of captions, not measured yet.</h1>" in page_of(words)


def test_a_page_of_many_arms_names_their_lines_where_there_is_room(tmp_path: Path) -> None:
    """Nine lines or more have their names behind a summary, below the curves, and without the name of the pair that all share."""
    run = paper_run(tmp_path, rounds=3)
    for place in range(8):
        for chain in list((tmp_path / "chains" / PAIR).glob("*-s?")):
            shutil.copytree(chain, chain.with_name(f"{chain.name}@temper(temperature={place}.5)"))
    measure_run(RunFolder.open(tmp_path), PaperEmbedder())
    page = page_of(run)
    assert "<span>1 pair</span>" in page
    assert "<span>9 arms</span>" in page
    first = page[page.index('class="chart main"') :].partition("</figure>")[0]
    assert first.count('class="legend"') == 1
    assert first.index('class="plot narrow') < first.index("The 9 lines; colours repeat") < first.index('class="legend"')
    assert "</svg>plain loop</li>" in first
    assert "</svg>temper(temperature=1.5)</li>" in first
    assert "there is nothing to compare it with" not in page
