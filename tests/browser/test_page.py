"""The page in headless Chromium, opened from disk: nothing is fetched, nothing complains, it fits, and everybody can read it.

Needs Debian's `chromium` (or another Chromium of that name on the path): `apt-get install chromium`.
"""

from importlib.resources import files
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect
from visits import FITS, visit

from imageloop.measures import measure_run
from imageloop.report import write_report
from imageloop.store import RunFolder
from tests.paper_run import PaperEmbedder, paper_run

pytestmark = pytest.mark.browser
AXE = files("axe_playwright_python").joinpath("axe.min.js")
JUDGED = """async () => {
  const found = await axe.run(document, { resultTypes: ['violations'] });
  return found.violations.map(one => `${one.id}: ${one.nodes.slice(0, 3).map(node => node.html.slice(0, 160)).join(' | ')}`);
}"""


@pytest.mark.parametrize("width", [360, 768, 1280, 3840])
@pytest.mark.parametrize("theme", ["light", "dark"])
def test_the_page_opens_from_disk_without_a_complaint(browser: Browser, report: Path, width: int, theme: str) -> None:
    seen = visit(browser, report, width, theme)
    seen.rests()
    assert seen.page.evaluate(FITS)
    paper = seen.page.evaluate("getComputedStyle(document.documentElement).backgroundColor")
    assert (sum(int(part) for part in paper[4:-1].split(",")) < 384) == (theme == "dark")
    visible = seen.page.locator("figure.main svg:visible:not(.key)")
    assert visible.count() == 1
    assert visible.get_attribute("class") == ("narrow" if width < 704 else "wide")
    seen.leave()


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("width", [360, 1280])
def test_axe_finds_nothing(browser: Browser, report: Path, width: int, theme: str) -> None:
    seen = visit(browser, report, width, theme)
    seen.rests()
    seen.page.evaluate(AXE.read_text())
    assert seen.page.evaluate(JUDGED) == []
    seen.page.locator("#stage-open").click()
    assert seen.page.evaluate(JUDGED) == []
    seen.leave()


def test_nothing_moves_when_pictures_load(browser: Browser, report: Path) -> None:
    seen = visit(browser, report)
    before = seen.page.evaluate("document.documentElement.scrollHeight")
    seen.page.evaluate("window.scrollTo(0, document.documentElement.scrollHeight)")
    seen.rests()
    assert seen.page.evaluate("document.documentElement.scrollHeight") == before
    shifts = seen.page.evaluate(
        "() => new Promise(done => new PerformanceObserver(list => done(list.getEntries().map(one => one.value)))"
        ".observe({ type: 'layout-shift', buffered: true }) || setTimeout(() => done([]), 300))"
    )
    assert sum(shifts) < 0.01
    seen.leave()


def test_without_script_the_page_shows_originals_ends_curves_captions_and_numbers(browser: Browser, report: Path) -> None:
    seen = visit(browser, report, java_script_enabled=False)
    assert not seen.page.locator(".scrubber").is_visible()
    assert not seen.page.locator("#all").is_visible()
    for heading in ("Where it began, where it ended", "Chain by chain", "The pairs in numbers"):
        assert seen.page.get_by_role("heading", name=heading).is_visible()
    assert seen.page.locator("figure.main svg.wide").is_visible()
    assert seen.page.locator(".film .frame").count() > 16 * 10
    seen.leave()


def test_a_strip_without_script_is_scrolled_by_the_keyboard(browser: Browser, report: Path) -> None:
    seen = visit(browser, report, java_script_enabled=False)
    film = seen.page.locator("noscript .film").first
    left = film.locator(".frame").nth(1).bounding_box()
    film.focus()
    for _ in range(5):
        seen.page.keyboard.press("ArrowRight")
    seen.page.wait_for_timeout(400)
    now = film.locator(".frame").nth(1).bounding_box()
    assert left
    assert now
    assert now["x"] < left["x"]
    seen.leave()


def test_a_run_not_measured_yet_opens_too(browser: Browser, tmp_path: Path) -> None:
    run = paper_run(tmp_path, seeds=1, rounds=1)
    (run.chain_path(run.keys()[0]) / "images/000001.png").unlink()
    seen = visit(browser, write_report(RunFolder.open(tmp_path)), 360)
    assert "not measured yet" in seen.page.inner_text("h1")
    expect(seen.page.locator("#stage-now .said")).to_have_text("picture missing")
    assert seen.page.locator("figure.main").count() == 0
    seen.leave()


def test_a_run_without_rounds_opens_too(browser: Browser, tmp_path: Path) -> None:
    paper_run(tmp_path, scenes=(), rounds=0)
    seen = visit(browser, write_report(RunFolder.open(tmp_path)))
    assert "Nothing has been drawn yet." in seen.page.inner_text("h1")
    assert not seen.page.locator(".scrubber").is_visible()
    seen.leave()


def test_a_page_whose_data_is_gone_says_so(browser: Browser, tmp_path: Path) -> None:
    paper_run(tmp_path, seeds=1, rounds=2)
    page = write_report(RunFolder.open(tmp_path))
    (tmp_path / "report" / "data" / "overview.js").unlink()
    seen = visit(browser, page)
    seen.page.wait_for_selector("#broken", state="visible")
    assert all("overview.js" in complaint or "ERR_FILE_NOT_FOUND" in complaint for complaint in seen.complaints)
    seen.page.close()


def test_the_page_prints_what_is_on_it(browser: Browser, report: Path) -> None:
    seen = visit(browser, report)
    seen.rests()
    seen.page.emulate_media(media="print")
    assert not seen.page.locator(".scrubber").is_visible()
    assert seen.page.locator("#stage-now canvas").is_visible()
    assert seen.page.locator(".tile.blank:visible").count() == 0
    assert len(seen.page.pdf()) > 50_000
    seen.leave()


@pytest.mark.parametrize("texts", [("a surfer <under> a palm tree",), ("🏄‍♀️ surfar på stranden", "x" * 400)])
def test_chains_from_texts_show_the_text_in_the_place_of_the_original(browser: Browser, tmp_path: Path, texts: tuple[str, ...]) -> None:
    run = paper_run(tmp_path, scenes=(), texts=texts, seeds=1, rounds=3)
    measure_run(run, PaperEmbedder())
    seen = visit(browser, write_report(RunFolder.open(tmp_path)), 360)
    assert seen.page.locator("#stage-original .said").inner_text() == texts[0]
    assert seen.page.evaluate(FITS)
    seen.leave()
