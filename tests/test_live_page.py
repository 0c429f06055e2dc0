"""The page of a run while it goes on: it is there, it tells what is, and nothing that befalls it touches the run."""

import errno
import json
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
from test_killed import ROOT
from tiny_runs import Heard, chains, contents, plan_of

from imageloop import disk
from imageloop.cli import exit_code, live_page
from imageloop.cli.live_page import FIRST, LivePage
from imageloop.disk import PART
from imageloop.records import Round
from imageloop.report import Gallery, write_report
from imageloop.runner import Interrupted, carry_out
from imageloop.store import RunFolder
from tests.page_data import assert_page_is_whole, page_of, told_going

pytestmark = pytest.mark.usefixtures("no_waiting_for_the_disk")
Meanwhile = Callable[[int], object]
GOES_ON = '<p id="going" class="notice">'
"""In a page that was written while its run went on."""


class Watched(Heard):
    """Progress during which something happens, after each turn."""

    def __init__(self, meanwhile: Meanwhile) -> None:
        super().__init__()
        self.meanwhile = meanwhile

    def turn_done(self, pair: str, rounds: Sequence[Round], seconds: float) -> None:
        super().turn_done(pair, rounds, seconds)
        self.meanwhile(len(self.turns))


@pytest.fixture
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """The page begins with the first turn and is looked at all the time."""
    monkeypatch.setattr(live_page, "FIRST", 0.0)
    monkeypatch.setattr(live_page, "EVERY", 0.001)
    monkeypatch.setattr("imageloop.report.gallery.SHARE", 1.0)


def until(happened: Callable[[], object]) -> None:
    deadline = time.monotonic() + 60
    while not happened():
        assert time.monotonic() < deadline
        time.sleep(0.002)


def live(folder: Path, meanwhile: Meanwhile = lambda _: None, **changes: Any) -> Heard:
    """Carries a small run out with its page; gives what was told."""
    heard = Watched(meanwhile)
    with LivePage(folder, heard) as page:
        carry_out(plan_of(**{"rounds": 6, **changes}), folder, progress=page)
    return heard


@pytest.mark.usefixtures("at_once")
def test_a_run_that_goes_on_has_a_page_that_says_so(tmp_path: Path) -> None:
    folder = tmp_path / "run"

    def look(turn: int) -> None:
        if turn == 5:
            until((folder / "report/index.html").is_file)
            until(lambda: told_going(folder)["drawn"] >= 8)
            assert told_going(folder)["planned"] == 2 * 6
            assert told_going(folder)["furthest"] >= 4
            assert GOES_ON in (folder / "report/index.html").read_text()

    heard = live(folder, look)
    assert [text for text in heard.messages if "page" in text] == [
        f"page      {folder}/report/index.html, kept up to date while the run goes on"
    ]
    assert heard.turns == [[number] * 2 for number in range(1, 7)]


def test_a_short_run_pays_nothing_for_it(tmp_path: Path) -> None:
    seconds = iter([0.0, *(FIRST - 1 for _ in range(6))])
    with LivePage(tmp_path / "run", Heard(), lambda: next(seconds)) as page:
        carry_out(plan_of(rounds=6), tmp_path / "run", progress=page)
    assert page.seconds == 0.0
    assert not (tmp_path / "run/report").exists()


def test_a_run_imports_its_report_only_when_there_is_one() -> None:
    code = "import sys, imageloop.cli.live_page; sys.exit(any(name.startswith('imageloop.report') for name in sys.modules))"
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=False).returncode == 0


@pytest.mark.usefixtures("at_once")
@pytest.mark.parametrize("keep", ["all", "log"])
def test_a_page_that_grew_with_its_run_is_the_page_of_a_run_that_nobody_watched(tmp_path: Path, keep: str) -> None:
    folder = tmp_path / "run"
    live(folder, lambda turn: turn < 3 or until((folder / "report/index.html").is_file), rounds=9, keep=keep)
    assert GOES_ON in (folder / "report/index.html").read_text()
    write_report(RunFolder.open(folder))
    grown = page_of(folder)
    shutil.rmtree(folder / "report")
    write_report(RunFolder.open(folder))
    assert page_of(folder) == grown
    assert told_going(folder) is None
    unwatched = carry_out(plan_of(rounds=9, keep=keep), tmp_path / "unwatched")
    assert chains(RunFolder.open(folder)) == chains(unwatched)


@pytest.mark.usefixtures("at_once")
@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EACCES])
def test_a_disk_that_has_no_room_for_the_page_is_told_once_and_the_run_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: int
) -> None:
    folder = tmp_path / "run"
    write, refused = disk._write, threading.Event()

    def refusing(path: Path, flags: int, data: bytes, *, sync: bool) -> None:
        if "report" in path.parts:
            refused.set()
            raise OSError(code, os.strerror(code))
        write(path, flags, data, sync=sync)

    monkeypatch.setattr(disk, "_write", refusing)
    heard = live(folder, lambda turn: turn < 4 or until(refused.is_set))
    (said,) = [text for text in heard.messages if "page" in text]
    assert said.startswith(f"the page is not kept up to date any more: {folder}/report/")
    assert heard.turns[-1] == [6, 6]
    assert not list(folder.rglob("*.part"))


@pytest.mark.usefixtures("at_once")
def test_a_report_folder_that_cannot_be_made_does_not_end_the_run(tmp_path: Path) -> None:
    folder = tmp_path / "run"
    heard = live(folder, lambda turn: turn > 1 or (folder / "report").write_text("a file"))
    assert heard.turns[-1] == [6, 6]
    assert len([text for text in heard.messages if text.startswith("the page is not kept up to date any more: ")]) == 1


@pytest.mark.usefixtures("at_once")
def test_the_page_of_a_run_that_was_stopped_says_no_more_that_it_goes_on(tmp_path: Path) -> None:
    folder = tmp_path / "run"

    def stop(turn: int) -> None:
        if turn == 4:
            until(lambda: told_going(folder))
            signal.raise_signal(signal.SIGINT)

    with pytest.raises(Interrupted):
        live(folder, stop)
    assert told_going(folder) is None
    page = (folder / "report/index.html").read_text()
    assert "Unfinished: 2 of 2 chains are short of round 6" in page
    assert GOES_ON not in page
    assert "No measures yet, so no curves and no numbers. Make them with: imageloop measure" in page


@pytest.mark.usefixtures("at_once")
def test_who_stops_a_run_does_not_wait_for_its_page(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    begun, over = threading.Event(), threading.Event()
    monkeypatch.setattr(live_page, "GRACE", 0.01)
    monkeypatch.setattr(Gallery, "refresh", lambda _: begun.set() or over.wait(60))
    page = LivePage(tmp_path, Heard())
    page.turn_done("a+b", [], 1.0)
    assert begun.wait(60)
    page.__exit__(Interrupted, Interrupted(), None)
    (thread,) = [thread for thread in threading.enumerate() if thread.name == "page"]
    assert thread.daemon  # so that the process ends without it
    monkeypatch.setattr(Gallery, "rest", lambda _: None)
    over.set()
    thread.join()


SCRIPT = """
import sys
from pathlib import Path
from tiny_runs import Heard, plan_of
from imageloop.cli import live_page
from imageloop.report import gallery
from imageloop.runner import carry_out
live_page.FIRST, live_page.EVERY, gallery.SHARE = 0.0, 0.0, 1.0
folder = Path(sys.argv[1])
with live_page.LivePage(folder, Heard()) as page:
    carry_out(plan_of(rounds=300, seeds=2, images=1, captions=1, pick_caption="first"), folder, progress=page)
"""


def test_a_run_killed_outright_while_its_page_is_made_goes_on_to_the_same_end(tmp_path: Path) -> None:
    folder = tmp_path / "killed"
    plan = plan_of(rounds=300, seeds=2, images=1, captions=1, pick_caption="first")
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT), str(ROOT / "tests")])}
    with subprocess.Popen([sys.executable, "-c", SCRIPT, str(folder)], env=environment) as process:
        until(lambda: process.poll() is not None or (told_going(folder) or {"furthest": 0})["furthest"] > 20)
        process.kill()
    assert process.returncode == -signal.SIGKILL
    assert_page_is_whole(folder)
    heard = live(folder, **{field: getattr(plan, field) for field in ("rounds", "seeds", "images", "captions", "pick_caption")})
    assert 0 < heard.started[0][2] < heard.started[0][3]
    write_report(RunFolder.open(folder))
    assert told_going(folder) is None
    whole = carry_out(plan, tmp_path / "whole")
    assert chains(RunFolder.open(folder)) == chains(whole)


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


@pytest.mark.usefixtures("at_once", "here")
@pytest.mark.parametrize("rounds", ["1", "30"])
def test_the_command_tells_where_the_page_is_and_nothing_of_it_on_stdout(capsys: pytest.CaptureFixture[str], rounds: str) -> None:
    models = ("--captioner", "analytic", "--generator", "analytic", "--embedder", "analytic", "--controls", "none")
    assert exit_code(["run", "a surfer", *models, "--rounds", rounds, "--seeds", "2", "--out", "there", "--json"]) == 0
    printed = capsys.readouterr()
    assert json.loads(printed.out)["page"] == "there/report/index.html"
    assert printed.err.count("page      there/report/index.html, kept up to date while the run goes on\n") <= 1
    assert told_going(Path("there")) is None
    assert GOES_ON not in Path("there/report/index.html").read_text()
    assert not [name for name in contents(Path("there")) if name.endswith(PART)]
