"""Bad input: what a person reads, one line each, the exit code, and that nothing is lost. Runs go on the analytic pair."""

import errno
import fcntl
import os
from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image

from imageloop import disk
from imageloop.cli import exit_code
from imageloop.cli.run import plan_from
from imageloop.records import ChainKey
from imageloop.runner import carry_out
from imageloop.store import RunFolder

ANALYTIC = ("--captioner", "analytic", "--generator", "analytic", "--embedder", "analytic", "--controls", "none")
MODELS = {"captioners": ["analytic"], "generators": ["analytic"], "embedder": "analytic", "controls": "none"}
RUN = ("run", "a surfer", *ANALYTIC, "--seeds", "2", "--out", "there")
Refusal = Callable[..., str]


@pytest.fixture
def refusal(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Refusal:
    """Types a command that must exit 1 with nothing on stdout; gives the last line on stderr, without the command's name."""
    monkeypatch.chdir(tmp_path)

    def typed(*arguments: str) -> str:
        code = exit_code(arguments)
        printed = capsys.readouterr()
        assert (code, printed.out) == (1, "")
        line = printed.err.splitlines()[-1]
        assert line.startswith("imageloop: ")
        assert "Traceback" not in printed.err
        return line.removeprefix("imageloop: ")

    return typed


def carried_out(rounds: int, folder: str = "there") -> dict[ChainKey, list[tuple[str, str]]]:
    """Carries out what `RUN` types, without measures and page; gives the content of its folder."""
    carry_out(plan_from(["a surfer"], {**MODELS, "seeds": 2, "rounds": rounds}, []), folder)
    return content(folder)


def content(folder: str) -> dict[ChainKey, list[tuple[str, str]]]:
    """Caption and picture of every round of every chain, each picture read and checked."""
    run = RunFolder.open(folder)
    found = {}
    for key in run.keys():  # noqa: SIM118
        rounds = run.rounds(key)
        for turn in rounds:
            run.picture(key, turn.picture)
        found[key] = [(turn.caption, turn.picture.pixels) for turn in rounds]
    return found


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ('[run]\nround = 3\noriginals = ["a.png"]', "a.toml: [run] has no key 'round'; did you mean 'rounds'?"),
        ('[run]\nrounds = "x"\noriginals = ["a.png"]', 'a.toml: [run] rounds must be a whole number, 1 or more, not "x"'),
        ('[run]\nrounds = -3\noriginals = ["a.png"]', "a.toml: [run] rounds must be a whole number, 1 or more, not -3"),
        ("[run]\nrounds = 3", 'a.toml: [run] has no originals; name at least one: originals = ["my-photo.jpg"]'),
    ],
)
def test_a_wrong_plan(refusal: Refusal, tmp_path: Path, text: str, line: str) -> None:
    (tmp_path / "a.toml").write_text(text)
    assert refusal("run", "a.toml") == line


def test_two_plans_at_once(refusal: Refusal) -> None:
    assert refusal("run", "a.toml", "b.toml") == "b.toml: one plan at a time; a.toml is one already"


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (("run", "a surfer", "--rounds", "-3"), "--rounds must be a whole number, 1 or more, not -3"),
        (("run", "a surfer", "--pick-image", "best"), "--pick-image must be one of first, random, closest, medoid, most_novel, not 'best'"),
        (("run", "a surfer", "--device", "gpu"), '--device must be one of auto, cpu, cuda, cuda:N, mps, not "gpu"'),
    ],
)
def test_a_wrong_option(refusal: Refusal, arguments: tuple[str, ...], line: str) -> None:
    assert refusal(*arguments) == line


@pytest.mark.parametrize(
    ("arguments", "part"),
    [
        (("run", "--rounds", "many"), "--rounds"),
        (("run", "--roundz", "3"), "--rounds"),
        (("rum",), "rum"),
        (("measure",), "RUN"),
    ],
)
def test_what_cannot_be_typed(refusal: Refusal, arguments: tuple[str, ...], part: str) -> None:
    line = refusal(*arguments)
    assert part in line
    assert line.endswith("; imageloop --help shows what can be typed")


def test_files_that_are_no_pictures(refusal: Refusal, tmp_path: Path) -> None:
    (tmp_path / "empty.png").touch()
    (tmp_path / "words.png").write_text("not an image")
    (tmp_path / "folder").mkdir()
    Image.effect_noise((64, 64), 50).save(tmp_path / "cut.png")
    (tmp_path / "cut.png").write_bytes((tmp_path / "cut.png").read_bytes()[:900])
    assert refusal("run", "missing.png", *ANALYTIC) == "missing.png: no such file or folder"
    assert refusal("run", "empty.png", *ANALYTIC) == "empty.png: the file is empty"
    assert refusal("run", "words.png", *ANALYTIC) == "words.png: is no image that can be read; save it as PNG or JPEG"
    assert refusal("run", "cut.png", *ANALYTIC).startswith("cut.png: the image is broken or truncated (")
    assert refusal("run", "folder", *ANALYTIC).startswith("folder: no images directly in this folder")
    assert not (tmp_path / "outputs").exists()


def test_a_name_that_is_no_model(refusal: Refusal, tmp_path: Path) -> None:
    assert "did you mean blip-base" in refusal("run", "a surfer", "--captioner", "blip-bse")
    assert "sticker-sana" in refusal("run", "a surfer", "--generator", "sticker-sanna")
    assert "this is a captioner, not a generator" in refusal("run", "a surfer", "--generator", "sticker-blip")
    assert not (tmp_path / "outputs").exists()


def test_a_recipe_field_that_is_none(refusal: Refusal) -> None:
    line = refusal(*RUN, "--rounds", "1", "--set", "analytic.priors=[0.5, 0.5]")
    assert line.startswith("analytic: the analytic pair has no setting 'priors'")


def test_a_folder_of_another_plan(refusal: Refusal) -> None:
    before = carried_out(2)
    assert refusal(*RUN, "--rounds", "2", "--captions", "2") == (
        "there: is a run of another plan: captions was 1, is 2; choose another folder with --out"
    )
    assert content("there") == before


def test_a_folder_that_is_no_run(refusal: Refusal, tmp_path: Path) -> None:
    (tmp_path / "there").mkdir()
    (tmp_path / "there" / "thesis.doc").write_text("years of work")
    assert refusal(*RUN) == "there: is no run's folder but holds thesis.doc; choose another folder with --out"
    assert refusal("measure", "there") == "there: holds no run.json, so it is not the folder of a run; name one below outputs/"
    assert refusal("report", "nowhere") == "nowhere: no such run; `imageloop run` makes one"


def test_a_runs_folder_given_as_an_original(refusal: Refusal) -> None:
    carried_out(1)
    assert refusal("run", "there") == "there: is a run's folder; to go on with it, type its plan or originals again, with --out there"


def test_two_processes_on_one_folder(refusal: Refusal, tmp_path: Path) -> None:
    carried_out(1)
    with (tmp_path / "there" / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        assert (
            refusal(*RUN, "--rounds", "2") == "there: another process works on this run; wait for it, or choose another folder with --out"
        )
    carried_out(2)


def test_a_folder_that_may_not_be_written(refusal: Refusal, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "there").write_text("a file")
    assert refusal(*RUN).startswith("there: cannot be written: ")
    (tmp_path / "there").unlink()

    def refuse(*_: object, **__: object) -> None:
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))

    monkeypatch.setattr(Path, "mkdir", refuse)
    assert refusal(*RUN) == "there: may not be written; change its permissions, or choose another folder with --out"


@pytest.mark.parametrize("writes", range(1, 14))
def test_a_full_disk_loses_nothing_whenever_it_fills(refusal: Refusal, monkeypatch: pytest.MonkeyPatch, writes: int) -> None:
    left = writes
    write = disk._write

    def until_full(path: Path, flags: int, data: bytes, *, sync: bool) -> None:
        nonlocal left
        left -= 1
        if left < 0:
            write(path, flags, data[: len(data) // 2], sync=sync)
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        write(path, flags, data, sync=sync)

    monkeypatch.setattr(disk, "_write", until_full)
    assert refusal(*RUN, "--rounds", "3").endswith(
        ": the disk is full; every finished round is safe: make room and run the same command again"
    )
    monkeypatch.setattr(disk, "_write", write)
    assert carried_out(3) == carried_out(3, "undisturbed")


def test_a_damaged_last_line_or_picture_is_told_and_done_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    before = carried_out(3)
    one, two = (RunFolder.open("there").chain_path(key) for key in before)
    lines = one / "rounds.jsonl"
    lines.write_bytes(lines.read_bytes()[:-9])
    (two / "images" / "000003.png").write_bytes((two / "images" / "000003.png").read_bytes()[:50])
    assert exit_code([*RUN, "--rounds", "3"]) == 0
    told = capsys.readouterr().err
    assert f"{lines}: line 3 is damaged; the chain goes on from round 2\n" in told
    assert f"{two / 'images' / '000003.png'}: missing or damaged; round 3 will be done again\n" in told
    assert content("there") == before


def test_a_disk_that_fills_while_the_page_is_made(refusal: Refusal, monkeypatch: pytest.MonkeyPatch) -> None:
    carried_out(1)

    def full(_: RunFolder) -> Path:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), "there/report/index.html")

    monkeypatch.setattr("imageloop.report.write_report", full)
    assert refusal("report", "there") == "there/report/index.html: No space left on device; put that right and type the same command again"


def test_a_damaged_run_json(refusal: Refusal, tmp_path: Path) -> None:
    carried_out(1)
    (tmp_path / "there" / "run.json").write_text("{")
    line = refusal("measure", "there")
    assert line.startswith("there/run.json: cannot be read (")
    assert line.endswith("); restore it, or choose another folder with --out")


def test_a_run_json_with_a_plan_of_another_kind(refusal: Refusal, tmp_path: Path) -> None:
    carried_out(1)
    file = tmp_path / "there" / "run.json"
    file.write_text(file.read_text().replace('"rounds": 1', '"rounds": "one"'))
    assert refusal("measure", "there") == ("there/run.json: its plan has a wrong rounds; restore the file, or run the plan anew with --out")


def test_control_characters_do_not_reach_the_terminal(refusal: Refusal) -> None:
    assert refusal("run", "evil\x1b[2J\x07.png") == "evil�[2J�.png: no such file or folder"
