"""The command as a person types it: what it prints, where, and how it exits. Runs go on the analytic pair."""

import inspect
import json
import re
import signal
import subprocess
import sys
from collections.abc import Callable
from io import StringIO
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from rich.console import Console

from imageloop.cli import exit_code
from imageloop.cli.listing import shortened
from imageloop.cli.progress import LiveLines, PlainLines, clock
from imageloop.cli.run import plan_from, run
from imageloop.picks import IMAGE_PICKS, PICKS
from imageloop.plan import Plan, option_of
from imageloop.records import Round
from imageloop.store import RunFolder

ANALYTIC = ("--captioner", "analytic", "--generator", "analytic", "--embedder", "analytic", "--controls", "none")
Command = Callable[..., tuple[int, str, str]]


@pytest.fixture
def command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Command:
    """Types a command in an empty folder; gives its exit code, stdout and stderr."""
    monkeypatch.chdir(tmp_path)

    def typed(*arguments: str) -> tuple[int, str, str]:
        code = exit_code(arguments)
        printed = capsys.readouterr()
        return code, printed.out, printed.err

    return typed


def chains(folder: Path) -> dict[str, list[str]]:
    """The kept pictures of every chain of a run, round by round."""
    run = RunFolder.open(folder)
    return {str(key): [turn.picture.pixels for turn in run.rounds(key)] for key in run.keys()}  # noqa: SIM118


def test_every_field_of_a_plan_is_an_option_of_run() -> None:
    arguments = {name.replace("_", "-") for name in inspect.signature(run).parameters}
    named = {option_of(field).removeprefix("--") for field in Plan.model_fields if field not in ("originals", "models")}
    assert named | {"what", "set", "out", "json"} == arguments


def test_the_help_of_run_names_every_pick_rule(command: Command) -> None:
    _, out, _ = command("run", "--help")
    told = " ".join(out.split())
    assert f"How one caption is kept: {', '.join(PICKS)}." in told
    assert f"How one picture is kept: {', '.join(IMAGE_PICKS)}." in told


def test_no_argument_is_the_surfer_plan() -> None:
    plan = plan_from([], {}, [])
    assert (plan.name, plan.pick_image, plan.captions) == ("surfer", "closest", 4)


def test_originals_without_a_plan_make_a_plain_loop_named_after_them() -> None:
    plan = plan_from(["my-photo.jpg", "holiday/"], {"rounds": 100}, [])
    assert (plan.name, plan.originals, plan.rounds, plan.captions) == ("my-photo-and-1-more", ("my-photo.jpg", "holiday/"), 100, 1)


def test_originals_beside_a_plan_replace_its_own() -> None:
    plan = plan_from(["surfer.toml", "my-photo.jpg"], {}, ["sticker-sana.steps=8"])
    assert (plan.name, plan.originals, plan.models) == ("surfer", ("my-photo.jpg",), {"sticker-sana": {"steps": 8}})


def test_a_run_ends_with_a_table_and_the_path_of_its_page(command: Command, tmp_path: Path) -> None:
    code, out, err = command("run", "a surfer under a palm tree", *ANALYTIC, "--rounds", "3", "--seeds", "2")
    folder = Path("outputs/a-surfer-under-a-palm-tree")
    assert code == 0
    assert re.search(r"^pair +arm +chains +rounds +similarity", out)
    assert re.search(r"^analytic\+analytic +plain +2 +3 ", out, re.MULTILINE)
    assert f"page      {folder}/report/index.html" in out
    assert "next      the same command with a higher --rounds goes on from round 3\n" in out
    assert (folder / "report" / "index.html").is_file()
    assert (folder / "measures.csv").is_file()
    assert "analytic+analytic: starts, 0/6 rounds of 2 chains\n" in err
    assert re.search(r"^analytic\+analytic: 6/6 rounds  [\d.]+ rounds/s  0:00 left$", err, re.MULTILINE)


def test_json_is_all_there_is_on_stdout(command: Command) -> None:
    Image.fromarray(np.zeros((9, 9, 3), np.uint8)).save("black.png")
    code, out, _ = command("run", "black.png", *ANALYTIC, "--rounds", "2", "--seeds", "2", "--json")
    results = json.loads(out)
    assert (code, results["run"], results["pairs"][0]["pair"]) == (0, "outputs/black", "analytic+analytic")
    code, out, _ = command("measure", "outputs/black", "--json")
    assert (code, json.loads(out)["pairs"]) == (0, results["pairs"])
    code, out, _ = command("report", "outputs/black", "--json")
    assert (code, json.loads(out)) == (0, {"run": "outputs/black", "page": "outputs/black/report/index.html", "files": []})


def test_more_rounds_go_on_in_the_same_folder_to_the_same_end(command: Command) -> None:
    words = ("run", "a surfer", *ANALYTIC, "--seeds", "2")
    command(*words, "--rounds", "2")
    code, _, err = command(*words, "--rounds", "5")
    assert (code, "analytic+analytic: goes on, 4/10 rounds of 2 chains\n" in err) == (0, True)
    command(*words, "--rounds", "5", "--out", "at-once")
    assert chains(Path("outputs/a-surfer")) == chains(Path("at-once"))


def test_a_finished_run_is_neither_measured_nor_drawn_again(command: Command) -> None:
    words = ("run", "a surfer", *ANALYTIC, "--rounds", "2", "--seeds", "2")
    _, first, err = command(*words)
    assert "measuring\n" in err
    code, second, err = command(*words)
    assert (code, second, err) == (0, first, "analytic+analytic: done before, 4/4 rounds of 2 chains\n")


def test_what_a_reader_of_the_numbers_must_know_is_said(command: Command) -> None:
    Image.fromarray(np.zeros((9, 9, 3), np.uint8)).save("black.png")
    words = ("run", "black.png", *ANALYTIC, "--rounds", "2", "--seeds", "1", "--images", "2", "--pick-image", "closest")
    code, out, err = command(*words)
    assert (code, "note: in 2 of 2 rounds a pick rule looked at the original\n" in out) == (0, True)
    assert re.search(r"2/2 rounds .* similarity -?\d\.\d\d$", err, re.MULTILINE)


def test_ctrl_c_closes_cleanly_and_the_same_command_goes_on(tmp_path: Path) -> None:
    words = [sys.executable, "-m", "imageloop", "run", "a surfer", *ANALYTIC, "--seeds", "1", "--out", str(tmp_path / "a")]
    with subprocess.Popen([*words, "--rounds", "200000"], stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        while re.search(r"[1-9]\d*/200000", process.stderr.readline()) is None:
            assert process.poll() is None
        process.send_signal(signal.SIGINT)
        last = process.stderr.read().splitlines()[-1]
    assert process.returncode == 130
    assert last == "imageloop: stopped; every finished round is kept: type the same command to go on"
    (before,) = chains(tmp_path / "a").values()
    done = subprocess.run([*words, "--rounds", str(len(before) + 2)], capture_output=True, text=True, check=True)
    assert f"goes on, {len(before)}/{len(before) + 2} rounds" in done.stderr
    (after,) = chains(tmp_path / "a").values()
    assert after[: len(before)] == before


def rounds_of(folder: str) -> tuple[Round, ...]:
    run = RunFolder.open(folder)
    return tuple(run.rounds(run.keys()[0]))


def test_plain_lines_come_at_most_every_ten_seconds_and_at_the_end(command: Command) -> None:
    command("run", "a surfer", *ANALYTIC, "--rounds", "4", "--seeds", "1", "--out", "a")
    seconds, lines = iter([0.0, 3.0, 10.0, 11.0]), list[str]()
    with PlainLines(lines.append, lambda: next(seconds)) as progress:
        progress.pair_started("a+b", 1, 0, 4)
        for turn in rounds_of("a"):
            progress.turn_done("a+b", [turn], 2.0)
        progress.message("done")
    assert lines == [
        "a+b: starts, 0/4 rounds of 1 chains\n",
        "a+b: 1/4 rounds  0.5 rounds/s  0:06 left\n",
        "a+b: 3/4 rounds  0.5 rounds/s  0:02 left\n",
        "a+b: 4/4 rounds  0.5 rounds/s  0:00 left\n",
        "done\n",
    ]


def test_a_terminal_shows_a_live_line_per_pair(command: Command) -> None:
    command("run", "a surfer", *ANALYTIC, "--rounds", "1", "--seeds", "1", "--out", "a")
    screen = StringIO()
    with LiveLines(Console(file=screen, force_terminal=True, width=120, color_system=None)) as progress:
        progress.pair_started("a+b", 1, 0, 4)
        progress.pair_started("c+[red]d", 1, 4, 4)
        progress.turn_done("a+b", rounds_of("a"), 1.0)
        progress.message("[bold]as it is")
    shown = screen.getvalue()
    assert re.search(r"a\+b +━.* 1/4 rounds  1\.0 rounds/s  0:03 left", shown)
    assert "c+[red]d" in shown
    assert "4/4 rounds of 1 chains, done before" in shown
    assert "[bold]as it is" in shown


def test_time_left_reads_as_on_a_watch() -> None:
    assert [clock(seconds) for seconds in (7, 720, 11_100)] == ["0:07", "12:00", "3:05:00"]


def test_the_models_are_listed(command: Command) -> None:
    code, out, _ = command("models")
    assert code == 0
    assert re.search(r"^sdxl-turbo +generator +hub +(yes|no) +3\.47B +8\.3 +512 +77 ", out, re.MULTILINE)
    code, out, _ = command("models", "--json")
    rows = {(row["role"], row["name"]): row for row in json.loads(out)}
    assert rows["captioner", "analytic"]["here"] is True
    assert rows["generator", "sdxl-turbo"]["settings"]["size"] == 512


def test_numbers_of_parameters_are_short() -> None:
    assert [shortened(count) for count in (None, 0, 6_200_000, 3_470_000_000)] == ["", "0", "6.2M", "3.47B"]


def test_the_version_is_printed(command: Command) -> None:
    code, out, _ = command("--version")
    assert (code, bool(out.strip())) == (0, True)


@pytest.mark.parametrize("name", ["run", "measure", "report", "models", "doctor"])
def test_every_command_explains_itself(command: Command, name: str) -> None:
    code, out, err = command(name, "--help")
    assert (code, err) == (0, "")
    assert out.startswith(f"Usage: imageloop {name}")
