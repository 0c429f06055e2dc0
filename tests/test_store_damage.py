import re
from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image
from tiny_runs import contents, contents_raw, made, noise, opened, stand

from imageloop.errors import RunError

pytestmark = pytest.mark.usefixtures("no_waiting_for_the_disk")


# Damage: told, and the turn done again.

JSONL = "chains/analytic+analytic/seen-00000001-s0/rounds.jsonl"
IMAGES = "chains/analytic+analytic/seen-00000001-s0/images"


def halved(file: Path) -> None:
    file.write_bytes(file.read_bytes()[: file.stat().st_size // 2])


def flipped(file: Path) -> None:
    Image.fromarray(255 - noise(3)).save(file)


def torn(file: Path) -> None:
    file.write_bytes(file.read_bytes()[:-40])


def renumbered(file: Path) -> None:
    lines = file.read_text().splitlines(keepends=True)
    file.write_text(lines[0] + lines[2])


def strayed(file: Path) -> None:
    """A line that saw another picture than the one before it gave."""
    lines = file.read_text().splitlines(keepends=True)
    file.write_text(lines[0] + re.sub('"saw":"[^"]*"', '"saw":"0"', lines[1]) + lines[2])


def garbled(file: Path) -> None:
    lines = file.read_bytes().split(b"\n")
    file.write_bytes(b"\n".join([lines[0], b"\xff\x00[1]", lines[2], b""]))


@pytest.mark.parametrize(
    ("name", "damage", "rounds", "text"),
    [
        (JSONL, torn, 2, "{file}: line 3 is damaged; the chain goes on from round 2"),
        (JSONL, garbled, 1, "{file}: line 2 is damaged; the chain goes on from round 1"),
        (JSONL, strayed, 1, "{file}: line 2 is damaged; the chain goes on from round 1"),
        (JSONL, renumbered, 1, "{file}: line 2 is damaged; the chain goes on from round 1"),
        (f"{IMAGES}/000003.png", halved, 2, "{file}: missing or damaged; round 3 will be done again"),
        (f"{IMAGES}/000003.png", flipped, 2, "{file}: missing or damaged; round 3 will be done again"),
        (f"{IMAGES}/000003.png", Path.unlink, 2, "{file}: missing or damaged; round 3 will be done again"),
        (f"{IMAGES}/000003.png", lambda file: file.write_bytes(b""), 2, "{file}: missing or damaged; round 3 will be done again"),
    ],
)
def test_damage_is_told_and_repaired_by_doing_the_turn_again(
    tmp_path: Path, name: str, damage: Callable[[Path], None], rounds: int, text: str
) -> None:
    made(tmp_path / "run")
    before = contents(tmp_path / "run")
    damage(tmp_path / "run" / name)
    assert stand(tmp_path / "run") == (rounds, [text.format(file=tmp_path / "run" / name)])
    assert stand(tmp_path / "run") == (rounds, [])
    made(tmp_path / "run", 3 - rounds)
    assert contents(tmp_path / "run") == before


def test_a_damaged_line_ends_what_a_reader_sees_and_changes_no_file(tmp_path: Path) -> None:
    run = made(tmp_path / "run")
    torn(run.path / JSONL)
    files = contents_raw(run.path)
    assert len(run.rounds(run.keys()[0])) == 2
    assert contents_raw(run.path) == files


def test_a_damaged_picture_in_the_middle_is_named_when_it_is_read(tmp_path: Path) -> None:
    run = made(tmp_path / "run")
    file = run.path / IMAGES / "000002.png"
    stored = run.rounds(run.keys()[0])[1].picture
    flipped(file)
    with pytest.raises(RunError, match=f"^{re.escape(str(file))}: not the picture that its round stored; "):
        run.picture(run.keys()[0], stored)
    halved(file)
    with pytest.raises(RunError, match=f"^{re.escape(str(file))}: the picture is damaged "):
        run.picture(run.keys()[0], stored)
    file.unlink()
    with pytest.raises(RunError, match=f"^{re.escape(str(file))}: the picture is missing; "):
        run.picture(run.keys()[0], stored)


def test_a_damaged_original_is_written_again_and_told(tmp_path: Path) -> None:
    made(tmp_path / "run")
    before = contents(tmp_path / "run")
    file = tmp_path / "run/originals/seen-00000001.png"
    halved(file)
    with opened(tmp_path / "run") as writer:
        assert f"{file}: was damaged; written again" in writer.told()
    assert contents(tmp_path / "run") == before


def test_what_a_killed_round_left_behind_is_removed(tmp_path: Path) -> None:
    made(tmp_path / "run")
    before = contents(tmp_path / "run")
    for name in (".000004.png.part", "000004.png", "000004-c1.png"):
        (tmp_path / "run" / IMAGES / name).write_bytes(b"half")
    assert stand(tmp_path / "run") == (3, [])
    assert contents(tmp_path / "run") == before
