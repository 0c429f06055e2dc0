"""What the monitor saw, what was inferred, and runs of captions alone, in headless Chromium."""

import json
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect
from test_page import AXE, JUDGED
from visits import FITS, visit

from imageloop.importing import import_rounds
from imageloop.measures import measure_run
from imageloop.report import write_report
from imageloop.store import RunFolder
from tests.paper_run import SURFER, PaperEmbedder, paper_run
from tests.test_report_signs import PENGUIN, alarm, infer, raised

pytestmark = pytest.mark.browser
HOSTILE = "<img src=x onerror=alert(1)> javascript:alert(2) \u202e {{ 7*7 }} " + "x" * 3000


@pytest.fixture(scope="module")
def watched(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A page of eight chains of twelve rounds, with alarms in the first two and one of all together; the first chain repeats itself."""
    run = paper_run(tmp_path_factory.mktemp("watched"), scenes=(SURFER, PENGUIN), seeds=4, rounds=12)
    infer(run, 0, 9)
    raised(run, alarm(run, "jsd", 5), alarm(run, "cycle", 8), alarm(run, "length", 3, chain=1), alarm(run, "vendi", 7, chain=None))
    measure_run(run, PaperEmbedder())
    return write_report(RunFolder.open(run.path))


@pytest.fixture(scope="module")
def words(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A page of two chains of captions without pictures, one of which is hostile."""
    folder = tmp_path_factory.mktemp("words")
    (folder / "made").mkdir()
    (folder / "made" / "anna.txt").write_text("".join(f"{place}\na surfer in round {place}\n\n" for place in range(1, 9)))
    (folder / "made" / "ben.txt").write_text("".join(f"{place}\n{HOSTILE} {place}\n\n" for place in range(1, 9)))
    run = import_rounds(folder / "made", folder / "run", layout="captions").run
    measure_run(run, PaperEmbedder())
    return write_report(RunFolder.open(run.path))


def test_alarms_are_marked_on_the_slider_the_curves_and_the_timeline(browser: Browser, watched: Path) -> None:
    seen = visit(browser, watched)
    seen.rests()
    for place in ("#track-marks", "figure.main .plot.wide .plot-marks"):
        own = seen.page.locator(f"{place} .alarm-mark")
        assert own.count() == 3
        assert own.evaluate_all("marks => marks.filter(mark => mark.classList.contains('together')).length") == 1
    slider, mark = (seen.page.locator(what).first.bounding_box() for what in ("#round", "#track-marks .alarm-mark"))
    assert slider
    assert mark
    thumb = 10 + 5 / 12 * (slider["width"] - 20)  # the middle of a thumb 20 pixels wide, at round 5
    assert mark["x"] + mark["width"] / 2 - slider["x"] == pytest.approx(thumb, abs=1.5)
    seen.page.locator("#timeline").scroll_into_view_if_needed()
    seen.counts("#timeline .alarm-mark", 3)
    seen.page.locator("#chain").select_option("2")
    seen.counts("#track-marks .alarm-mark", 1)
    seen.leave()


def test_an_alarm_is_told_where_it_happened_and_leapt_to_by_key(browser: Browser, watched: Path) -> None:
    seen = visit(browser, watched)
    seen.rests()
    leaps = seen.page.locator("#alarms button")
    expect(leaps).to_have_text(["round 5", "round 7", "round 8"])
    leaps.first.focus()
    seen.page.keyboard.press("Enter")
    seen.stands(5)
    expect(seen.page.locator("#stage-told .alarm")).to_contain_text("the captions stopped changing: 0.25 bits, below 0.50")
    expect(seen.page.locator("#film .frame.now .alarm")).to_contain_text("the captions stopped changing")
    leaps.nth(1).click()
    expect(seen.page.locator("#stage-told .alarm")).to_contain_text("all chains of the pair: the chains' pictures became alike")
    seen.page.locator("#stage-open").click()
    expect(seen.page.locator("#candidates-body .alarm")).to_have_count(1)
    seen.leave()


def test_the_sentence_on_the_first_screen_opens_the_first_alarm(browser: Browser, watched: Path) -> None:
    seen = visit(browser, watched)
    seen.rests()
    seen.page.locator("header .sign a").click()
    seen.stands(3)
    expect(seen.page.locator("#film-name")).to_contain_text("seed 1")
    expect(seen.page.locator("#stage-told .alarm")).to_contain_text("the captions became short")
    seen.leave()


def test_the_wall_marks_and_filters_chains_with_alarms(browser: Browser, watched: Path) -> None:
    seen = visit(browser, watched)
    seen.counts("#wall .tile:not(.origin)", 8)
    expect(seen.page.locator("#wall .tile:not(.origin) .mark").first).to_have_text("2 alarms")
    seen.page.locator("#filter-alarms").check()
    seen.counts("#wall .tile:not(.origin)", 2)
    seen.leave()


def test_a_tile_that_showed_a_text_is_a_square_again_with_its_picture(browser: Browser, tmp_path: Path) -> None:
    seen = visit(browser, write_report(paper_run(tmp_path, scenes=(), texts=("a dog on the moon",), seeds=2, rounds=4)))
    seen.scrub(0)
    expect(seen.page.locator("#wall .tile:not(.origin) .words")).to_have_count(2)
    seen.scrub(3)
    expect(seen.page.locator("#wall .tile:not(.origin) .words")).to_have_count(0)
    seen.leave()


def test_a_page_without_alarms_offers_no_filter_for_them(browser: Browser, report: Path) -> None:
    seen = visit(browser, report)
    assert not seen.page.locator("#filter-alarms").is_visible()
    assert not seen.page.locator("#alarms").is_visible()
    assert seen.page.locator(".alarm-mark").count() == 0
    seen.leave()


def test_inferred_rounds_are_never_shown_as_generated(browser: Browser, watched: Path) -> None:
    seen = visit(browser, watched, hash="#t=9")
    seen.rests()
    expect(seen.page.locator("#stage-told .copy")).to_have_text("inferred, not generated: the chain repeats itself exactly")
    expect(seen.page.locator("#stage-now")).to_have_class("frame-box inferred")
    expect(seen.page.locator("#film .frame.now")).to_have_class("frame now inferred")
    expect(seen.page.locator("#film-about")).to_contain_text("4 inferred, not generated")
    seen.scrub(8)
    expect(seen.page.locator("#stage-told .copy")).to_have_count(0)
    expect(seen.page.locator("#stage-now")).to_have_class("frame-box")
    expect(seen.page.locator("#film .frame.now")).to_have_class("frame now")
    seen.leave()


def test_facts_that_change_are_chips_in_the_film(browser: Browser, watched: Path) -> None:
    rows = json.loads(next(watched.parent.glob("data/*/00000.js")).read_text().partition(", ")[2].rpartition(")")[0])["rows"]
    number = next(place for place in range(2, 9) if rows[place - 1]["facts"] != rows[place - 2]["facts"])
    data = next(watched.parent.glob("data/*/00000.js")).parent.name
    overview = json.loads((watched.parent / "data" / "overview.js").read_text().partition(", ")[2].rpartition(")")[0])
    name = next(chain["name"] for chain in overview["chains"] if chain["data"] == data)
    seen = visit(browser, watched, hash=f"#chain={name.replace('+', '%2B')}&t={number}")
    seen.rests()
    expect(seen.page.locator("#film .frame.now .chips li").first).to_be_visible()
    now, before = set(rows[number - 1]["facts"]), set(rows[number - 2]["facts"])
    assert seen.page.locator("#film .frame.now .chips li").count() == len(now ^ before)
    seen.leave()


@pytest.mark.parametrize("width", [360, 1280, 3840])
@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("kind", ["watched", "words"])
def test_axe_finds_nothing_and_all_fits(browser: Browser, watched: Path, words: Path, kind: str, width: int, theme: str) -> None:
    seen = visit(browser, watched if kind == "watched" else words, width, theme, hash="#t=5")
    seen.rests()
    assert seen.page.evaluate(FITS)
    seen.page.evaluate(AXE.read_text())
    assert seen.page.evaluate(JUDGED) == []
    seen.leave()


def test_of_captions_alone_the_words_stand_where_pictures_would(browser: Browser, words: Path) -> None:
    seen = visit(browser, words, hash="#t=5")
    seen.rests()
    assert seen.page.locator("#stage-now .said").inner_text() == "a surfer in round 5"
    assert seen.page.locator("#film .frame.now .caption").inner_text() == "a surfer in round 5"
    assert not seen.page.locator("#film .frame.now .picture").is_visible()
    expect(seen.page.locator("#wall .tile:not(.origin) .said").first).to_have_text("a surfer in round 5")
    assert "only the caption is known" not in seen.page.locator("main").inner_text()
    seen.leave()


def test_hostile_captions_stay_words_where_they_stand_for_pictures(browser: Browser, words: Path) -> None:
    seen = visit(browser, words, 360)
    seen.page.locator("#chain").select_option("1")
    seen.rests()
    assert seen.page.locator("#stage-now .said").inner_text().startswith("<img src=x onerror=alert(1)> javascript:alert(2)")
    assert seen.page.locator("img[src=x]").count() == 0
    assert seen.page.evaluate(FITS)
    seen.leave()
