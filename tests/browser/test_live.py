"""The page of a run that goes on, in headless Chromium: it grows, it says how far the run is, and it keeps the reader's place."""

import time
from pathlib import Path

import pytest
from playwright.sync_api import Browser
from test_page import AXE, JUDGED
from visits import FITS, Visit, visit

from imageloop.measures import measure_run
from imageloop.report import Gallery, write_report
from imageloop.store import RunFolder
from tests.paper_run import PaperEmbedder, paper_run
from tests.test_report_signs import alarm, raised

pytestmark = pytest.mark.browser
ROUNDS = 8


class GoingRun:
    """A run of two chains that is taken to a round, and its page with it."""

    def __init__(self, folder: Path) -> None:
        run = paper_run(folder, seeds=2, rounds=ROUNDS)
        self.folder = folder
        self.page = folder / "report/index.html"
        files = [run.chain_path(key) / "rounds.jsonl" for key in run.keys()]  # noqa: SIM118
        self.texts = {file: file.read_text().splitlines(keepends=True) for file in files}
        self.now = time.time()
        self.gallery = Gallery(folder, now=lambda: self.now)

    def cut(self, *rounds: int) -> None:
        """Has each chain at its round; a chain at none is not there."""
        for (file, lines), count in zip(self.texts.items(), rounds, strict=True):
            file.write_text("".join(lines[:count])) if count else file.unlink(missing_ok=True)

    def take(self, *rounds: int) -> None:
        """Takes each chain to a round, as the run does, and looks at it."""
        self.cut(*rounds)
        assert self.gallery.refresh()

    def end(self) -> None:
        self.cut(ROUNDS, ROUNDS)
        measure_run(RunFolder.open(self.folder), PaperEmbedder())
        write_report(RunFolder.open(self.folder))


@pytest.fixture
def going(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> GoingRun:
    monkeypatch.setattr("imageloop.report.gallery.SHARE", 1e6)
    return GoingRun(tmp_path)


def opened(browser: Browser, going: GoingRun, **options: object) -> Visit:
    """The page, whose clock is in our hands."""
    seen = visit(browser, going.page, **options)  # type: ignore[arg-type]
    seen.page.clock.install()
    seen.page.reload()
    seen.page.wait_for_function("() => document.querySelector('#stage-told')?.childElementCount > 0")
    return seen


def looks_again(seen: Visit) -> None:
    seen.page.clock.run_for(16_000)
    seen.page.wait_for_load_state()


def says(seen: Visit, selector: str, text: str) -> None:
    """An element comes to say this."""
    seen.page.wait_for_function(
        "([selector, text]) => document.querySelector(selector).innerText.includes(text)", arg=[selector, text], timeout=5000
    )


def test_the_page_grows_with_the_run_and_says_how_far_it_is(browser: Browser, going: GoingRun) -> None:
    going.take(2, 1)
    seen = opened(browser, going)
    says(seen, "#going", "Still running. 3 of 16 rounds drawn at ")
    says(seen, "#going", "the furthest chain at 2 of 8. New ones appear here.")
    assert seen.page.locator("#going-share").evaluate("bar => bar.value / bar.max") == 3 / 16
    assert seen.page.inner_text("h1").startswith("After 2 rounds ")
    run = RunFolder.open(going.folder)
    raised(run, alarm(run, "jsd", 5))
    going.take(6, 5)
    looks_again(seen)
    says(seen, "#going", "11 of 16 rounds drawn")
    says(seen, "h1", "After 6 rounds ")
    says(seen, "#count-rounds", "6 rounds")
    says(seen, "#film-about", "6 rounds")
    says(seen, "#wall .tile:not(.origin) .mark", "1 alarm")
    seen.stands(6)  # who looks at the last round goes along
    assert not seen.page.locator("#finished").is_visible()
    seen.leave()


def test_at_its_end_the_page_offers_its_numbers_and_the_readers_place_is_kept(browser: Browser, going: GoingRun) -> None:
    going.take(5, 5)
    seen = opened(browser, going)
    seen.page.locator("#chain").select_option("1")
    seen.page.evaluate("() => { const s = document.querySelector('#round'); s.value = 3; s.dispatchEvent(new Event('input')); }")
    seen.page.clock.run_for(1000)
    going.end()
    looks_again(seen)
    seen.stands(3)
    says(seen, "#finished", "The run is over.")
    assert not seen.page.locator("#going").is_visible()
    seen.page.locator("#reload").click()
    seen.page.wait_for_selector("figure.main svg.wide")
    seen.page.clock.run_for(1000)
    seen.stands(3)
    assert seen.page.input_value("#chain") == "1"
    for part in ("#going", "#finished", ".to-come"):
        assert seen.page.locator(part).locator("visible=true").count() == 0
    seen.leave()


def test_a_page_opened_while_its_numbers_are_written_says_so(browser: Browser, going: GoingRun) -> None:
    going.take(5, 5)
    going.gallery.write(RunFolder.open(going.folder))
    seen = visit(browser, going.page)
    says(seen, "#finished", "The run is over. Open the page again")
    seen.leave()


def test_a_page_that_is_open_when_a_stopped_run_goes_on_comes_to_life(browser: Browser, going: GoingRun) -> None:
    going.cut(4, 4)
    measure_run(RunFolder.open(going.folder), PaperEmbedder())
    write_report(RunFolder.open(going.folder))
    seen = opened(browser, going)
    looks_again(seen)
    assert not seen.page.locator("#going").is_visible()
    going.take(5, 5)
    looks_again(seen)
    says(seen, "#going", "Still running. 10 of 16 rounds drawn")
    assert not seen.page.locator("#finished").is_visible()
    seen.leave()


def test_a_chain_that_is_behind_has_not_ended(browser: Browser, going: GoingRun) -> None:
    going.take(5, 3)
    seen = visit(browser, going.page)
    seen.rests()
    assert seen.page.locator(".tiles .tile .score").all_inner_texts() == ["", "3 so far"]
    seen.leave()


def test_a_page_that_has_no_contact_sheet_yet_links_none(browser: Browser, going: GoingRun) -> None:
    going.take(5, 5)
    seen = visit(browser, going.page)
    assert seen.page.locator("a[href='sheet.png']").count() == 0
    going.end()
    seen.page.reload()
    assert seen.page.locator("a[href='sheet.png']").count() == 1
    seen.leave()


def test_chains_that_begin_later_are_told(browser: Browser, going: GoingRun) -> None:
    going.take(5, 0)
    seen = opened(browser, going)
    assert seen.page.locator("#chain option").count() == 1
    going.take(5, 3)
    looks_again(seen)
    says(seen, "#finished", "1 more chain has begun.")
    seen.page.locator("#reload").click()
    seen.page.wait_for_function("() => document.querySelectorAll('#chain option').length === 2")
    seen.leave()


def test_a_run_that_gives_no_news_may_have_been_killed(browser: Browser, going: GoingRun) -> None:
    going.now -= 3600
    going.take(5, 5)
    seen = visit(browser, going.page)
    says(seen, "#going", "The run may have been stopped; the command that began it goes on with it. 10 of 16 rounds drawn, ")
    assert seen.page.inner_text("#going-now").startswith("No news since ")
    seen.leave()


def test_data_that_are_away_for_a_while_are_asked_for_again(browser: Browser, going: GoingRun) -> None:
    going.take(5, 5)
    seen = opened(browser, going)
    away = going.folder / "report/data/away.js"
    (going.folder / "report/data/overview.js").rename(away)
    with seen.page.expect_event("requestfailed", lambda request: "overview.js" in request.url):
        looks_again(seen)
    seen.page.wait_for_timeout(200)
    seen.complaints.clear()
    away.rename(going.folder / "report/data/overview.js")
    going.take(6, 6)
    looks_again(seen)
    seen.stands(6)
    seen.leave()


def test_a_page_with_numbers_keeps_them_and_says_of_which_rounds_they_are(browser: Browser, going: GoingRun) -> None:
    going.cut(4, 4)
    measure_run(RunFolder.open(going.folder), PaperEmbedder())
    write_report(RunFolder.open(going.folder))
    headline = visit(browser, going.page).page.inner_text("h1")
    going.take(6, 6)
    seen = visit(browser, going.page)
    says(seen, "#going", "12 of 16 rounds drawn")
    says(seen, "#going", "the numbers and curves are of those before.")
    assert seen.page.inner_text("h1") == headline
    assert seen.page.locator("figure.main svg.wide").count() == 1
    seen.stands(6)
    seen.leave()


def test_a_page_made_before_the_first_round_opens_by_itself(browser: Browser, going: GoingRun) -> None:
    going.take(1, 0)
    going.cut(0, 0)
    Gallery(going.folder).refresh()
    seen = visit(browser, going.page)
    assert not seen.page.locator(".scrubber").is_visible()
    seen.page.clock.install()
    seen.page.reload()
    seen.page.wait_for_timeout(300)
    going.take(1, 1)
    seen.page.clock.run_for(16_000)
    seen.page.wait_for_function("() => document.querySelector('#stage-told')?.childElementCount > 0")
    seen.leave()


def test_without_script_the_page_says_when_it_was_written(browser: Browser, going: GoingRun) -> None:
    going.now = 1_800_000_000
    going.take(2, 2)
    seen = visit(browser, going.page, java_script_enabled=False)
    assert "4 of 16 rounds drawn at 2027-01-15 08:00 UTC, the furthest chain at 2 of 8." in seen.page.inner_text("#going")
    assert "Open the page again for more." in seen.page.inner_text("#going")
    assert seen.page.locator("#going-share").is_visible()
    seen.leave()


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("width", [360, 1280, 3840])
def test_the_page_of_a_run_that_goes_on_fits_and_axe_finds_nothing(browser: Browser, going: GoingRun, width: int, theme: str) -> None:
    going.take(5, 4)
    seen = visit(browser, going.page, width, theme)
    seen.rests()
    assert seen.page.evaluate(FITS)
    assert f"imageloop measure {going.folder}" in seen.page.inner_text(".to-come code")
    if width > 1000:
        box = seen.page.locator("#stage-now").bounding_box()
        assert box
        assert box["y"] + box["height"] <= 900 * width / 1280
    seen.page.evaluate(AXE.read_text())
    assert seen.page.evaluate(JUDGED) == []
    seen.leave()


def test_a_report_that_is_made_while_the_run_goes_on_is_not_its_end(browser: Browser, going: GoingRun) -> None:
    going.take(2, 1)
    seen = opened(browser, going)
    write_report(RunFolder.open(going.folder))
    looks_again(seen)
    says(seen, "#finished", "The run is over.")
    going.take(3, 2)
    looks_again(seen)
    says(seen, "#going", "Still running.")
    says(seen, "#finished", "The page was made anew. Open the page again")
    seen.leave()
