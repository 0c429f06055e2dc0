"""Naming models: what is found, what is refused and with which words."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from imageloop.catalog import ROWS, find, label
from imageloop.errors import ModelError
from imageloop.instructions import instruction


def folder(path: Path, file: str, **config: str) -> Path:
    path.mkdir()
    (path / file).write_text(json.dumps(config))
    return path


def test_every_row_is_found_by_its_name() -> None:
    for row in ROWS:
        assert find(row.role, row.name) is row


def test_names_are_one_of_a_kind_within_a_role() -> None:
    assert len({(row.role, row.name) for row in ROWS}) == len(ROWS)
    assert len({(row.role, label(row.name)) for row in ROWS}) == len(ROWS)


def test_rows_hold_only_what_json_holds() -> None:
    for row in ROWS:
        json.dumps(dict(row.settings), allow_nan=False)


def test_every_row_of_the_hub_says_under_which_licence_and_how_large_it_is() -> None:
    for row in ROWS:
        assert row.licence
        assert row.parameters is not None
        assert row.parameters > 0 or row.family == "analytic"
        assert row.role != "generator" or row.family == "analytic" or row.settings["size"] % 8 == 0


def test_every_instruction_a_row_names_is_one() -> None:
    named = {row.settings["instruction"] for row in ROWS if "instruction" in row.settings}
    assert named
    assert all(instruction(name) != name for name in named)


def test_a_tag_of_open_clip_is_one_that_open_clip_has() -> None:
    import open_clip

    for row in ROWS:
        if row.family == "open_clip" and not row.local:
            architecture, _, tag = row.target.partition("/")
            assert open_clip.get_pretrained_cfg(architecture, tag)["hf_hub"].strip("/") == row.repository


def test_the_catalog_is_there_at_once() -> None:
    code = "import time; start = time.process_time(); import imageloop.catalog; print(time.process_time() - start)"
    runs = (subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True) for _ in range(3))
    assert min(float(run.stdout) for run in runs) < 0.3


def test_the_catalog_imports_nothing_heavy() -> None:
    code = "import sys, imageloop.catalog; print(sorted({m.partition('.')[0] for m in sys.modules} & {'torch', 'numpy', 'diffusers'}))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_an_unknown_name_offers_the_nearest() -> None:
    with pytest.raises(ModelError) as error:
        find("captioner", "blip-bse")
    assert str(error.value).startswith("blip-bse: no captioner is called that; did you mean blip-base")


def test_a_name_like_no_other_points_to_the_list() -> None:
    with pytest.raises(ModelError, match=r"^qqqq: no generator is called that; `imageloop models` lists the names"):
        find("generator", "qqqq")


def test_a_captioner_given_as_generator_says_so() -> None:
    with pytest.raises(
        ModelError, match=r"^sticker-blip: this is a captioner, not a generator; name a generator instead, e\.g\. .*sticker-sana"
    ):
        find("generator", "sticker-blip")


def test_a_hub_id_needs_no_row() -> None:
    row = find("generator", "diffusers:someone/their-model@0a1b2c")
    assert (row.family, row.target, row.revision, row.local) == ("diffusers", "someone/their-model", "0a1b2c", False)
    assert find("captioner", "someone/their-model").family == "transformers"
    assert find("embedder", "transformers:facebook/dinov2-small").family == "transformers"


def test_a_library_that_does_not_load_the_role_is_refused() -> None:
    with pytest.raises(ModelError, match=r"^diffusers:a/b: diffusers loads no captioner; type transformers:a/b$"):
        find("captioner", "diffusers:a/b")
    with pytest.raises(ModelError, match=r"^hub:a/b: no library is called 'hub' here; use one of diffusers:$"):
        find("generator", "hub:a/b")


@pytest.mark.parametrize(
    ("role", "file", "family"),
    [
        ("generator", "model_index.json", "diffusers"),
        ("captioner", "config.json", "transformers"),
        ("embedder", "open_clip_config.json", "open_clip"),
        ("embedder", "config.json", "transformers"),
    ],
)
def test_a_folder_tells_its_family(tmp_path: Path, role: str, file: str, family: str) -> None:
    path = folder(tmp_path / "model", file, model_type="blip")
    row = find(role, str(path))  # type: ignore[arg-type]
    assert (row.family, row.target, row.local) == (family, str(path), True)


def test_a_folder_of_another_role_says_so(tmp_path: Path) -> None:
    path = folder(tmp_path / "model", "config.json", model_type="blip")
    with pytest.raises(ModelError, match=r"the folder holds a captioner \(transformers\), not a generator$"):
        find("generator", str(path))


def test_a_folder_that_holds_no_model_says_what_is_missing(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"no model in this folder; it needs model_index\.json"):
        find("generator", str(tmp_path))
    with pytest.raises(ModelError, match=r"there is no such folder"):
        find("generator", str(tmp_path / "nowhere"))
    (tmp_path / "config.json").write_text("{ half")
    with pytest.raises(ModelError, match=r"config\.json: not readable as JSON"):
        find("captioner", str(tmp_path))


def test_labels_are_safe_in_paths_and_tell_folders_apart() -> None:
    assert label("sticker-sana") == "sticker-sana"
    assert label("diffusers:someone/their-model@COMMIT") == "diffusers-someone-their-model-COMMIT"
    assert label("./my-finetuned-blip").startswith("my-finetuned-blip-")
    assert label("/one/blip") != label("/other/blip")
    for spec in ("../../etc/passwd", "a/b@c/d", "x y+z@w", "/", ".."):
        assert set(label(spec)) <= set("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-")
        assert not label(spec).startswith((".", "-"))
