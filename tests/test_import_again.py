"""A run of imported rounds: measured like any other, added to by another import, never mixed."""

import json
from functools import partial
from pathlib import Path

import numpy as np
import pyarrow.compute as pc
import pytest
import tiny_runs
from elsewhere import TWO_ROUNDS, Make, broken, imported, only_chain, written
from PIL import Image
from tiny_runs import contents, noise

from imageloop.cli import exit_code
from imageloop.errors import ForeignRun, RoundsError
from imageloop.importing import import_rounds
from imageloop.measures import similarity, table
from imageloop.store import RunFolder


@pytest.fixture
def made(tmp_path: Path, no_waiting_for_the_disk: None) -> Make:
    return partial(written, tmp_path)


def test_captions_alone_are_measured_by_what_captions_say(made: Make, capsys: pytest.CaptureFixture[str]) -> None:
    run = imported(made({"captions.txt": "a surfer\na palm tree\n" * 4})).run
    assert exit_code(["measure", str(run.path)]) == 0
    assert exit_code(["report", str(run.path)]) == 0
    measured = table.read(run.path)
    found = set(measured["measure"].to_pylist())
    assert {"word_entropy", "windowed_caption_jsd", "text_to_caption_similarity"} <= found
    assert not {name for name in found if "image" in name or name == "caption_obedience"}
    assert len(table.select(measured, measure="text_to_caption_similarity")) == 8
    pages = [file.read_text() for file in (run.path / "report").rglob("*") if file.suffix in (".html", ".js")]
    assert any("only the caption is known" in page for page in pages)
    assert any("no command makes them again" in page for page in pages)


def test_equal_embeddings_are_not_a_rounding_error_apart() -> None:
    rows = np.random.default_rng(0).standard_normal((64, 96)).astype(np.float32)
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    assert (np.einsum("nd,nd->n", rows.astype(float), rows.astype(float)) != 1).any()
    assert (similarity.pairwise(rows, rows) == 1).all()
    assert [similarity.to_one(rows, row).tolist().count(1.0) for row in rows] == [1] * 64
    assert np.isnan(similarity.to_one(np.full((2, 96), np.nan), np.full(96, np.nan))).all()


def test_a_copy_of_the_original_has_no_drift_at_all(made: Make) -> None:
    files = {"00.png": 3, **{f"{t:02}.txt": "a surfer" for t in range(1, 7)}, **{f"{t:02}.png": 3 for t in range(1, 7)}}
    run = imported(made(files)).run
    assert exit_code(["measure", str(run.path)]) == 0
    for name in ("clip_image_similarity", "clip_step_similarity"):
        values = table.select(table.read(run.path), measure=name)["value"]
        assert (len(values), pc.min(values).as_py(), pc.max(values).as_py()) == (6, 1.0, 1.0)


def test_importing_again_adds_what_is_new_and_changes_nothing_else(made: Make) -> None:
    folder = made(TWO_ROUNDS)
    before = contents(imported(folder).run.path)
    again = imported(folder)
    assert (again.chains[0].new, contents(again.run.path)) == (0, before)
    made({"03.txt": "a third", "03.png": 3})
    more = imported(folder)
    assert (more.chains[0].rounds, more.chains[0].new) == (3, 1)
    assert [done.round for done in only_chain(more)] == [1, 2, 3]


def test_captions_alone_can_be_imported_again(made: Make) -> None:
    folder = made({"captions.txt": "a surfer\na palm"})
    imported(folder)
    made({"captions.txt": "a surfer\na palm\na tree"})
    found = imported(folder)
    assert (found.chains[0].new, [done.caption for done in only_chain(found)]) == (1, ["a surfer", "a palm", "a tree"])


def test_an_import_that_was_killed_goes_on_to_the_same_end(made: Make) -> None:
    folder = made(broken({}))
    whole = contents(imported(folder).run.path)
    lines = next((folder.parent / "run").glob("chains/*/*/rounds.jsonl"))
    lines.write_bytes(b"\n".join(lines.read_bytes().split(b"\n")[:2]) + b'\n{"round": 3, "sa')
    lines.with_name("images").joinpath("000004.png").unlink()
    found = imported(folder)
    assert (found.chains[0].new, contents(found.run.path)) == (2, whole)


def test_other_rounds_are_never_mixed_in(made: Make) -> None:
    folder = made(TWO_ROUNDS)
    imported(folder)
    with pytest.raises(ForeignRun, match="generators was"):
        imported(folder, generator="sdxl")
    made({"02.png": 9})
    with pytest.raises(ForeignRun, match=r"round 2 of elsewhere-[0-9a-f]{8}-s0 is another than that of elsewhere; choose another folder"):
        imported(folder)


def test_a_run_does_not_go_on_from_an_import_nor_an_import_from_a_run(made: Make, capsys: pytest.CaptureFixture[str]) -> None:
    folder = made(TWO_ROUNDS)
    here = imported(folder, captioner="analytic", generator="analytic").run.path
    before = contents(here)
    models = [f"--{role}=analytic" for role in ("captioner", "generator", "embedder")]
    assert exit_code(["run", str(folder / "00.png"), *models, "--seeds", "1", "--rounds", "3", "--out", str(here)]) == 1
    line = capsys.readouterr().err.splitlines()[-1]
    assert line.endswith("its rounds were imported, and no model here made them, so it does not go on; choose another folder with --out")
    assert contents(here) == before
    with pytest.raises(ForeignRun, match="its rounds were made here, not imported"):
        import_rounds(folder, tiny_runs.made(folder.parent / "made-here").path, embedder="analytic")


def test_the_command_says_what_was_imported_and_what_to_type_next(
    made: Make, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = made({**TWO_ROUNDS, "notes.md": "mine"})
    monkeypatch.chdir(folder.parent)
    assert exit_code(["import", "elsewhere", "--generator", "midjourney", "--embedder", "analytic"]) == 0
    printed = capsys.readouterr().out.splitlines()
    assert printed[0].startswith("elsewhere: 2 rounds, all new, in chains/unknown+midjourney/elsewhere-")
    assert printed[1:] == [
        "note: left out, as part of no round: notes.md",
        "imported  outputs/elsewhere",
        "next      imageloop measure outputs/elsewhere; imageloop report outputs/elsewhere",
    ]
    assert exit_code(["import", "elsewhere", "--generator", "midjourney", "--embedder", "analytic", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert (told["chains"][0]["new"], told["chains"][0]["pair"], len(told["notices"])) == (0, "unknown+midjourney", 1)


def test_files_that_change_while_they_are_read_are_not_mixed_up(made: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = made(TWO_ROUNDS)

    def say(text: str) -> None:
        if text == "storing":
            Image.fromarray(noise(99)).save(folder / "02.png")

    with pytest.raises(RoundsError, match=r"elsewhere: 02\.png changed while it was read"):
        imported(folder, say=say)
    run = RunFolder.open(folder.parent / "run")
    assert [len(run.rounds(key)) for key in run.keys()] == [1]  # noqa: SIM118
