"""`imageloop report`: the page, animations, the contact sheet, and what it says where they cannot be made."""

import importlib
import json
import webbrowser
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from imageloop.cli import exit_code
from imageloop.errors import RunError
from imageloop.report import animation
from imageloop.report.animation import MOST_FRAMES, SIDE, chains_named, durations, frames, write_animations
from imageloop.store import RunFolder
from tests.paper_run import paper_run


def said(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> tuple[int, str, str]:
    code = exit_code(arguments)
    told = capsys.readouterr()
    return code, told.out, told.err


@pytest.mark.parametrize("kind", ["gif", "webp"])
def test_an_animation_has_a_frame_for_the_original_and_for_each_round(tmp_path: Path, kind: animation.Kind) -> None:
    run = paper_run(tmp_path, seeds=1, rounds=5)
    (file,) = write_animations(run, kind, run.keys())
    assert file.parent == tmp_path / "report" / "videos"
    with Image.open(file) as made:
        assert getattr(made, "n_frames", 1) == 6
        assert made.format == kind.upper()


def test_small_pictures_are_enlarged_pixel_by_pixel(tmp_path: Path) -> None:
    run = paper_run(tmp_path, seeds=1, rounds=1)
    (key,) = run.keys()
    frame = list(frames(run, key, [1]))[1]
    kept = run.rounds(key)[0].picture
    assert kept
    inside = frame.crop((animation.EDGE, animation.EDGE, animation.EDGE + SIDE, animation.EDGE + SIDE))
    assert (np.asarray(inside) == run.picture(key, kept).repeat(8, axis=0).repeat(8, axis=1)).all()


def test_an_mp4_is_one_and_no_part_of_it_stays_behind(tmp_path: Path) -> None:
    run = paper_run(tmp_path, seeds=1, rounds=2)
    (file,) = write_animations(run, "mp4", run.keys())
    assert file.read_bytes()[4:8] == b"ftyp"
    assert [other.name for other in file.parent.iterdir()] == [file.name]


def test_without_the_extra_an_mp4_is_refused_with_what_to_type(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = importlib.import_module

    def absent(name: str, *rest: Any) -> Any:
        if name == "imageio_ffmpeg":
            raise ModuleNotFoundError(name)
        return real(name, *rest)

    monkeypatch.setattr(importlib, "import_module", absent)
    run = paper_run(tmp_path, seeds=1, rounds=1)
    with pytest.raises(RunError, match=r"needs imageio-ffmpeg: pip install 'imageloop\[video\]'"):
        write_animations(run, "mp4", run.keys())


def test_a_long_chain_is_thinned_and_short_ones_last_long_enough() -> None:
    assert durations(1) == [2.0]
    assert durations(4) == [1.5, 0.5, 0.5, 2.5]
    long = durations(MOST_FRAMES + 1)
    assert len(long) == MOST_FRAMES + 1
    assert sum(long[1:-1]) < 31


def test_a_missing_picture_and_an_empty_chain_have_frames_too(tmp_path: Path) -> None:
    run = paper_run(tmp_path, seeds=1, rounds=2)
    (key,) = run.keys()
    (run.chain_path(key) / "images/000002.png").unlink()
    assert len(list(frames(RunFolder.open(tmp_path), key, [1, 2]))) == 3
    assert len(list(frames(run, key, []))) == 1


def test_a_chain_is_named_by_the_end_of_its_path(tmp_path: Path) -> None:
    pairs = (("sticker-blip", "sticker-sana"), ("sticker-git", "sticker-sana"))
    run = paper_run(tmp_path, pairs=pairs, seeds=1, rounds=1)
    first, second = run.keys()
    assert chains_named(run, None) == [first, second]
    assert chains_named(run, "sticker-git+sticker-sana/scene-00000000-s0") == [second]
    with pytest.raises(RunError, match="2 chains end in 's0'; name one in full, such as sticker-blip"):
        chains_named(run, "s0")
    with pytest.raises(RunError, match="no chain is called 'x'; there are sticker-blip"):
        chains_named(run, "x")
    with pytest.raises(RunError, match="has no chain yet"):
        chains_named(paper_run(tmp_path / "empty", scenes=(), rounds=0), None)


def test_the_command_makes_what_is_asked_for_and_says_where(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    paper_run(tmp_path, seeds=1, rounds=2)
    assert said(["report", str(tmp_path), "--sheet"], capsys)[:2] == (0, f"{tmp_path}/report/sheet.png\n")
    assert not (tmp_path / "report" / "index.html").exists()
    code, out, _ = said(["report", str(tmp_path), "--video", "webp", "--json"], capsys)
    (file,) = json.loads(out)["files"]
    assert (code, Path(file).suffix, Path(file).is_file()) == (0, ".webp", True)
    assert said(["report", str(tmp_path)], capsys)[:2] == (0, f"{tmp_path}/report/index.html\n")


@pytest.mark.parametrize(
    ("options", "error"),
    [
        (["--video", "avi"], "--video makes gif, webp, mp4, not 'avi'"),
        (["--chain", "s0"], "--chain names the chain of an animation; add --video webp, gif or mp4"),
    ],
)
def test_a_wrong_option_is_told_in_one_line(tmp_path: Path, options: list[str], error: str, capsys: pytest.CaptureFixture[str]) -> None:
    paper_run(tmp_path, seeds=1, rounds=1)
    assert said(["report", str(tmp_path), *options], capsys) == (1, "", f"imageloop: {error}\n")


def test_the_page_is_opened_where_there_is_a_browser(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    paper_run(tmp_path, seeds=1, rounds=1)
    opened: list[str] = []
    monkeypatch.setattr(webbrowser, "open", lambda address: bool(opened.append(address)) or True)
    assert said(["report", str(tmp_path), "--open"], capsys)[0] == 0
    assert opened == [(tmp_path / "report" / "index.html").as_uri()]
    monkeypatch.setattr(webbrowser, "open", lambda address: False)
    code, _, error = said(["report", str(tmp_path), "--open"], capsys)
    assert (code, error) == (1, f"imageloop: no browser answers here; open {tmp_path}/report/index.html in one\n")
