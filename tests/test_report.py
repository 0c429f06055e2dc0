"""The page and the contact sheet: what they show, what they say is missing, and that nothing a model wrote comes alive in them."""

import base64
import hashlib
import re
from html.parser import HTMLParser
from io import BytesIO
from pathlib import Path
from urllib.parse import unquote

import numpy as np
import pytest
from PIL import Image, ImageFont

from imageloop.errors import RunError
from imageloop.measures import measure_run
from imageloop.records import ChainKey
from imageloop.report import write_report
from imageloop.report.page import write_gallery
from imageloop.report.panels import fair_share, panels, spread
from imageloop.report.script import script
from imageloop.report.sheet import CELL, draw_sheet, fitted, wrapped
from imageloop.report.strips import MOST_FRAMES
from imageloop.report.words import short, shown
from imageloop.stickers.scenes import Scene
from imageloop.store import RunFolder
from tests.page_data import received
from tests.paper_run import SURFER, PaperEmbedder, keep_rounds, paper_run

PENGUIN = Scene(("penguin", "snowman"), "snow", "ink")
PAIRS = (("sticker-blip", "sticker-sana"), ("sticker-blip", "sticker-sprint"))
VOID = {"meta", "img", "br", "line", "path", "circle", "rect", "input"}
SVG_NAMESPACE = "http://www.w3.org/2000/svg"
HOSTILE = '<script>alert(1)</script>"><img src=x onerror=alert(2)> javascript:alert(3) \u202e\x00\x1b[31m {{ 7*7 }} 😀 ' + "x" * 10_000


class Page(HTMLParser):
    """Tags with their attributes, and the text, of a page that must close all it opens."""

    def __init__(self, file: Path) -> None:
        super().__init__()
        self.html = file.read_text(encoding="utf-8")
        self.tags: list[tuple[str, dict[str, str]]] = []
        self.open: list[str] = []
        self.texts: list[str] = []
        self.feed(self.html)
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, {name: value or "" for name, value in attrs}))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, {name: value or "" for name, value in attrs}))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.texts.append(data)

    @property
    def text(self) -> str:
        return re.sub(r"\s+", " ", " ".join(self.texts))

    def all(self, tag: str) -> list[dict[str, str]]:
        return [attributes for name, attributes in self.tags if name == tag]


def reported(run: RunFolder, *, measured: bool = True, whole: bool = False) -> Page:
    """The page of the run, alone unless the figures and the sheet are wanted too."""
    table = measure_run(run, PaperEmbedder()) if measured else None
    (run.path / "report").mkdir(exist_ok=True)
    fresh = RunFolder.open(run.path)
    return Page(write_report(fresh) if whole else write_gallery(fresh, table, panels(table) if table else []))


def test_the_page_shows_every_original_end_round_number_and_caption(tmp_path: Path) -> None:
    run = paper_run(tmp_path, scenes=(SURFER, PENGUIN), pairs=PAIRS, seeds=1, rounds=6)
    page = reported(run)
    for key in run.keys():  # noqa: SIM118
        for turn in run.rounds(key):
            assert turn.caption in page.text
    assert "After 6 rounds" in page.text
    assert "95 % bootstrap intervals over originals" in page.text
    assert "chance: other originals" in page.text
    assert "sticker-blip + sticker-sprint" in page.text


def test_every_link_leads_to_a_file_of_the_run_by_a_relative_path(tmp_path: Path) -> None:
    page = reported(paper_run(tmp_path, captions=4, images=4, rounds=3), whole=True)
    links = [a["href"] for a in page.all("a")] + [image["src"] for image in page.all("img")]
    assert len(links) > 20
    for link in links:
        assert not re.match(r"[a-z]+:|/", link)
        assert (tmp_path / "report" / unquote(link)).is_file(), link


def test_the_words_under_a_picture_are_its_alternative_text(tmp_path: Path) -> None:
    run = paper_run(tmp_path, seeds=1, rounds=3)
    page = reported(run)
    alternatives = {image["src"].rsplit("/", 1)[-1]: image["alt"] for image in page.all("img") if "chains" in image["src"]}
    assert alternatives == {f"{turn.round:06}.png": turn.caption for turn in run.rounds(run.keys()[0])}


def test_nothing_a_model_wrote_comes_alive(tmp_path: Path) -> None:
    page = reported(paper_run(tmp_path, captions=2, images=2, rounds=3, rewrite=lambda _: HOSTILE))
    assert page.all("script") == [{"type": "application/json", "id": "about"}, {}]
    assert not [a for _, a in page.tags if any(name.startswith("on") for name in a)]
    assert not [a for _, a in page.tags if "style" in a]
    assert not [a for _, a in page.tags for link in (a.get("href", ""), a.get("src", "")) if "alert" in link]
    for text in (page.html, *(file.read_text() for file in tmp_path.glob("report/data/**/*.js"))):
        assert not set(text) & {"\x00", "\x1b", "\u202e"}
    assert "{{ 7*7 }}" in page.text
    assert "alert(2)" in page.text


def test_the_policy_lets_in_only_the_pages_own_style_script_and_files(tmp_path: Path) -> None:
    page = reported(paper_run(tmp_path, rounds=1))
    (policy,) = (meta["content"] for meta in page.all("meta") if meta.get("http-equiv") == "Content-Security-Policy")
    (style,) = re.findall(r"<style>(.*?)</style>", page.html, re.DOTALL)
    (script,) = re.findall(r"<script>(.*?)</script>", page.html, re.DOTALL)
    of_style, of_script = (base64.b64encode(hashlib.sha256(text.encode()).digest()).decode() for text in (style, script))
    assert policy.split("; ") == [
        "default-src 'none'",
        "img-src 'self' file:",
        f"script-src 'sha256-{of_script}' 'self' file:",
        f"style-src 'sha256-{of_style}'",
        "base-uri 'none'",
        "form-action 'none'",
    ]
    assert "url(" not in style
    assert "http" not in re.sub(r"<pre.*?</pre>", "", page.html, flags=re.DOTALL).replace("http-equiv", "").replace(SVG_NAMESPACE, "")


def test_the_script_puts_nothing_into_the_page_but_text() -> None:
    source = script()
    for danger in (
        "innerHTML",
        "outerHTML",
        "insertAdjacentHTML",
        "document.write",
        "eval(",
        "Function(",
        "fetch(",
        "XMLHttpRequest",
        "srcdoc",
    ):
        assert danger not in source, danger


def test_a_data_file_holds_one_call_with_plain_values(tmp_path: Path) -> None:
    reported(paper_run(tmp_path, captions=2, images=2, rounds=3, rewrite=lambda _: HOSTILE + "</script>\u2028"))
    files = list(tmp_path.glob("report/data/**/*.js"))
    assert len(files) == 1 + 2 + 2
    for file in files:
        name, value = received(file)
        assert f"{name}.js" == file.relative_to(tmp_path / "report" / "data").as_posix()
        assert value
        assert not re.search("[<\u2028\u2029]", file.read_text())


def test_flags_stand_where_they_happened(tmp_path: Path) -> None:
    run = paper_run(tmp_path, pairs=PAIRS[1:], seeds=1, rounds=6)
    page = reported(run)
    tokens = run.rounds(run.keys()[0])[2].prompt_tokens["text_encoder"]
    assert f"prompt cut: {tokens - 3} of {tokens} tokens read" in page.text
    assert page.text.count("prompt cut:") == 2
    assert page.text.count("caption ran into its limit") == 1
    assert "3 rounds flagged" in page.text


def test_candidates_can_be_opened_and_a_rule_that_saw_the_original_is_declared(tmp_path: Path) -> None:
    run = paper_run(tmp_path, captions=4, images=4, seeds=1, rounds=3)
    page = reported(run)
    for caption in (caption.text for turn in run.rounds(run.keys()[0]) for caption in turn.captions):
        assert caption in page.text
    assert "Picture 1 of 4 was kept by the rule “closest”, which compares with the original." in page.text
    assert "Declared exception to the telephone rule: in 3 of 3 rounds" in page.text
    assert "Declared exception" not in reported(paper_run(tmp_path / "plain", rounds=1)).text


def test_before_it_is_measured_the_page_shows_the_pictures_and_says_how_to_measure(tmp_path: Path) -> None:
    page = reported(paper_run(tmp_path, seeds=1, rounds=1), measured=False)
    assert "1 round, not measured yet." in page.text
    assert f"Make them with: imageloop measure {tmp_path}" in page.text
    assert not page.all("svg")
    assert page.all("img")
    assert not list(tmp_path.glob("report/data/*/values-*.js"))


def test_a_run_without_any_chain_has_a_report(tmp_path: Path) -> None:
    page = reported(paper_run(tmp_path, scenes=(), rounds=0), measured=False, whole=True)
    assert "Nothing has been drawn yet." in page.text
    assert "No chain has begun." in page.text


def test_a_killed_run_says_which_chains_are_behind(tmp_path: Path) -> None:
    run = paper_run(tmp_path, seeds=3, rounds=6)
    keep_rounds(run, run.keys()[0], 2)
    keep_rounds(run, run.keys()[1], 0)
    page = reported(run)
    assert "Unfinished: 2 of 3 chains are short of round 6, the last of them at 0." in page.text
    assert "No round is finished yet." in page.text


def test_a_missing_picture_is_named_where_it_would_be(tmp_path: Path) -> None:
    run = paper_run(tmp_path, seeds=1, rounds=3)
    (run.chain_path(run.keys()[0]) / "images/000002.png").unlink()
    page = reported(run)
    assert page.text.count("picture missing") == 1
    assert not [image for image in page.all("img") if "000002" in image["src"]]


def test_a_missing_original_is_named_and_the_rest_is_shown(tmp_path: Path) -> None:
    run = paper_run(tmp_path, seeds=1, rounds=2)
    next(tmp_path.glob("originals/*.png")).unlink()
    with pytest.raises(RunError, match="is missing from the run"):
        measure_run(RunFolder.open(tmp_path), PaperEmbedder())
    page = reported(run, measured=False)
    assert "the original is missing" in page.text
    assert len(page.all("img")) == 1 + 2


def test_a_chain_from_a_text_shows_the_text(tmp_path: Path) -> None:
    page = reported(paper_run(tmp_path, scenes=(), texts=("a surfer <under> a palm tree",), rounds=3))
    assert "a surfer <under> a palm tree" in page.text
    assert "Similarity to the original text" in page.text


def test_long_chains_are_thinned_and_say_so(tmp_path: Path) -> None:
    run = paper_run(tmp_path, seeds=1, rounds=90)
    page = reported(run)
    assert f"{MOST_FRAMES} of 90 rounds shown" in page.text
    assert [len(received(file)[1]["rows"]) for file in sorted(tmp_path.glob("report/data/*/0*.js"))] == [50, 40]
    assert len(page.all("img")) == 2 + 1 + MOST_FRAMES
    assert "round (logarithmic)" in page.text


def test_small_pictures_are_enlarged_crisply_and_large_ones_are_not(tmp_path: Path) -> None:
    small = reported(paper_run(tmp_path / "small", rounds=1))
    large = reported(paper_run(tmp_path / "large", rounds=1, enlarge=8))
    assert all(image.get("class") == "small" for image in small.all("img"))
    assert not any(image.get("class") == "small" for image in large.all("img"))


def test_the_page_tells_how_to_make_the_run_again(tmp_path: Path) -> None:
    page = reported(paper_run(tmp_path, rounds=1))
    assert "imageloop run surfer.toml" in page.text
    assert 'captioners = ["sticker-blip"]' in page.text
    assert '"family": "captioner"' in page.text
    assert "2026-11-22T10:00:00+00:00" in page.text


def test_the_same_run_gives_the_same_report_byte_for_byte(tmp_path: Path) -> None:
    run = paper_run(tmp_path, rounds=3)
    reported(run, whole=True)
    first = {file: file.read_bytes() for file in (tmp_path / "report").rglob("*") if file.is_file()}
    reported(run, whole=True)
    assert first == {file: file.read_bytes() for file in (tmp_path / "report").rglob("*") if file.is_file()}
    assert {file.name for file in first} >= {"index.html", "sheet.png", "clip_image_similarity.svg"}


@pytest.mark.parametrize(("last", "most"), [(1, 8), (8, 8), (9, 8), (20, 8), (100, 8), (41, 40), (10_000, 40), (161, 160)])
def test_spread_gives_as_many_rounds_as_fit_with_both_ends(last: int, most: int) -> None:
    chosen = spread(last, most)
    assert (chosen[0], chosen[-1]) == (1, last)
    assert len(chosen) == min(last, most)
    assert chosen == sorted(set(chosen))


def test_text_is_shown_without_what_would_turn_its_neighbours_around() -> None:
    assert shown(" a\n b\u202ec\x00\ud800 ") == "a b\ufffdc\ufffd\ufffd"
    assert short("word " * 100, 20) == "word word word word…"
    assert short("x" * 100, 20) == "x" * 19 + "…"


def test_the_sheet_has_a_row_for_each_chain_and_small_pictures_keep_their_pixels(tmp_path: Path) -> None:
    (tmp_path / "three.png").write_bytes(draw_sheet(paper_run(tmp_path, seeds=3, rounds=20)))
    with Image.open(tmp_path / "three.png") as sheet:
        three = sheet.size
    (tmp_path / "one.png").write_bytes(draw_sheet(paper_run(tmp_path / "one", seeds=1, rounds=20)))
    with Image.open(tmp_path / "one.png") as sheet:
        assert sheet.width == three[0]
        assert sheet.height < three[1]
    pixels = np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8)
    assert (np.asarray(fitted(pixels))[1::3, 1::3] == pixels).all()
    assert fitted(np.zeros((512, 1024, 3), np.uint8)).size == (CELL, CELL // 2)


def test_captions_on_the_sheet_are_broken_and_cut_to_fit() -> None:
    font = ImageFont.load_default(13)
    assert isinstance(font, ImageFont.FreeTypeFont)
    lines = wrapped("a palm tree " + "x" * 500, font, 100, 4)
    assert len(lines) == 4
    assert lines[-1].endswith("…")
    assert all(font.getlength(line) <= 100 for line in lines)
    assert wrapped("", font, 100, 4) == [""]
    assert wrapped("WW", font, 1, 4) == ["W", "W"]


def test_the_sheet_of_a_hostile_and_broken_run_can_be_drawn(tmp_path: Path) -> None:
    run = paper_run(tmp_path, seeds=1, rounds=2, rewrite=lambda _: HOSTILE)
    (run.chain_path(run.keys()[0]) / "images/000002.png").write_bytes(b"not a picture")
    next(tmp_path.glob("originals/*.png")).write_bytes(b"nor this")
    page = reported(run, measured=False, whole=True)
    assert "the originals cannot be read" in page.text
    with Image.open(BytesIO((tmp_path / "report" / "sheet.png").read_bytes())) as sheet:
        assert sheet.format == "PNG"


def test_where_not_all_chains_fit_every_pair_is_shown() -> None:
    keys = [ChainKey(f"c{pair}", "g", f"o{original}", seed) for pair in range(4) for original in range(8) for seed in range(2)]
    chosen = fair_share(keys, 24)
    assert chosen == sorted(chosen)
    assert {(key.pair, key.seed) for key in chosen} == {(f"c{pair}+g", 0) for pair in range(4)}
    assert {key.original for key in chosen} == {f"o{original}" for original in range(6)}
    assert fair_share(keys, 100) == keys
