"""A long run opens fast and scrubs smoothly, by the work of the page's main thread: that is the same on a busy machine.

`benchmarks/gallery.py` has the times on the clock.
"""

import io
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import Browser
from visits import Visit, visit, visit_halfway

from imageloop.report import write_report
from imageloop.store import RunFolder, read_picture

pytestmark = pytest.mark.browser
CHAINS, ROUNDS = 16, 200
WORK = 1 / 60
"""Seconds of work in a frame."""
AT_THE_WALL = "() => document.querySelector('#all').scrollIntoView()"
STANDING_IN = "() => document.querySelectorAll('.tiles .tile .shot.near').length"
# Another block of fifty rounds in every frame. Between frames, however late they come, the slider is kept from coming to rest.
FLY = """async () => {
  const slider = document.querySelector('#round');
  const move = () => slider.dispatchEvent(new Event('input', { bubbles: true }));
  const moving = setInterval(move, 10);
  for (let frame = 0; frame < 40; frame += 1) {
    slider.value = 7 + 50 * (frame % 3);
    move();
    await new Promise(requestAnimationFrame);
  }
  clearInterval(moving);
}"""


@pytest.fixture(scope="module")
def benchmark() -> ModuleType:
    spec = spec_from_file_location("gallery_benchmark", Path(__file__).parents[2] / "benchmarks" / "gallery.py")
    assert spec
    assert spec.loader
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def long(benchmark: ModuleType, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The page of 16 chains of 200 rounds."""
    return write_report(benchmark.write_run(tmp_path_factory.mktemp("long") / "run", CHAINS, ROUNDS))


def sheets(seen: Visit) -> set[str]:
    """The sheets that were asked for, without those seen from afar."""
    return {url for url in seen.requests if url.endswith(".webp") and "far-" not in url}


def test_a_long_run_opens_fast_and_scrubs_smoothly(browser: Browser, long: Path, benchmark: ModuleType) -> None:
    seen = visit(browser, long)
    work = benchmark.Work(seen.page)
    assert work.seconds() < 1.5
    for place in ("the first screen", "the wall"):
        if place == "the wall":
            seen.page.evaluate(AT_THE_WALL)
            assert seen.page.locator(".tiles .tile").last.bounding_box()["y"] < 900  # type: ignore[index]
        for drag in (benchmark.SCRUB, benchmark.SLOWLY):
            before = work.seconds()
            frames = 3 * seen.page.evaluate(drag)["frames"]
            assert (work.seconds() - before) / frames < WORK, place
    assert seen.page.locator(".frame").count() < 20
    seen.scrub(ROUNDS)
    run = RunFolder.open(long.parent.parent)
    assert seen.page.inner_text("#stage-told .caption") == run.rounds(run.keys()[0])[-1].caption
    seen.leave()


def test_what_the_slider_flies_past_is_not_loaded_and_where_it_rests_all_is_exact(browser: Browser, long: Path) -> None:
    seen = visit(browser, long)
    seen.page.evaluate(AT_THE_WALL)
    seen.rests()
    before = sheets(seen)
    seen.page.evaluate(FLY)
    assert sheets(seen) == before
    assert seen.page.evaluate(STANDING_IN) == CHAINS
    seen.scrub(58)
    seen.page.wait_for_function(f"() => !({STANDING_IN})()")
    assert len({url for url in sheets(seen) if url.endswith("/00001.webp")}) == CHAINS
    seen.leave()


def likest(page: Path, place: int, drawn: str) -> set[int]:
    """The rounds of a chain whose picture is the one that is drawn, as near as a thumbnail can be."""
    run = RunFolder.open(page.parent.parent)
    key = run.keys()[place]
    with Image.open(io.BytesIO(bytes.fromhex(drawn))) as image:
        inner = np.asarray(image.convert("RGB").resize((64, 64), Image.Resampling.BOX), float)[8:-8, 8:-8]  # the corners are round
    far = {}
    for done in run.rounds(key):
        assert done.picture
        picture = read_picture(run.chain_path(key) / str(done.picture.file))
        far[done.round] = float(np.abs(picture[8:-8, 8:-8].astype(float) - inner).mean())
    return {number for number, distance in far.items() if distance == min(far.values())}


@pytest.mark.parametrize(("number", "loaded"), [(150, 1), (157, CHAINS)])
def test_every_fiftieth_round_is_the_exact_one_from_afar(browser: Browser, long: Path, number: int, loaded: int) -> None:
    seen = visit(browser, long)
    seen.page.evaluate(AT_THE_WALL)
    seen.scrub(number)
    seen.page.wait_for_function(f"() => !({STANDING_IN})()")
    block = f"/{(number - 1) // 50:05}.webp"
    assert len({url for url in sheets(seen) if url.endswith(block)}) <= loaded  # the open chain's, for the rounds beside it
    for place in (1, CHAINS - 1):
        assert number in likest(long, place, seen.drawn(f".tiles .tile >> nth={place} >> .shot"))
    seen.leave()


def test_a_page_that_is_open_during_a_run_shows_the_pictures_of_new_rounds(browser: Browser, tmp_path: Path) -> None:
    seen, finish = visit_halfway(browser, tmp_path)
    seen.stands(5)
    seen.rests()
    finish()
    seen.stands(8)
    seen.rests()
    tile = ".tiles .tile >> nth=1 >> .shot"
    grown = seen.drawn(tile)
    seen.leave()
    opened = visit(browser, tmp_path / "report" / "index.html")
    opened.rests()
    assert opened.drawn(tile) == grown
    opened.leave()
