"""The page in headless Chromium, opened from disk: nothing is fetched, nothing complains, nothing a model wrote runs.

Needs Debian's `chromium` (or another Chromium of that name on the path): `apt-get install chromium`.
"""

import shutil
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, sync_playwright

from imageloop.measures import measure_run
from imageloop.report import write_report
from imageloop.stickers.scenes import Scene
from imageloop.store import RunFolder
from tests.paper_run import SURFER, PaperEmbedder, paper_run

pytestmark = pytest.mark.browser
PENGUIN = Scene(("penguin", "snowman"), "snow", "ink")
PAIRS = (("sticker-blip", "sticker-sana"), ("sticker-git", "sticker-sprint"))
HOSTILE = '<script>window.alive = 1</script>"><img src=x onerror="window.alive = 2"><svg onload="window.alive = 3"> \u202e ' + "x" * 10_000
LOADED = "() => [...document.images].filter(i => i.loading !== 'lazy').every(i => i.complete && i.naturalWidth > 0)"
LEAST_CONTRAST = """() => {
  const linear = v => v / 255 <= .04045 ? v / 255 / 12.92 : ((v / 255 + .055) / 1.055) ** 2.4;
  const light = colour => {
    const [r, g, b] = colour.match(/[0-9.]+/g).slice(0, 3).map(Number).map(linear);
    return .2126 * r + .7152 * g + .0722 * b;
  };
  const ground = light(getComputedStyle(document.documentElement).backgroundColor);
  const words = document.querySelectorAll('h1, .lead, .fine, .score, .flag, .caption, .number, summary, dt, dd');
  const inks = [...words].map(word => light(getComputedStyle(word).color));
  return Math.min(...inks.map(ink => (Math.max(ink, ground) + .05) / (Math.min(ink, ground) + .05)));
}"""
"""The least contrast ratio of any text with the page, by the definition of WCAG 2."""
FITS = "() => document.documentElement.scrollWidth <= window.innerWidth"


@dataclass
class Visit:
    """A page and all that it asked for or complained of."""

    page: Page
    requests: list[str] = field(default_factory=list)
    complaints: list[str] = field(default_factory=list)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    program = shutil.which("chromium")
    assert program, "no chromium on the path; install it: apt-get install chromium"
    with sync_playwright() as play:
        chromium = play.chromium.launch(executable_path=program, args=["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"])
        yield chromium
        chromium.close()


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Path:
    run = paper_run(tmp_path_factory.mktemp("run"), scenes=(SURFER, PENGUIN), pairs=PAIRS, rounds=12, captions=4, images=4)
    measure_run(run, PaperEmbedder())
    return write_report(RunFolder.open(run.path))


def visit(browser: Browser, page: Path, width: int = 1280, theme: str = "light") -> Visit:
    found = Visit(browser.new_page(viewport={"width": width, "height": 900}, color_scheme="dark" if theme == "dark" else "light"))
    found.page.on("request", lambda request: found.requests.append(request.url))
    found.page.on("requestfailed", lambda request: found.complaints.append(f"failed: {request.url}"))
    found.page.on("console", lambda message: found.complaints.append(message.text))
    found.page.on("pageerror", lambda error: found.complaints.append(str(error)))
    found.page.on("dialog", lambda dialog: found.complaints.append(f"dialog: {dialog.message}"))
    found.page.goto(page.as_uri())
    return found


@pytest.mark.parametrize("width", [360, 768, 1280, 3840])
@pytest.mark.parametrize("theme", ["light", "dark"])
def test_the_page_opens_from_disk_without_a_complaint(browser: Browser, report: Path, width: int, theme: str) -> None:
    seen = visit(browser, report, width, theme)
    seen.page.wait_for_function(LOADED)
    assert seen.complaints == []
    assert all(url.startswith("file://") for url in seen.requests)
    assert seen.page.evaluate(FITS)
    paper = seen.page.evaluate("getComputedStyle(document.documentElement).backgroundColor")
    assert (sum(int(part) for part in paper[4:-1].split(",")) < 384) == (theme == "dark")
    visible = seen.page.locator("figure.main svg:visible:not(.key)")
    assert visible.count() == 1
    assert visible.get_attribute("class") == ("narrow" if width < 704 else "wide")
    seen.page.close()


def test_all_pictures_load_when_scrolled_to_and_nothing_moves(browser: Browser, report: Path) -> None:
    seen = visit(browser, report)
    before = seen.page.evaluate("document.documentElement.scrollHeight")
    film = seen.page.locator(".film").first
    film.scroll_into_view_if_needed()
    film.evaluate("strip => strip.scrollTo(strip.scrollWidth, 0)")
    seen.page.wait_for_function(
        "() => [...document.querySelector('.film').querySelectorAll(':scope > .frame > .picture img')].at(-1).naturalWidth === 64"
    )
    assert seen.page.evaluate("document.documentElement.scrollHeight") == before
    assert film.locator("img").first.evaluate("image => getComputedStyle(image).imageRendering") == "pixelated"
    assert seen.complaints == []
    seen.page.close()


def test_a_strip_is_scrolled_by_the_keyboard(browser: Browser, report: Path) -> None:
    seen = visit(browser, report)
    film = seen.page.locator(".film").first
    film.focus()
    for _ in range(5):
        seen.page.keyboard.press("ArrowRight")
    seen.page.wait_for_function("() => document.querySelector('.film').scrollLeft > 0")
    seen.page.close()


def test_candidates_open_and_show_the_one_that_was_kept(browser: Browser, report: Path) -> None:
    seen = visit(browser, report)
    details = seen.page.locator(".frame details").first
    assert not details.locator(".pick").first.is_visible()
    details.locator("summary").click()
    assert details.locator(".shot").count() == 4
    assert details.locator(".shot.kept").count() == 1
    assert details.locator(".sayings li").count() == 4
    assert "compares with the original" in details.inner_text()
    seen.page.wait_for_function("() => [...document.querySelectorAll('.frame details[open] img')].every(i => i.naturalWidth > 0)")
    assert seen.complaints == []
    seen.page.close()


@pytest.mark.parametrize("width", [360, 1280])
def test_hostile_captions_are_inert_and_do_not_break_the_page(browser: Browser, tmp_path: Path, width: int) -> None:
    run = paper_run(tmp_path, rounds=6, captions=2, images=2, rewrite=lambda _: HOSTILE)
    measure_run(run, PaperEmbedder())
    seen = visit(browser, write_report(RunFolder.open(tmp_path)), width)
    for summary in seen.page.locator("summary").all():
        summary.click()
    seen.page.wait_for_function(LOADED)
    assert seen.page.evaluate("window.alive === undefined")
    assert seen.page.evaluate(FITS)
    assert seen.complaints == []
    assert all(url.startswith("file://") for url in seen.requests)
    seen.page.close()


def test_text_stands_out_from_its_ground_in_both_themes(browser: Browser, report: Path) -> None:
    for theme in ("light", "dark"):
        seen = visit(browser, report, theme=theme)
        assert seen.page.evaluate(LEAST_CONTRAST) >= 4.5
        seen.page.close()


def test_a_run_not_measured_yet_opens_too(browser: Browser, tmp_path: Path) -> None:
    run = paper_run(tmp_path, seeds=1, rounds=1)
    (run.chain_path(run.keys()[0]) / "images/000001.png").unlink()
    seen = visit(browser, write_report(RunFolder.open(tmp_path)), 360)
    assert "not measured yet" in seen.page.inner_text("h1")
    assert seen.page.locator(".absent").count() == 2
    assert seen.complaints == []
    seen.page.close()
