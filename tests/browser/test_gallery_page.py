"""What a reader does with the page: scrubs, plays, flips, filters, opens candidates, follows a link."""

from pathlib import Path
from urllib.parse import quote

import pytest
from playwright.sync_api import Browser
from visits import FITS, visit, visit_halfway

from imageloop.measures import measure_run
from imageloop.report import write_report
from imageloop.store import RunFolder
from tests.paper_run import PaperEmbedder, keep_rounds, paper_run

pytestmark = pytest.mark.browser
HOSTILE = (
    '<script>window.alive = 1</script>"><img src=x onerror="window.alive = 2"><svg onload="window.alive = 3">\u202e\x00 ' + "x" * 10_000
)


def caption_of(report: Path, place: int, number: int) -> str:
    run = RunFolder.open(report.parent.parent)
    return run.rounds(run.keys()[place])[number - 1].caption


def test_the_first_screen_shows_the_original_and_where_it_ended(browser: Browser, report: Path) -> None:
    seen = visit(browser, report)
    seen.rests()
    assert seen.page.locator("#stage-original img").evaluate("image => image.naturalWidth") == 64
    assert "/originals/" in str(seen.page.locator("#stage-original img").get_attribute("src"))
    assert seen.page.inner_text("#stage-round") == "round 12"
    assert seen.page.inner_text("#stage-told .caption") == caption_of(report, 0, 12)
    assert seen.page.locator("#stage-now .shot").get_attribute("aria-label") == caption_of(report, 0, 12)
    for part in ("#stage-now", "figure.main svg.wide", ".scrubber", "h1"):
        box = seen.page.locator(part).first.bounding_box()
        assert box
        assert box["y"] + box["height"] <= 900, part
    seen.leave()


def test_the_slider_moves_all_chains_and_the_curves(browser: Browser, report: Path) -> None:
    seen = visit(browser, report)
    seen.rests()
    tiles = [seen.drawn(f".tiles .tile >> nth={place}") for place in range(4)]
    cursor = seen.page.locator(".plot.wide .cursor").first.bounding_box()
    plot = seen.page.locator(".plot.wide").first.bounding_box()
    assert cursor
    assert plot
    assert cursor["x"] == pytest.approx(plot["x"] + plot["width"] * (720 - 14) / 720, abs=1)
    seen.scrub(1)
    assert seen.page.inner_text("#stage-told .caption") == caption_of(report, 0, 1)
    assert [seen.drawn(f".tiles .tile >> nth={place}") for place in range(4)] != tiles
    moved = seen.page.locator(".plot.wide .cursor").first.bounding_box()
    assert moved
    assert moved["x"] == pytest.approx(plot["x"] + plot["width"] * (44 + (720 - 44 - 14) / 12) / 720, abs=1)
    assert seen.page.locator(".frame.now .number").inner_text().startswith("1")
    seen.leave()


def test_keys_move_the_round(browser: Browser, report: Path) -> None:
    seen = visit(browser, report)
    for key, number in (("ArrowLeft", 11), ("ArrowLeft", 10), ("ArrowRight", 11), ("Shift+ArrowLeft", 1), ("Shift+ArrowLeft", 0)):
        seen.page.keyboard.press(key)
        seen.stands(number)
    seen.rests()
    assert seen.page.inner_text("#stage-round") == "round 0"
    seen.page.locator("#round").focus()
    seen.page.keyboard.press("End")
    seen.stands(12)
    assert seen.page.locator("#round").get_attribute("aria-valuetext") == "round 12 of 12"
    seen.page.locator("#filter-words").focus()
    seen.page.keyboard.press("ArrowLeft")
    seen.stands(12)
    seen.leave()


def test_a_drag_on_the_slider_scrubs(browser: Browser, report: Path) -> None:
    seen = visit(browser, report)
    box = seen.page.locator("#round").bounding_box()
    assert box
    seen.page.mouse.move(box["x"] + box["width"] - 10, box["y"] + box["height"] / 2)
    seen.page.mouse.down()
    seen.page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2, steps=5)
    seen.page.mouse.up()
    seen.stands(6)
    seen.leave()


def test_playing_runs_to_the_end_and_stops(browser: Browser, report: Path) -> None:
    seen = visit(browser, report)
    seen.scrub(9)
    seen.page.locator("#play").click()
    assert seen.page.locator("#play").get_attribute("aria-label") == "Stop"
    seen.page.wait_for_function("() => document.querySelector('#round').value === '12' && !document.querySelector('#play.playing')")
    seen.leave()


def test_holding_the_picture_flips_to_the_original(browser: Browser, report: Path) -> None:
    seen = visit(browser, report)
    full = "() => !document.querySelector('#stage-now img').hidden && document.querySelector('#stage-now img').naturalWidth > 0"
    seen.page.wait_for_function(full)
    now = seen.page.locator("#stage-now")
    before = now.screenshot()
    now.hover()
    seen.page.mouse.down()
    seen.page.wait_for_function("() => document.querySelector('#stage-round').textContent === 'the original'")
    assert "/originals/" in str(now.locator("img").get_attribute("src"))
    seen.page.mouse.up()
    seen.page.wait_for_function("() => document.querySelector('#stage-round').textContent === 'round 12'")
    seen.page.mouse.move(0, 0)
    seen.rests()
    seen.page.wait_for_function(full)
    assert now.screenshot() == before
    now.focus()
    seen.page.keyboard.down("Enter")
    seen.page.wait_for_function("() => document.querySelector('#stage-now').getAttribute('aria-pressed') === 'true'")
    seen.page.keyboard.up("Enter")
    seen.page.wait_for_function("() => document.querySelector('#stage-now').getAttribute('aria-pressed') === 'false'")
    seen.leave()


def test_the_filter_lets_through_what_it_names(browser: Browser, report: Path) -> None:
    seen = visit(browser, report)
    tiles = ".tiles .tile"
    seen.counts(tiles, 16)
    seen.page.locator("#filter-words").fill("sprint -s1")
    seen.counts(tiles, 4)
    assert seen.page.inner_text("#filter-count") == "4 of 16 chains"
    seen.page.locator("#filter-captioner").select_option("sticker-git")
    seen.counts(tiles, 2)
    seen.page.locator("#filter-words").fill("no such chain")
    assert seen.page.inner_text("#filter-count") == "no chain fits"
    seen.leave()


def test_a_cell_of_the_matrix_opens_its_pairs_chains(browser: Browser, report: Path) -> None:
    seen = visit(browser, report)
    seen.page.locator('.matrix a[data-captioner="sticker-git"][data-generator="sticker-sprint"]').click()
    seen.counts(".tiles .tile", 4)
    assert seen.page.locator("#filter-generator").input_value() == "sticker-sprint"
    seen.leave()


def test_a_tile_opens_its_chain(browser: Browser, report: Path) -> None:
    seen = visit(browser, report)
    seen.page.locator(".tiles .tile").nth(3).click()
    seen.rests()
    assert seen.page.inner_text("#film-name").endswith("seed 1")
    assert "sprint" in seen.page.inner_text("#film-name")
    assert seen.page.locator('.tile[aria-pressed="true"]').count() == 1
    seen.leave()


def test_candidates_open_and_show_the_one_that_was_kept(browser: Browser, report: Path) -> None:
    seen = visit(browser, report)
    seen.page.locator("#stage-open").click()
    box = seen.page.locator("#candidates")
    assert box.locator(".shots li").count() == 4
    assert box.locator(".shots .kept").count() == 1
    assert box.locator(".sayings li").count() == 4
    assert "compares with the original" in box.inner_text()
    seen.page.wait_for_function("() => [...document.querySelectorAll('#candidates img')].every(image => image.naturalWidth === 64)")
    seen.page.keyboard.press("Escape")
    assert not box.is_visible()
    seen.leave()


def test_words_and_facts_that_came_and_went_are_marked(browser: Browser, report: Path) -> None:
    run = RunFolder.open(report.parent.parent)
    captions = [done.caption.lower().replace(",", "").split() for done in run.rounds(run.keys()[0])]
    number = next(i for i in range(3, 12) if set(captions[i]) - set(captions[i - 1]))
    seen = visit(browser, report)
    seen.scrub(number + 1)
    assert {word.lower() for word in seen.page.locator("#stage-told ins").all_inner_texts()} == set(captions[number]) - set(
        captions[number - 1]
    )
    assert seen.page.locator("#stage-told .chips li").count() >= 3
    assert set(seen.page.locator("#stage-told .chips .gone del").all_inner_texts()) <= {*captions[0], "palm tree"}
    seen.leave()


def test_a_link_leads_to_a_chain_and_a_round(browser: Browser, report: Path) -> None:
    run = RunFolder.open(report.parent.parent)
    name = str(run.chain_path(run.keys()[5]).relative_to(run.path / "chains"))
    seen = visit(browser, report, hash=f"#chain={quote(name)}&t=7")
    seen.rests()
    seen.stands(7)
    assert seen.page.inner_text("#stage-told .caption") == caption_of(report, 5, 7)
    seen.page.keyboard.press("ArrowRight")
    seen.page.wait_for_function("() => location.hash.endsWith('&t=8')")
    seen.page.reload()
    seen.page.wait_for_function("() => document.querySelector('#stage-round').textContent === 'round 8'")
    seen.leave()


def test_a_link_that_names_nothing_here_opens_the_page(browser: Browser, report: Path) -> None:
    seen = visit(browser, report, hash="#chain=%3Cscript%3E&t=999999")
    seen.rests()
    seen.stands(12)
    seen.leave()


def test_hovering_a_curve_shows_the_picture_of_that_round(browser: Browser, report: Path) -> None:
    seen = visit(browser, report)
    box = seen.page.locator("figure.main svg.wide").bounding_box()
    assert box
    seen.page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    seen.page.wait_for_selector("#peek:not([hidden])")
    seen.page.wait_for_function("() => /^round [5-8]: 0\\.\\d\\d$/.test(document.querySelector('#peek b')?.textContent)")
    seen.page.mouse.click(box["x"] + 45, box["y"] + 20)
    seen.stands(0)
    seen.leave()


@pytest.mark.parametrize("width", [360, 1280])
def test_hostile_captions_are_inert_and_do_not_break_the_page(browser: Browser, tmp_path: Path, width: int) -> None:
    run = paper_run(tmp_path, rounds=6, captions=2, images=2, rewrite=lambda _: HOSTILE)
    measure_run(run, PaperEmbedder())
    seen = visit(browser, write_report(RunFolder.open(tmp_path)), width)
    seen.rests()
    assert "<script>window.alive" in seen.page.inner_text("#stage-told")
    seen.page.locator("#stage-open").click()
    assert seen.page.evaluate(FITS)
    assert seen.page.evaluate("window.alive === undefined")
    assert seen.page.evaluate("document.scripts.length") == 2
    assert not set(seen.page.evaluate("document.body.textContent")) & {"\u202e", "\x00"}
    seen.leave()


def test_a_chain_that_is_behind_shows_its_last_round(browser: Browser, tmp_path: Path) -> None:
    run = paper_run(tmp_path, seeds=3, rounds=6)
    keep_rounds(run, run.keys()[1], 2)
    seen = visit(browser, write_report(RunFolder.open(tmp_path)))
    seen.rests()
    assert seen.page.locator(".tiles .tile .score").all_inner_texts()[1] == "ends at 2"
    seen.leave()


def test_a_page_that_is_open_during_a_run_grows_and_keeps_the_readers_place(browser: Browser, tmp_path: Path) -> None:
    seen, finish = visit_halfway(browser, tmp_path)
    seen.page.wait_for_function("() => document.querySelector('#round')?.max === '5'")
    seen.page.evaluate("() => { const s = document.querySelector('#round'); s.value = 3; s.dispatchEvent(new Event('input')); }")
    finish()
    seen.page.wait_for_function("() => document.querySelector('#round').max === '8'")
    seen.stands(3)
    assert seen.page.locator("#finished").is_visible()
    seen.leave()


def test_a_dot_of_the_map_opens_its_chain_also_where_chains_came_before_it(browser: Browser, tmp_path: Path) -> None:
    run = paper_run(tmp_path, pairs=(("sticker-git", "sticker-sana"),), seeds=3)
    measure_run(run, PaperEmbedder())
    page = write_report(run)
    as_it_was = page.read_bytes()
    more = paper_run(tmp_path, seeds=1)  # of sticker-blip, so before the others
    measure_run(more, PaperEmbedder())
    write_report(more)
    page.write_bytes(as_it_was)
    seen = visit(browser, page)
    seen.rests()
    for place in (2, 0):
        dot = seen.page.locator("#map .end").nth(place)
        dot.dispatch_event("click")
        seen.rests()
        assert f"seed {place}" in seen.page.locator("#chain option:checked").inner_text()
        assert "sticker-git" in seen.page.locator("#chain option:checked").inner_text()
        assert "open-chain" in str(dot.get_attribute("class"))
    seen.leave()
