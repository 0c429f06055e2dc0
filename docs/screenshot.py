"""The picture of a run's page in the README.

    python docs/screenshot.py "outputs/pairs/report/index.html#chain=…&t=20" docs/page.png

The part behind # is the page's own, for the open chain and round. Needs a chromium on the path, as the browser tests do.
"""

import shutil
import sys
from pathlib import Path

from playwright.sync_api import sync_playwright


def main(page: str, picture: str) -> None:
    """The first screen of the page at its link, 1280 × 860 pixels."""
    file, _, link = page.partition("#")
    with sync_playwright() as play:
        browser = play.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox", "--hide-scrollbars"])
        tab = browser.new_page(viewport={"width": 1280, "height": 860})
        tab.goto(f"{Path(file).resolve().as_uri()}#{link}")
        tab.wait_for_function("() => document.querySelector('#stage-now .shot:not(.near)')")
        tab.wait_for_timeout(1000)
        tab.screenshot(path=picture)
        browser.close()


if __name__ == "__main__":
    main(*sys.argv[1:])
