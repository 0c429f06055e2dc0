"""Rounds made elsewhere: each layout becomes a run, with what it starts from and what was picked."""

from functools import partial
from pathlib import Path

import numpy as np
import pytest
from elsewhere import TWO_ROUNDS, Content, Make, imported, note, only_chain, written
from PIL import Image
from tiny_runs import noise

from imageloop.errors import RoundsError
from imageloop.importing import Rules, import_rounds
from imageloop.importing.captions import parse
from imageloop.records import Pick, pixel_hash


@pytest.fixture
def made(tmp_path: Path, no_waiting_for_the_disk: None) -> Make:
    return partial(written, tmp_path)


def test_the_simple_layout_becomes_a_run(made: Make) -> None:
    found = imported(made(TWO_ROUNDS), captioner="chatgpt", generator="midjourney v7")
    (chain,) = found.chains
    original = found.run.originals[chain.key.original]
    first, second = found.run.rounds(chain.key)
    assert (chain.key.pair, chain.rounds, found.notes) == ("chatgpt+midjourney-v7", 2, ())
    assert original.pixels is not None
    assert (original.pixels == noise(0)).all()
    assert first.picture is not None
    assert second.picture is not None
    assert (first.saw, first.caption, first.prompt) == (pixel_hash(noise(0)), "a surfer under a palm", "a surfer under a palm")
    assert (second.saw, second.caption) == (pixel_hash(noise(1)), "a palm, twice")
    assert (found.run.picture(chain.key, second.picture) == noise(2)).all()
    assert (first.prompt_tokens, first.seconds, first.picture.seed, first.captions[0].tokens) == ({}, {}, None, None)


def test_the_run_says_that_its_models_ran_elsewhere(made: Make) -> None:
    run = imported(made(TWO_ROUNDS), captioner="chatgpt", generator="midjourney").run
    assert run.imported
    assert {label: recipe["family"] for label, recipe in run.info.recipes.items()} == {
        "captioner/chatgpt": "imported",
        "generator/midjourney": "imported",
    }
    assert (run.info.plan["rounds"], run.info.plan["seeds"], run.info.plan["generators"]) == (2, 1, ["midjourney"])


def test_the_one_with_chosen_in_its_name_is_the_one_that_went_on(made: Make) -> None:
    files = {"00.png": 0, "01-a.txt": "one", "01-b.chosen.txt": "two", "01a.png": 1, "01b_chosen.png": 2, "01 c.png": 3}
    (done,) = only_chain(found := imported(made(files)))
    assert [caption.text for caption in done.captions] == ["one", "two"]
    assert [picture.pixels for picture in done.pictures] == [pixel_hash(noise(seed)) for seed in (1, 2, 3)]
    assert (done.caption, done.picture_pick) == ("two", Pick("imported", 1, saw_original=True))
    assert [line.split(",")[0] for line in found.notes] == ["in 1 of 1 rounds it is not known how one of several was picked"] * 2


def test_a_rule_that_is_named_is_recorded_even_where_the_others_were_thrown_away(made: Make) -> None:
    first, _ = only_chain(found := imported(made(TWO_ROUNDS), rules=Rules(picture="closest")))
    assert (first.picture_pick, first.caption_pick) == (Pick("closest", 0, saw_original=True), Pick("first", 0))
    assert found.notes == ()


def test_numbered_candidates_are_in_the_order_of_their_numbers(made: Make) -> None:
    files = {"00.png": 0, "1.txt": "a", "1-10.png": 3, "1-2.chosen.png": 2, "1-1.png": 1}
    (done,) = only_chain(imported(made(files)))
    assert [picture.pixels for picture in done.pictures] == [pixel_hash(noise(seed)) for seed in (1, 2, 3)]


def test_chains_of_one_original_are_its_seeds(made: Make) -> None:
    other = {name: 9 if content == 0 else content for name, content in TWO_ROUNDS.items()}
    folder = made({f"{chain}/{name}": content for chain in ("run2", "run10") for name, content in TWO_ROUNDS.items()})
    made({f"deeper/other/{name}": content for name, content in other.items()})
    found = imported(folder)
    assert [(chain.source, chain.key.seed) for chain in found.chains] == [("deeper/other", 0), ("run2", 0), ("run10", 1)]
    assert found.chains[1].key.original == found.chains[2].key.original != found.chains[0].key.original
    assert found.run.info.plan["seeds"] == 2


def test_an_original_may_be_named(made: Make, tmp_path: Path) -> None:
    folder = made({name: content for name, content in TWO_ROUNDS.items() if name != "00.png"})
    made({"surfer.png": 7}, "photos")
    found = imported(folder, originals=[str(tmp_path / "photos" / "surfer.png")])
    assert found.chains[0].key.original == f"surfer-{pixel_hash(noise(7))[:8]}"
    assert only_chain(found)[0].saw == pixel_hash(noise(7))


def test_originals_may_be_a_folder_by_the_names_of_the_chains(made: Make, tmp_path: Path) -> None:
    folder = made({f"{chain}/01.{kind}": text for chain in ("sea", "hill") for kind, text in (("txt", "words"), ("png", 1))})
    made({"sea.png": 5, "hill.png": 6, "city.png": 7}, "photos")
    found = imported(folder, originals=[str(tmp_path / "photos")])
    assert [chain.key.original.partition("-")[0] for chain in found.chains] == ["hill", "sea"]
    assert len(found.run.originals) == 2


def test_an_original_that_is_named_takes_the_place_of_one_that_differs(made: Make, tmp_path: Path) -> None:
    folder = made(TWO_ROUNDS)
    made({"surfer.png": 7}, "photos")
    line = note(imported(folder, originals=[str(tmp_path / "photos" / "surfer.png")]))
    assert line == "elsewhere: 00.png differs from the original that was named, which is taken"


def test_a_chain_may_start_from_a_text(made: Make) -> None:
    found = imported(made({"00.txt": "a surfer\nat night", "01.png": 1, "02.txt": "a man", "02.png": 2}))
    first, second = only_chain(found)
    assert (first.saw, first.caption, second.caption) == (None, "a surfer\nat night", "a man")
    assert found.run.originals[found.chains[0].key.original].text == "a surfer\nat night"


@pytest.mark.parametrize("starts_from", ["picture", "text"])
def test_the_layout_of_raa_in_both_directions(made: Make, starts_from: str) -> None:
    files: dict[str, Content] = {"sea/eval/charts.png": 8, "metadata.json": "{}"}
    for number in (1, 2):
        files |= {f"sea/text_iter{number}.txt": f"words {number}", f"sea/image_iter{number}.png": number}
    files |= {"sea/input.png": 0} if starts_from == "picture" else {"sea/input.txt": "words 0"}
    found = imported(made(files))
    rounds = only_chain(found)
    assert [done.picture.pixels for done in rounds if done.picture] == [pixel_hash(noise(1)), pixel_hash(noise(2))]
    if starts_from == "picture":
        assert ([done.caption for done in rounds], found.notes) == (["words 1", "words 2"], ())
    else:
        assert [done.caption for done in rounds] == ["words 0", "words 1"]
        assert note(found) == "sea: round 3 has no picture; the chain ends at round 2"


NUMBERED = "1\r\na piece of art\r\n\r\n2\r\na painting of a child\r\n\r\n3\r\na girl"


STEPS = "step_0: (original image)\nstep_1: a piece of art\nstep_2: a painting\nof a child\n"


def test_lists_of_captions_are_read_in_each_of_their_forms() -> None:
    assert parse(NUMBERED.replace("\r", ""), plain=False) == {1: "a piece of art", 2: "a painting of a child", 3: "a girl"}
    assert parse(STEPS, plain=False) == {1: "a piece of art", 2: "a painting\nof a child"}
    assert parse("one\n\ntwo\n", plain=True) == parse('["one", "two"]', plain=True) == {1: "one", 2: "two"}
    assert parse("numpy\ntorch\n", plain=False) == {}


def test_a_list_of_captions_is_a_chain_without_pictures(made: Make) -> None:
    found = imported(made({"ds(10,100).txt": NUMBERED, "README.md": "# not a list"}))
    rounds = only_chain(found)
    assert [(done.round, done.saw, done.pictures, done.picture, done.caption) for done in rounds] == [
        (1, None, (), None, "a piece of art"),
        (2, None, (), None, "a painting of a child"),
        (3, None, (), None, "a girl"),
    ]
    assert found.run.originals[found.chains[0].key.original].text == "a piece of art"
    assert found.notes == (
        "elsewhere: no original, so it is taken to start from its first caption, as a text",
        "left out, as part of no round: README.md",
    )


def test_pictures_beside_a_list_of_captions_are_those_of_its_rounds(made: Make) -> None:
    found = imported(made({"captions.txt": STEPS, "out_step_0.png": 0, "out_step_1.png": 1, "out_step_2.png": 2}))
    first, second = only_chain(found)
    assert (first.saw, second.saw, found.notes) == (pixel_hash(noise(0)), pixel_hash(noise(1)), ())


def test_a_plain_list_is_taken_where_it_is_named(made: Make) -> None:
    folder = made({"mine.txt": "one\ntwo\nthree"})
    with pytest.raises(RoundsError, match="no rounds in this folder"):
        imported(folder)
    assert len(only_chain(imported(folder / "mine.txt"))) == 3
    assert len(only_chain(import_rounds(folder, folder.parent / "b", layout="captions"))) == 3


def test_text_with_a_byte_order_mark_is_read(made: Make) -> None:
    first, second = only_chain(
        imported(made({**TWO_ROUNDS, "01.txt": "café".encode("utf-16"), "02.txt": "café\r\nnoir".encode("utf-8-sig")}))
    )
    assert (first.caption, second.caption) == ("café", "café\nnoir")


def test_pictures_of_different_sizes_stay_as_they_are(made: Make) -> None:
    folder = made(TWO_ROUNDS)
    wide = np.zeros((5, 31, 3), np.uint8)
    Image.fromarray(wide).save(folder / "02.png")
    found = imported(folder)
    second = only_chain(found)[1]
    assert second.picture is not None
    assert found.run.picture(found.chains[0].key, second.picture).shape == (5, 31, 3)
