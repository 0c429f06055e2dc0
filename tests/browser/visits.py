"""A page opened in headless Chromium, and all that it asked for or complained of."""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, Page, Request, expect

from imageloop.report import Gallery
from imageloop.store import RunFolder
from tests.paper_run import keep_rounds, paper_run

READY = "() => !document.documentElement.classList.contains('live') || document.querySelector('#stage-told')?.childElementCount > 0"
FITS = "() => document.documentElement.scrollWidth <= window.innerWidth"


@dataclass
class Visit:
    """A page and all that it asked for or complained of."""

    page: Page
    requests: list[str] = field(default_factory=list)
    complaints: list[str] = field(default_factory=list)

    def stands(self, number: int) -> None:
        """The slider comes to stand at a round."""
        self.page.wait_for_function("number => document.querySelector('#round').value === String(number)", arg=number, timeout=5000)

    def counts(self, selector: str, number: int) -> None:
        """So many elements come to be visible."""
        expect(self.page.locator(selector).locator("visible=true")).to_have_count(number)

    def scrub(self, number: int) -> None:
        """Moves the slider to a round, as a drag does, and waits until the page rests there."""
        self.page.locator("#round").evaluate(
            "(slider, number) => { slider.value = number; slider.dispatchEvent(new Event('input', { bubbles: true })); }", number
        )
        self.rests()

    def rests(self) -> None:
        """Waits until what is shown is what the slider asks for."""
        self.page.wait_for_timeout(250)
        self.page.wait_for_function("() => !document.querySelector('#stage-now .near')")

    def drawn(self, selector: str) -> str:
        """The pixels of a canvas's picture, as they are on the screen."""
        return self.page.locator(selector).first.screenshot().hex()

    def leave(self) -> None:
        """Closes the page; it must have had nothing to complain of, and asked for files only."""
        assert self.complaints == []
        assert [url for url in self.requests if not url.startswith("file://")] == []
        self.page.close()


def failed(request: Request) -> list[str]:
    """What to complain of; not of a picture that the page itself no longer wanted."""
    return [] if request.failure == "net::ERR_ABORTED" else [f"failed: {request.url}"]


def visit(browser: Browser, page: Path, width: int = 1280, theme: str = "light", *, hash: str = "", **options: Any) -> Visit:
    """The page opened from disk, once it is ready."""
    scheme: Any = "dark" if theme == "dark" else "light"
    found = Visit(browser.new_page(viewport={"width": width, "height": 900}, color_scheme=scheme, **options))
    found.page.on("request", lambda request: found.requests.append(request.url))
    found.page.on("requestfailed", lambda request: found.complaints.extend(failed(request)))
    found.page.on("console", lambda message: found.complaints.append(message.text))
    found.page.on("pageerror", lambda error: found.complaints.append(str(error)))
    found.page.on("dialog", lambda dialog: found.complaints.append(f"dialog: {dialog.message}"))
    found.page.goto(page.as_uri() + hash)
    if options.get("java_script_enabled", True):
        found.page.wait_for_function(READY)
    return found


def visit_halfway(browser: Browser, folder: Path) -> tuple[Visit, Callable[[], None]]:
    """The page of a run of eight rounds that has five, its clock in the test's hands; and what takes the run to its end."""
    run = paper_run(folder, seeds=2, rounds=8)
    whole = {run.chain_path(key) / "rounds.jsonl": (run.chain_path(key) / "rounds.jsonl").read_text() for key in run.keys()}  # noqa: SIM118
    for key in run.keys():  # noqa: SIM118
        keep_rounds(run, key, 5)
    gallery = Gallery(folder)
    assert gallery.refresh()
    seen = visit(browser, folder / "report" / "index.html")
    seen.page.clock.install()
    seen.page.reload()

    def finish() -> None:
        for file, text in whole.items():
            file.write_text(text)
        gallery.write(RunFolder.open(folder))
        seen.page.clock.run_for(20_000)

    return seen, finish
