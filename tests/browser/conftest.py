import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, sync_playwright

from imageloop.measures import measure_run
from imageloop.report import write_report
from imageloop.stickers.scenes import Scene
from imageloop.store import RunFolder
from tests.paper_run import SURFER, PaperEmbedder, paper_run

PENGUIN = Scene(("penguin", "snowman"), "snow", "ink")
PAIRS = (
    ("sticker-blip", "sticker-sana"),
    ("sticker-blip", "sticker-sprint"),
    ("sticker-git", "sticker-sana"),
    ("sticker-git", "sticker-sprint"),
)


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    program = shutil.which("chromium")
    assert program, "no chromium on the path; install it: apt-get install chromium"
    with sync_playwright() as play:
        chromium = play.chromium.launch(executable_path=program, args=["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"])
        yield chromium
        chromium.close()


@pytest.fixture(scope="session")
def report(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The page of two originals, four pairs, two seeds and twelve rounds of four captions and four pictures."""
    run = paper_run(tmp_path_factory.mktemp("run"), scenes=(SURFER, PENGUIN), pairs=PAIRS, rounds=12, captions=4, images=4)
    measure_run(run, PaperEmbedder())
    return write_report(RunFolder.open(run.path))
