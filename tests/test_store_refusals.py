import errno
import json
import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tiny_runs import (
    CAPTIONER,
    GENERATOR,
    SAID,
    SEEN,
    contents,
    contents_raw,
    go_on,
    made,
    noise,
    opened,
    stand,
)

from imageloop.errors import ForeignRun, RunError, RunLocked
from imageloop.store import RunFolder

pytestmark = pytest.mark.usefixtures("no_waiting_for_the_disk")


# Refusals: one line, and nothing is changed.


def refusal(folder: Path, **changes: Any) -> str:
    files = contents_raw(folder)
    with pytest.raises(ForeignRun) as caught:
        opened(folder, **changes)
    assert contents_raw(folder) == files
    return str(caught.value).removeprefix(f"{folder}: ")


def test_another_plan_is_refused_with_what_differs(tmp_path: Path) -> None:
    made(tmp_path / "run")
    end = "; choose another folder with --out"
    assert refusal(tmp_path / "run", images=4) == f"is a run of another plan: images was 2, is 4{end}"
    assert refusal(tmp_path / "run", seed=1, batch=8) == f"is a run of another plan: seed was 0, is 1; batch was 4, is 8{end}"
    assert refusal(tmp_path / "run", pick_image="first") == f'is a run of another plan: pick_image was "random", is "first"{end}'
    assert refusal(tmp_path / "run", size=16) == f"is a run of another plan: size was 8, is 16{end}"
    assert refusal(tmp_path / "run", embedder="clip-b32") == f'is a run of another plan: embedder was "analytic", is "clip-b32"{end}'


def test_a_device_that_was_chosen_is_part_of_the_plan_and_auto_is_left_to_the_recipe(tmp_path: Path) -> None:
    made(tmp_path / "run", device="cpu")
    assert refusal(tmp_path / "run", device="cuda").startswith('is a run of another plan: device was "cpu", is "cuda"')
    made(tmp_path / "run", 0, device="auto")


@pytest.mark.parametrize(
    "changes",
    [
        {"rounds": 9},
        {"rounds": 1},
        {"seeds": 4},
        {"name": "other"},
        {"keep": "log"},
        {"keep_candidates": False},
        {"originals": ("text:two red flowers",)},
    ],
)
def test_what_only_extends_a_run_or_its_output_is_no_other_plan(tmp_path: Path, changes: dict[str, Any]) -> None:
    before = made(tmp_path / "run").info
    after = made(tmp_path / "run", 0, **changes).info
    assert after.plan_hash == before.plan_hash
    assert after.plan["rounds"] == max(3, changes.get("rounds", 0))
    assert set(before.plan["originals"]) <= set(after.plan["originals"])


def test_an_embedder_that_picks_nothing_may_change(tmp_path: Path) -> None:
    made(tmp_path / "run", pick_caption="first")
    assert made(tmp_path / "run", 0, pick_caption="first", embedder="clip-b32").info.plan["embedder"] == "clip-b32"


def test_a_run_without_a_round_takes_any_plan(tmp_path: Path) -> None:
    made(tmp_path / "run", 0)
    assert made(tmp_path / "run", 1, images=4).info.plan["images"] == 4


def test_another_recipe_is_refused_with_what_differs(tmp_path: Path) -> None:
    with opened(tmp_path / "run") as writer:
        writer.use(GENERATOR.recipe, "analytic")
        go_on(writer, SEEN, 1)
    with opened(tmp_path / "run") as writer:
        writer.use(GENERATOR.recipe, "analytic")
        other = replace(GENERATOR.recipe, dtype="bf16", settings={**GENERATOR.recipe.settings, "size": 16})
        with pytest.raises(ForeignRun) as caught:
            writer.use(other, "analytic")
    assert str(caught.value) == (
        f"{tmp_path / 'run'}: generator analytic was another there: "
        'dtype was "fp64", is "bf16"; settings.size was 8, is 16; choose another folder with --out'
    )


def test_one_name_can_be_a_captioner_and_a_generator(tmp_path: Path) -> None:
    with opened(tmp_path / "run") as writer:
        writer.use(CAPTIONER.recipe, "analytic")
        writer.use(GENERATOR.recipe, "analytic")
    assert list(RunFolder.open(tmp_path / "run").info.recipes) == ["captioner/analytic", "generator/analytic"]


def test_other_software_is_told(tmp_path: Path) -> None:
    run = made(tmp_path / "run")
    info = json.loads((run.path / "run.json").read_text())
    info["versions"]["numpy"] = "1.0"
    (run.path / "run.json").write_text(json.dumps(info))
    with opened(run.path) as writer:
        assert writer.told() == [f'{run.path}: goes on with other software: numpy was "1.0", is "{np.__version__}"']


def test_an_original_that_is_another_under_the_same_name_is_refused(tmp_path: Path) -> None:
    made(tmp_path / "run")
    for other in (replace(SEEN, pixels=noise(9)), replace(SAID, text="another")):
        with pytest.raises(ForeignRun, match=r"is not the plan's original of that name; choose another folder with --out$"):
            opened(tmp_path / "run", (other,))


def test_a_second_process_is_refused_until_the_first_is_done(tmp_path: Path) -> None:
    with opened(tmp_path / "run"):
        for _ in range(2):
            with pytest.raises(
                RunLocked, match=r"run: another process works on this run; wait for it, or choose another folder with --out$"
            ):
                opened(tmp_path / "run")
    opened(tmp_path / "run").close()


def test_a_folder_of_something_else_is_not_touched(tmp_path: Path) -> None:
    (tmp_path / "holiday.jpg").touch()
    with pytest.raises(RunError, match=r"is no run's folder but holds holiday\.jpg; choose another folder with --out$"):
        opened(tmp_path)
    assert sorted(file.name for file in tmp_path.iterdir() if file.name != ".lock") == ["holiday.jpg"]


def test_what_is_no_run_is_told_in_one_line(tmp_path: Path) -> None:
    with pytest.raises(RunError, match=r"nowhere: no such run; `imageloop run` makes one$"):
        RunFolder.open(tmp_path / "nowhere")
    with pytest.raises(RunError, match=r"holds no run\.json, so it is not the folder of a run; name one below outputs/$"):
        RunFolder.open(tmp_path)
    for content in ("{", "[]", '{"plan": {}}'):
        (tmp_path / "run.json").write_text(content)
        with pytest.raises(RunError, match=r"run\.json: cannot be read .*; restore it, or choose another folder with --out$"):
            RunFolder.open(tmp_path)


FULL = "the disk is full; every finished round is safe: make room and run the same command again"


@pytest.mark.parametrize(
    ("code", "call", "text"),
    [
        *((errno.ENOSPC, call, FULL) for call in range(8)),
        (errno.EDQUOT, 2, FULL),
        (errno.EROFS, 2, "may not be written; change its permissions, or choose another folder with --out"),
        (errno.EIO, 3, "cannot be written: Input/output error; choose another folder with --out"),
    ],
)
def test_a_disk_that_refuses_is_told_and_nothing_is_lost(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: int, call: int, text: str
) -> None:
    before = made(tmp_path / "run", 2)
    files = contents(before.path)
    writes = iter(range(100))
    write = os.write

    def refusing(descriptor: int, data: memoryview) -> int:
        if next(writes) >= call:
            write(descriptor, data[: len(data) // 2])
            raise OSError(code, os.strerror(code))
        return write(descriptor, data)

    with opened(before.path) as writer, monkeypatch.context() as patch:
        patch.setattr(os, "write", refusing)
        with pytest.raises(RunError, match=f": {text}$") as caught:
            go_on(writer, SEEN, 4)
        assert "\n" not in str(caught.value)
    assert len(before.rounds(before.keys()[0])) >= 2
    assert stand(before.path)[1] == []
    made(before.path, 6 - stand(before.path)[0])
    made(tmp_path / "unhindered", 6)
    assert contents(before.path) == contents(tmp_path / "unhindered")
    assert files.keys() <= contents(before.path).keys()


def test_a_folder_that_may_not_be_made_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(RunError, match=r"file/run: cannot be written: Not a directory; choose another folder with --out$"):
        opened(tmp_path / "file" / "run")
