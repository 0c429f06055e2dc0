"""Rounds made elsewhere that are not whole, not there or not safe: what is told, in one line, and that nothing is made up."""

import os
from functools import partial
from pathlib import Path

import pytest
from elsewhere import TWO_ROUNDS, Content, Make, broken, imported, note, only_chain, written
from tiny_runs import contents, noise

from imageloop.cli import exit_code
from imageloop.errors import OriginalError, RoundsError
from imageloop.records import pixel_hash
from imageloop.store import RunFolder


@pytest.fixture
def made(tmp_path: Path, no_waiting_for_the_disk: None) -> Make:
    return partial(written, tmp_path)


def test_a_link_to_the_input_that_leads_nowhere_asks_for_the_original(made: Make) -> None:
    folder = made({"text_iter1.txt": "words", "image_iter1.png": 1})
    (folder / "input.jpg").symlink_to("C:/Projects/RaA/data/sea.jpg")
    with pytest.raises(RoundsError, match=r"input\.jpg is a link that leads nowhere; put the file itself there, or name the original with"):
        imported(folder)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"02.txt": None, "02.png": None}, "round 2 is missing"),
        ({"02.txt": None}, "round 2 has no caption"),
        ({"02.png": None}, "round 2 has no picture"),
        ({"02.txt": " \n"}, "the caption of round 2 is empty"),
        ({"02.txt": b"caf\xe9"}, "02.txt is no UTF-8 text; save it as UTF-8"),
        ({"02.txt": b"a\0b"}, "02.txt is no UTF-8 text; save it as UTF-8"),
        ({"02.txt": b"a" * 1_000_001}, "02.txt is longer than 1,000,000 bytes, so it is no caption"),
        ({"02.png": b""}, "02.png: the file is empty"),
        ({"02.png": b"no image"}, "02.png: is no image that can be read; save it as PNG or JPEG"),
        ({"2.png": 8}, "round 2 has several pictures of one name: 02.png, 2.png"),
        ({"02.jpg": 8}, "round 2 has several pictures of one name: 02.jpg, 02.png"),
        ({"02-a.png": 8}, "round 2 has several pictures and none has “chosen” in its name: 02.png, 02-a.png"),
        (
            {"02.png": None, "02-a.chosen.png": 8, "02-b.chosen.png": 9},
            "round 2 has 2 pictures with “chosen” in their names: 02-a.chosen.png, 02-b.chosen.png",
        ),
        (
            {"02.txt": None, "02-a.txt": "a", "02-b.txt": "b"},
            "round 2 has several captions and none has “chosen” in its name: 02-a.txt, 02-b.txt",
        ),
    ],
)
def test_a_chain_ends_before_the_first_round_that_is_not_whole(made: Make, change: dict[str, Content | None], said: str) -> None:
    found = imported(made(broken(change)))
    assert (len(only_chain(found)), found.chains[0].rounds) == (1, 1)
    assert note(found) == f"elsewhere: {said}; the chain ends at round 1, 2 later rounds are left out"


def test_a_picture_that_is_cut_short_ends_the_chain(made: Make) -> None:
    folder = made(broken({}))
    (folder / "02.png").write_bytes((folder / "02.png").read_bytes()[:100])
    assert note(imported(folder)).startswith("elsewhere: 02.png: the image is broken or truncated")


def test_a_chain_that_cannot_be_read_does_not_keep_others_from_it(made: Make) -> None:
    folder = made({f"good/{name}": content for name, content in TWO_ROUNDS.items()} | {"bad/01.txt": "words", "bad/01.png": 1})
    found = imported(folder)
    assert [chain.source for chain in found.chains] == ["good"]
    assert note(found) == (
        "bad: the original is missing; name it with --original, or put it there as 00.png; nothing of this chain is imported"
    )


@pytest.mark.parametrize(
    ("files", "said"),
    [
        ({"a.jpg": 1}, "no rounds in this folder or in those within"),
        ({"00.png": 0, "00.txt": "words", "01.txt": "a", "01.png": 1}, "its original is one of 00.png, 00.txt, and which one is not known"),
        (
            {"00.png": 0, "01.txt": "a", "01.png": 1, "text_iter1.txt": "b"},
            "its files fit the layouts simple and raa; say which with --layout",
        ),
        ({"run.json": "{}", "01.txt": "a"}, "is a run already; measure it with: imageloop measure"),
        ({"captions.json": '["a", 1]'}, "captions.json is a JSON list, but not of texts only; correct it"),
        ({"captions.txt": "1\na\n\n1\nb"}, "captions.txt has round 1 twice; keep one"),
    ],
)
def test_a_folder_that_cannot_be_imported_is_refused_in_one_line(made: Make, files: dict[str, Content], said: str) -> None:
    folder = made(files)
    with pytest.raises(RoundsError) as caught:
        imported(folder)
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)
    assert not (folder.parent / "run").exists()


def test_no_link_is_followed_out_of_the_folder(made: Make, tmp_path: Path) -> None:
    made({"secret.txt": "a password", "00.png": 0, "01.txt": "words", "01.png": 1}, "outside")
    folder = made(TWO_ROUNDS)
    (folder / "02.txt").unlink()
    (folder / "02.txt").symlink_to(tmp_path / "outside" / "secret.txt")
    (folder / "linked").symlink_to(tmp_path / "outside")
    found = imported(folder)
    assert len(only_chain(found)) == 1
    assert note(found).startswith("elsewhere: 02.txt is a link out of the folder, which is not followed; put the file itself there;")
    assert not any(b"password" in content for content in contents(found.run.path).values() if isinstance(content, bytes))


def test_no_link_to_a_folder_is_followed(made: Make) -> None:
    made({f"chain/{name}": content for name, content in TWO_ROUNDS.items()}, "outside")
    folder = made({f"mine/{name}": content for name, content in TWO_ROUNDS.items()})
    (folder / "linked").symlink_to(folder.parent / "outside")
    (folder / "again").symlink_to(folder)
    assert [chain.source for chain in imported(folder).chains] == ["mine"]


def test_a_link_within_the_folder_a_pipe_and_a_circle_are_no_danger(made: Make) -> None:
    folder = made({f"chain/{name}": content for name, content in TWO_ROUNDS.items() if name != "01.png"})
    (folder / "chain" / "01.png").symlink_to("02.png")
    (folder / "chain" / "circle").symlink_to("..")
    os.mkfifo(folder / "chain" / "03.txt")
    found = imported(folder)
    assert [done.picture.pixels for done in only_chain(found) if done.picture] == [pixel_hash(noise(2))] * 2
    assert note(found) == "chain: round 3 has no picture; the chain ends at round 2"


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--layout", "midjourney"], "--layout midjourney: must be one of auto, simple, raa, captions"),
        (["--original", "gone.png"], "--original gone.png: no such file or folder"),
        (["--captioner", "x" * 61], "must be a name of 1 to 60 characters, such as midjourney-v7"),
        (["--pick-image", "best"], "no pick rule is called 'best'; use one of first, random, closest, medoid"),
        (["--embedder", "clipp-b32"], "no embedder is called that; did you mean clip-b32"),
    ],
)
def test_a_wrong_option_is_one_line(
    made: Make, options: list[str], said: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(made(TWO_ROUNDS).parent)
    assert exit_code(["import", "elsewhere", *options]) == 1
    assert said in capsys.readouterr().err.splitlines()[-1]
    assert not Path("outputs").exists()


def test_hostile_names_and_captions_do_no_harm(made: Make, capsys: pytest.CaptureFixture[str]) -> None:
    name = "%2f..\x1b[31m<script>é" + "n" * 150
    folder = made({f"{name}/{file}": content for file, content in {**TWO_ROUNDS, "01.txt": "<script>alert(1)</script> ../../etc"}.items()})
    assert (
        exit_code(["import", str(folder), "--embedder", "analytic", "--captioner", "../../<b>", "--out", str(folder.parent / "run")]) == 0
    )
    assert "\x1b" not in capsys.readouterr().out
    run = RunFolder.open(folder.parent / "run")
    (key,) = run.keys()
    assert (key.captioner[:2], run.rounds(key)[0].caption) == ("b-", "<script>alert(1)</script> ../../etc")
    assert run.chain_path(key).is_relative_to(run.path)


def test_an_original_named_twice_or_of_no_chain_is_told(made: Make, tmp_path: Path) -> None:
    folder = made(TWO_ROUNDS)
    made({"sea.png": 5, "hill.png": 6}, "photos")
    with pytest.raises(RoundsError, match="no original that was named is called elsewhere as the chain is; there are hill, sea"):
        imported(folder, originals=[str(tmp_path / "photos")])
    with pytest.raises(OriginalError, match="there are two originals called sea; rename one"):
        imported(folder, originals=[str(tmp_path / "photos"), str(tmp_path / "photos" / "sea.png")])
