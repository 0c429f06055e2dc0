from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from tiny_runs import CAPTIONER, GENERATOR, SAID, SEEN, contents, go_on, key_of, made, noise, opened, plan_of, stand

from imageloop.errors import RunError
from imageloop.loop import ChainState, turn
from imageloop.records import ChainKey, Original, Pixels, StoredPicture, pixel_hash
from imageloop.store import RunFolder, keeps, read_lines

pytestmark = pytest.mark.usefixtures("no_waiting_for_the_disk")


def test_what_is_stored_reads_back_bit_for_bit(tmp_path: Path) -> None:
    run = made(tmp_path / "run")
    assert run.originals["said-00000002"].text == SAID.text
    assert np.array_equal(run.originals["seen-00000001"].pixels, SEEN.pixels)  # type: ignore[arg-type]
    [key] = run.keys()
    rounds = run.rounds(key)
    assert [done.round for done in rounds] == [1, 2, 3]
    for done in rounds:
        for stored in done.pictures:
            assert pixel_hash(run.picture(key, stored)) == stored.pixels
    assert rounds[1].saw == rounds[0].picture.pixels


def test_a_run_can_be_moved(tmp_path: Path) -> None:
    made(tmp_path / "run")
    moved = RunFolder.open((tmp_path / "run").rename(tmp_path / "elsewhere"))
    assert str(tmp_path / "run") not in (tmp_path / "elsewhere" / "run.json").read_text()
    assert moved.picture(moved.keys()[0], moved.rounds(moved.keys()[0])[-1].picture).shape == (8, 8, 3)


def test_runs_of_different_chains_can_be_laid_over_one_another(tmp_path: Path) -> None:
    for name, seeds in (("both", (0, 1)), ("one", (0,)), ("other", (1,))):
        with opened(tmp_path / name) as writer:
            for seed in seeds:
                go_on(writer, SEEN, 2, seed)
    (tmp_path / "other/chains/analytic+analytic/seen-00000001-s1").rename(tmp_path / "one/chains/analytic+analytic/seen-00000001-s1")
    assert contents(tmp_path / "one") == contents(tmp_path / "both")


def test_the_folder_of_a_chain_and_its_key_name_each_other(tmp_path: Path) -> None:
    run = made(tmp_path / "run", 1)
    keys = [ChainKey("blip-2.7b", "a_b", "x-s3", 12), ChainKey("blip-2.7b", "a_b", "x-s3", 12, "anchor-5")]
    for key in keys:
        run.chain_path(key).mkdir(parents=True)
        (run.chain_path(key) / "rounds.jsonl").touch()
    assert run.keys() == sorted([key_of(SEEN), *keys])
    assert run.chain_path(keys[1]) == run.path / "chains" / "blip-2.7b+a_b" / "x-s3-s12@anchor-5"


def test_a_picture_carries_its_caption_seed_and_recipe_for_whoever_opens_it_elsewhere(tmp_path: Path) -> None:
    run = made(tmp_path / "run", 1)
    [done] = run.rounds(run.keys()[0])
    with Image.open(run.chain_path(run.keys()[0]) / "images/000001.png") as image:
        assert image.info == {"caption": done.prompt, "seed": str(done.picture.seed), "recipe": GENERATOR.recipe.hash}


@pytest.mark.parametrize(
    ("rule", "kept"), [("all", {1, 2, 3, 4, 5, 6, 7, 8, 9, 10}), ("every 4", {4, 8}), ("log", {1, 2, 4, 8}), ("every 1", set(range(1, 11)))]
)
def test_a_rule_says_which_rounds_keep_their_pictures(rule: str, kept: set[int]) -> None:
    assert {done for done in range(1, 11) if keeps(rule, done)} == kept


@pytest.mark.parametrize("candidates", [True, False])
def test_pictures_stay_by_the_rule_and_the_last_always(tmp_path: Path, candidates: bool) -> None:
    run = made(tmp_path / "run", 7, keep="every 3", keep_candidates=candidates)
    [key] = run.keys()
    files = sorted(file.name for file in (run.chain_path(key) / "images").iterdir())
    assert {int(name[:6]) for name in files} == {3, 6, 7}
    assert len(files) == (9 if candidates else 3)
    rounds = run.rounds(key)
    assert [done.round for done in rounds if done.picture.file] == [3, 6, 7]
    assert len({done.picture.pixels for done in rounds} - {None}) > 1
    with pytest.raises(RunError, match=r"a picture of this chain was not kept; run it again with --keep all$"):
        run.picture(key, rounds[0].picture)


def test_a_changed_rule_for_keeping_holds_from_the_last_round_on(tmp_path: Path) -> None:
    made(tmp_path / "run", 3, keep="all")
    run = made(tmp_path / "run", 2, keep="every 10")
    rounds = run.rounds(run.keys()[0])
    assert [done.round for done in rounds if done.picture.file] == [1, 5]


@pytest.mark.parametrize("text", ["line\nbreak\r\x85\u2028", '"\\', "\x00", "\ud800 alone", "</script>", "../../etc", "🏄" * 1000, ""])
def test_any_text_a_model_may_write_is_stored_and_read_back(tmp_path: Path, text: str) -> None:
    key = key_of(SEEN)
    [(done, pictures)] = turn([ChainState(key, SEEN, 0, SEEN.pixels)], CAPTIONER, GENERATOR, None, plan_of(pick_caption="first"))
    done = replace(done, prompt=text, captions=(replace(done.captions[0], text=text),))
    with opened(tmp_path / "run") as writer:
        writer.append(key, done, pictures, "")
    run = RunFolder.open(tmp_path / "run")
    assert [line.caption for line in run.rounds(key)] == [text]
    assert run.picture(key, run.rounds(key)[0].picture).tobytes() == pictures[done.picture_pick.chosen].tobytes()
    assert stand(tmp_path / "run")[0] == 1


def test_a_number_that_is_not_finite_never_reaches_a_file(tmp_path: Path) -> None:
    key = key_of(SEEN)
    [(done, pictures)] = turn([ChainState(key, SEEN, 0, SEEN.pixels)], CAPTIONER, GENERATOR, None, plan_of(pick_caption="first"))
    with opened(tmp_path / "run") as writer:
        with pytest.raises(ValueError, match="not JSON compliant"):
            writer.append(key, replace(done, seconds={"image": float("nan")}), pictures, "")
        assert read_lines(writer.run.chain_path(key) / "rounds.jsonl") == []


def test_a_large_picture_reads_back_bit_for_bit(tmp_path: Path) -> None:
    pixels: Pixels = noise(5, 300)[:, :200]
    with opened(tmp_path / "run", (Original("tall", pixels=pixels),)) as writer:
        run = writer.run
    assert run.originals["tall"].pixels is not None
    assert run.originals["tall"].pixels.tobytes() == pixels.tobytes()
    with pytest.raises(RunError):
        run.picture(key_of(SEEN), StoredPicture("", 0, "images/000001.png"))
