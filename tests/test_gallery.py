"""The data beside the page: made once, kept up to date as a run grows, and the same however it was made."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from imageloop.measures import measure_run, table
from imageloop.records import Pick, Round, SeededCaption, StoredPicture
from imageloop.report import Gallery, following, thumbnails, values
from imageloop.report.blocks import BLOCK, LONGEST, clipped
from imageloop.report.gallery import SHARE, short_name
from imageloop.report.losses import losses
from imageloop.store import RunFolder
from tests.page_data import received, rows_of
from tests.paper_run import SURFER, PaperEmbedder, keep_rounds, paper_run


def made(run: RunFolder) -> dict[str, bytes]:
    """The data of a run, made from nothing."""
    shutil.rmtree(run.path / "report", ignore_errors=True)
    Gallery(run.path).write(RunFolder.open(run.path))
    return held(run)


def held(run: RunFolder) -> dict[str, bytes]:
    data = run.path / "report" / "data"
    return {file.relative_to(data).as_posix(): file.read_bytes() for file in sorted(data.rglob("*")) if file.is_file()}


def grown(run: RunFolder, stops: list[int]) -> dict[str, bytes]:
    """The data of a run that was looked at whenever its chain had so many rounds."""
    (key,) = run.keys()
    lines = (run.chain_path(key) / "rounds.jsonl").read_text().splitlines(keepends=True)
    gallery = Gallery(run.path)
    for stop in stops:
        (run.chain_path(key) / "rounds.jsonl").write_text("".join(lines[:stop]))
        gallery.write(RunFolder.open(run.path))
    return held(run)


def test_data_that_grew_with_the_run_is_the_data_made_at_its_end(tmp_path: Path) -> None:
    run = paper_run(tmp_path, seeds=1, rounds=2 * BLOCK + 7)
    whole = made(run)
    shutil.rmtree(tmp_path / "report")
    assert grown(run, [0, 1, 7, BLOCK, BLOCK + 1, 2 * BLOCK + 7]) == whole
    (name,) = {file.partition("/")[0] for file in whole} - {"overview.js"}
    assert set(whole) == {
        "overview.js",
        *(f"{name}/{number:05}.{kind}" for number in range(3) for kind in ("js", "webp")),
        f"{name}/far-00000.webp",
    }


def test_a_refresh_opens_new_pictures_only(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run = paper_run(tmp_path, seeds=1, rounds=BLOCK + 10)
    opened: list[str] = []
    read = thumbnails.read_picture
    monkeypatch.setattr(thumbnails, "read_picture", lambda file: (opened.append(file.name), read(file))[1])
    grown(run, [BLOCK + 4])
    assert len(opened) == BLOCK + 4 + 1  # the 50th is on the sheet of far ones too
    opened.clear()
    grown_again = Gallery(tmp_path)
    grown_again.write(run)
    assert opened == ["000050.png"]  # another process: blocks on disk are trusted, the sheet of far ones is drawn anew
    opened.clear()
    grown_again.write(run)
    assert opened == []


def test_the_next_process_reads_only_the_block_that_is_not_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run = paper_run(tmp_path, seeds=1, rounds=BLOCK + 10)
    before = grown(run, [BLOCK + 4])
    lines = paper_run(tmp_path / "again", seeds=1, rounds=BLOCK + 10)
    shutil.copy(lines.chain_path(lines.keys()[0]) / "rounds.jsonl", run.chain_path(run.keys()[0]) / "rounds.jsonl")
    opened: list[str] = []
    read = thumbnails.read_picture
    monkeypatch.setattr(thumbnails, "read_picture", lambda file: (opened.append(file.name), read(file))[1])
    Gallery(tmp_path).write(RunFolder.open(tmp_path))
    assert sorted(set(opened)) == ["000050.png", *(f"{number:06}.png" for number in range(BLOCK + 1, BLOCK + 11))]
    assert held(run) != before


def test_a_picture_that_is_no_longer_kept_leaves_an_empty_cell(tmp_path: Path) -> None:
    run = paper_run(tmp_path, seeds=1, rounds=6)
    (key,) = run.keys()
    lines = (run.chain_path(key) / "rounds.jsonl").read_text().splitlines(keepends=True)
    information = json.loads((tmp_path / "run.json").read_text())
    information["plan"]["keep"] = "log"
    (tmp_path / "run.json").write_text(json.dumps(information))
    gallery = Gallery(tmp_path)
    for done in range(1, 7):
        (run.chain_path(key) / "rounds.jsonl").write_text("".join(lines[:done]))
        if done > 1 and (done - 1) & (done - 2):
            (run.chain_path(key) / f"images/{done - 1:06}.png").unlink()
        gallery.write(RunFolder.open(tmp_path))
    grew = held(run)
    assert [row.get("absent") for row in rows_of(run)] == [None, None, "not kept", None, "not kept", None]
    with Image.open(tmp_path / "report" / "data" / short_name(run, key) / "00000.webp") as sheet:
        alpha = sheet.convert("RGBA").getchannel("A")
        assert [alpha.getpixel((64 * place + 32, 32)) for place in range(7)] == [255, 255, 0, 255, 0, 255, 0]
    assert made(run) == grew


def test_a_chain_that_was_cut_back_is_read_anew(tmp_path: Path) -> None:
    run = paper_run(tmp_path, seeds=1, rounds=BLOCK + 9)
    gallery = Gallery(tmp_path)
    gallery.write(run)
    keep_rounds(run, run.keys()[0], 4)
    (chain,) = gallery.write(run)
    assert chain.rounds == 4
    assert len(rows_of(run)) == 4


def test_far_sheets_hold_every_last_round_of_a_block(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(following, "BLOCK", 3)
    run = paper_run(tmp_path, seeds=1, rounds=20)
    (chain,) = Gallery(tmp_path).write(run)
    filled = {}
    for number in range(2):
        with Image.open(chain.into / f"far-{number:05}.webp") as sheet:
            alpha = sheet.convert("RGBA").getchannel("A")
            filled[number] = [alpha.getpixel((64 * place + 32, 32)) for place in range(4)]
    assert filled == {0: [255, 255, 255, 0], 1: [255, 255, 255, 0]}  # rounds 3, 6, 9 and 12, 15, 18
    assert len(list(chain.into.glob("far-*"))) == 2


def test_values_are_told_round_by_round(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(values, "SPAN", 4)
    run = paper_run(tmp_path, seeds=1, rounds=6)
    measured = measure_run(run, PaperEmbedder())
    (chain,) = Gallery(tmp_path).write(run)
    values.write_values(measured, ["clip_image_similarity", "windowed_caption_jsd"], [chain])
    (expected,) = table.by_chain(table.select(measured, measure="clip_image_similarity")).values()
    parts = [received(chain.into / f"values-{number:03}.js")[1] for number in range(2)]
    assert [value for part in parts for value in part["clip_image_similarity"]] == [round(expected[number], 4) for number in range(1, 7)]
    assert parts[0]["windowed_caption_jsd"] == [None] * 4
    assert len(parts[1]["windowed_caption_jsd"]) == 2


def test_a_damaged_picture_is_told(tmp_path: Path) -> None:
    run = paper_run(tmp_path, seeds=1, rounds=3)
    (run.chain_path(run.keys()[0]) / "images/000002.png").write_bytes(b"not a picture")
    made(run)
    assert [row.get("absent") for row in rows_of(run)] == [None, "picture damaged", None]


def test_refreshing_takes_its_share_of_the_time_and_no_more(tmp_path: Path) -> None:
    now = [0.0]

    def clock() -> float:
        now[0] += 0.3  # whatever is timed takes that long
        return now[0]

    run = paper_run(tmp_path, rounds=2)
    gallery = Gallery(run.path, clock)
    assert gallery.refresh()
    assert (tmp_path / "report" / "index.html").is_file()
    waited = 0
    while not gallery.refresh():
        waited += 1
    assert 1 / (waited + 2) <= SHARE
    assert received(tmp_path / "report/data/overview.js")[1]["running"]


def a_round(number: int, pixels: str, **changes: Any) -> Round:
    fields: dict[str, Any] = {
        "round": number,
        "saw": None,
        "captions": (SeededCaption("a surfer at the beach, cartoon", 5, 1),),
        "caption_pick": Pick("first", 0),
        "prompt": "a surfer at the beach, cartoon",
        "prompt_tokens": {"text_encoder": 9},
        "prompt_tokens_read": {"text_encoder": 9},
        "pictures": (StoredPicture(pixels, 7, None),),
        "picture_pick": Pick("first", 0),
    }
    return Round(**{**fields, **changes})


def test_a_fixed_point_and_a_cycle_are_flagged_where_they_happen(tmp_path: Path) -> None:
    run = paper_run(tmp_path, seeds=1, rounds=1)
    chain = run.chain_path(run.keys()[0])
    states = ["aa", "bb", "bb", "cc", "bb"]
    rounds = [a_round(i + 1, state, saw=states[i - 1] if i else "start") for i, state in enumerate(states)]
    (chain / "rounds.jsonl").write_text("".join(json.dumps(done.to_json()) + "\n" for done in rounds))
    (followed,) = Gallery(tmp_path).write(run)
    assert [row.get("flags") for row in rows_of(run)] == [
        None,
        None,
        ["fixed point: the same picture again"],
        None,
        ["cycle: the very picture of round 3"],
    ]
    assert followed.counts.flagged == 2


def test_an_intervention_that_brings_the_original_back_is_marked(tmp_path: Path) -> None:
    run = paper_run(tmp_path, seeds=1, rounds=1)
    chain = run.chain_path(run.keys()[0])
    acts = ({"arm": "reanchor", "how": "image", "saw_original": True},)
    (chain / "rounds.jsonl").write_text(json.dumps(a_round(1, "aa", acts=acts).to_json()) + "\n")
    (followed,) = Gallery(tmp_path).write(run)
    (row,) = rows_of(run)
    assert row["looked"]
    assert row["flags"] == ["intervention: reanchor"]
    assert followed.counts.looked == 1


def test_long_texts_are_cut_and_say_how_much_is_left_out() -> None:
    assert clipped("a  b\u202e") == "a b\ufffd"
    assert clipped("x" * (LONGEST + 1500)).endswith("… (1,500 more characters in rounds.jsonl)")


def test_the_sentence_on_losses_counts_chains(tmp_path: Path) -> None:
    run = paper_run(tmp_path, scenes=(SURFER,), seeds=4, rounds=12)
    chains = Gallery(tmp_path).write(run)
    named = [(set(chain.first["facts"]), set(chain.last["facts"])) for chain in chains if chain.first and chain.last]
    lost = {fact: sum(fact in first - last for first, last in named) for first, _ in named for fact in first}
    count = max(lost.values())
    assert losses(chains) in {f"{count} of 4 chains {'has' if count == 1 else 'have'} lost the {fact}" for fact in lost}
    assert losses([]) is None


def test_the_format_of_sheets_is_part_of_their_block(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run = paper_run(tmp_path, seeds=1, rounds=3)
    before = made(run)
    monkeypatch.setattr(following, "FORMAT", following.FORMAT + 1)
    Gallery(tmp_path).write(run)
    changed = [name for name, content in held(run).items() if before[name] != content]
    assert [Path(name).name for name in changed] == ["00000.js"]
