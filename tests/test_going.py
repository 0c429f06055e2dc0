"""What `Gallery.refresh` makes of a run that goes on: whole files, no more work than is due, and nothing that outlasts the run."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from test_killed import Killed, killed_at

from imageloop.cli.results import up_to_date_page
from imageloop.measures import measure_run
from imageloop.report import Gallery, following, thumbnails, write_report
from imageloop.report.going import going_on
from imageloop.report.page import write_gallery
from imageloop.store import RunFolder
from tests.page_data import assert_page_is_whole, page_of, rows_of, told_going
from tests.paper_run import PaperEmbedder, keep_rounds, paper_run


def test_a_page_killed_at_any_write_is_whole_and_the_next_one_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(following, "BLOCK", 3)
    run = paper_run(tmp_path / "run", seeds=1, rounds=7)
    write_gallery(run, None, [])
    whole = page_of(run.path)
    shutil.rmtree(run.path / "report")
    with killed_at(10**6, monkeypatch) as calls:
        assert Gallery(run.path).refresh()
    assert calls.count("replace") == 9  # three blocks of two files, the sheet of far ones, the overview and the page
    for call in range(len(calls)):
        shutil.rmtree(run.path / "report", ignore_errors=True)
        with killed_at(call, monkeypatch), pytest.raises(Killed):
            Gallery(run.path).refresh()
        assert_page_is_whole(run.path)
        Gallery(run.path).refresh()
        assert told_going(run.path)["drawn"] == 7
        write_gallery(run, None, [])
        assert page_of(run.path) == whole, f"killed at call {call}, {calls[call]}"


def test_the_page_is_written_anew_when_there_are_twice_as_many_rounds(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run = paper_run(tmp_path, seeds=1, rounds=20)
    (key,) = run.keys()
    lines = (run.chain_path(key) / "rounds.jsonl").read_text().splitlines(keepends=True)
    monkeypatch.setattr("imageloop.report.gallery.SHARE", 1e6)
    gallery, written = Gallery(tmp_path, now=lambda: 0.0), list[int]()
    for count in range(21):
        (run.chain_path(key) / "rounds.jsonl").write_text("".join(lines[:count]))
        before = gallery.page.read_bytes() if gallery.page.is_file() else b""
        assert gallery.refresh()
        if gallery.page.is_file() and gallery.page.read_bytes() != before:
            written.append(count)
    assert written == [1, 2, 4, 8, 16]
    assert told_going(tmp_path)["drawn"] == 20
    assert "16 of 20 rounds drawn at 1970-01-01 00:00 UTC, the furthest chain at 16 of 20." in gallery.page.read_text()


def test_a_page_with_numbers_keeps_them_while_more_rounds_are_made(tmp_path: Path) -> None:
    run = paper_run(tmp_path, seeds=2, rounds=6)
    measure_run(run, PaperEmbedder())
    page = write_report(run).read_bytes()
    information = json.loads((tmp_path / "run.json").read_text())
    information["plan"]["rounds"] = 12
    (tmp_path / "run.json").write_text(json.dumps(information))
    assert Gallery(tmp_path).refresh()
    assert (tmp_path / "report/index.html").read_bytes() == page
    assert (told_going(tmp_path)["drawn"], told_going(tmp_path)["planned"]) == (12, 24)


def test_data_that_say_that_the_run_goes_on_are_made_again_at_its_end(tmp_path: Path) -> None:
    run = paper_run(tmp_path, seeds=2, rounds=6)
    measure_run(run, PaperEmbedder())
    write_report(run)
    said: list[str] = []
    up_to_date_page(run, said.append)
    assert said == []
    Gallery(tmp_path).refresh()
    up_to_date_page(run, said.append)
    assert said == ["making the page"]
    assert told_going(tmp_path) is None


def test_what_a_run_can_say_before_it_is_measured(tmp_path: Path) -> None:
    run = paper_run(tmp_path, seeds=4, rounds=5)
    gallery = Gallery(tmp_path)
    for key in run.keys():  # noqa: SIM118
        keep_rounds(run, key, 5 - key.seed)
    going = going_on(run, gallery.write(run), 1_800_000_000.4)
    assert (going.at, going.drawn, going.planned, going.furthest, going.last) == (1_800_000_000, 5 + 4 + 3 + 2, 20, 5, 5)
    assert going.headline.startswith("After 5 rounds ")
    assert "of 4 chains" in going.headline
    assert going.clock == "2027-01-15 08:00 UTC"
    for key in run.keys():  # noqa: SIM118
        keep_rounds(run, key, 1)
    assert going_on(run, gallery.write(run), 0.0).headline == "After 1 round the run goes on."
    for key in run.keys():  # noqa: SIM118
        keep_rounds(run, key, 0)
    assert going_on(run, gallery.write(run), 0.0).headline == "The first round is being drawn."


def test_a_picture_that_is_taken_away_while_it_is_read_is_not_called_damaged(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run = paper_run(tmp_path, seeds=1, rounds=3)
    information = json.loads((tmp_path / "run.json").read_text())
    information["plan"]["keep"] = "every 3"
    (tmp_path / "run.json").write_text(json.dumps(information))
    read = thumbnails.read_picture

    def gone(file: Path) -> Any:
        if file.name == "000002.png":
            file.unlink()
        return read(file)

    monkeypatch.setattr(thumbnails, "read_picture", gone)
    Gallery(tmp_path).write(RunFolder.open(tmp_path))
    assert [row.get("absent") for row in rows_of(run)] == [None, "not kept", None]


def test_an_original_that_is_not_whole_yet_is_not_counted(tmp_path: Path) -> None:
    run = paper_run(tmp_path, seeds=2, rounds=4)
    (tmp_path / "originals" / ".other.png.part").write_bytes(b"")
    assert going_on(run, Gallery(tmp_path).write(run), 0.0).planned == 8


def test_a_page_without_numbers_says_that_the_run_was_stopped_though_it_was_measured_meanwhile(tmp_path: Path) -> None:
    run = paper_run(tmp_path, seeds=2, rounds=6)
    gallery = Gallery(tmp_path)
    assert gallery.refresh()
    measure_run(run, PaperEmbedder())
    gallery.rest()
    assert '<p id="going" class="notice" hidden>' in gallery.page.read_text()
    page = write_report(run).read_bytes()
    gallery.rest()
    assert gallery.page.read_bytes() == page
