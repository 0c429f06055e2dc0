"""A captioner whose code lies beside its weights: refused unless trusted, and then held to the contract as far as it is its own."""

import json
import shutil
from pathlib import Path
from typing import Any

import contract
import numpy as np
import pytest
import tiny_own_code
import torch

from imageloop import catalog, models
from imageloop.errors import ModelError
from imageloop.models.own_code import OwnCodeCaptioner

pytestmark = pytest.mark.architectures


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_own_code.save(tmp_path_factory.mktemp("own-code") / "tiny-dream")


@pytest.fixture(autouse=True)
def modules_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where transformers copies foreign code before it runs it."""
    monkeypatch.setattr("transformers.dynamic_module_utils.HF_MODULES_CACHE", str(tmp_path / "modules"))


def load(folder: Path, **overrides: Any) -> OwnCodeCaptioner:
    settings = {"trust_remote_code": True, "max_new_tokens": 12, **overrides}
    captioner = models.load_captioner(
        catalog.find("captioner", str(folder)), device="cpu", dtype="fp32", batch=contract.BATCH, overrides=settings
    )
    assert isinstance(captioner, OwnCodeCaptioner)
    return captioner


def test_foreign_code_is_not_run_unless_it_is_trusted(folder: Path, tmp_path: Path) -> None:
    telling = Path(shutil.copytree(folder, tmp_path / "telling"))
    with (telling / "modeling_tiny_dream.py").open("a") as code:
        code.write(f"\nopen({str(tmp_path / 'it-ran')!r}, 'w').close()\n")
    for trust in (False, "yes", 1):
        with pytest.raises(ModelError) as error:
            load(telling, trust_remote_code=trust)
        assert "runs Python code that lies beside its weights" in str(error.value)
        assert str(error.value).endswith(f"read that code, then type --set {telling}.trust_remote_code=true")
        assert not (tmp_path / "it-ran").exists()
    load(telling)
    assert (tmp_path / "it-ran").exists()


def test_its_own_call_keeps_the_contract(folder: Path) -> None:
    captioner = load(folder)
    images = contract.noise_pictures(4, 32)
    first = captioner.caption(images[:3], [11, 22, 33])
    assert captioner.caption([images[3], images[3], images[0]], [4, 5, 11])[2] == first[0]
    assert len({caption.text for caption in captioner.caption([images[0]] * 3, [1, 2, 3])}) == 3
    assert len({caption.text for caption in load(folder, decoding="greedy").caption([images[0]] * 3, [1, 2, 3])}) == 1
    colours = [np.full((32, 32, 3), colour, np.uint8) for colour in ((255, 0, 0), (0, 255, 0), (0, 0, 255))]
    assert len({caption.text for caption in load(folder, decoding="greedy").caption(colours, [7, 7, 7])}) > 1
    assert captioner.with_batch(1).caption(images[:1], [11])[0] == first[0]


def test_it_leaves_the_global_stream_as_it_was(folder: Path) -> None:
    captioner = load(folder)
    torch.manual_seed(5)
    expected = torch.rand(1)
    torch.manual_seed(5)
    captioner.caption(contract.noise_pictures(3, 32), [1, 2, 3])
    assert torch.rand(1) == expected


def test_a_caption_at_its_limit_is_whole_and_one_beyond_it_is_cut(folder: Path) -> None:
    image = contract.noise_pictures(1, 32)[0]
    whole = load(folder, max_new_tokens=200).caption([image] * 3, [1] * 3)[0]
    assert not whole.cut
    for limit in (whole.tokens - 1, whole.tokens, whole.tokens + 1):
        told = load(folder, max_new_tokens=limit).caption([image] * 3, [1] * 3)[0]
        assert (told.cut, told.tokens) == (limit < whole.tokens, min(limit, whole.tokens))


def test_the_recipe_states_what_it_does(folder: Path) -> None:
    settings = load(folder, length="short").recipe.settings
    assert (settings["trust_remote_code"], settings["habit"], settings["length"]) == (True, "own call", "short")
    with pytest.raises(ModelError, match="this captioner has no setting 'beams'"):
        load(folder, beams=3)
    with pytest.raises(ModelError, match="decoding 'beam' is none of sample, greedy"):
        load(folder, decoding="beam")


def test_code_without_a_call_of_its_own_is_refused(folder: Path, tmp_path: Path) -> None:
    mute = Path(shutil.copytree(folder, tmp_path / "mute"))
    file = mute / "modeling_tiny_dream.py"
    file.write_text(file.read_text().replace("def caption(", "def describe("))
    with pytest.raises(ModelError, match=r"its code has no call caption\(image, …\)"):
        load(mute)


def test_an_answer_that_is_no_text_is_refused(folder: Path, tmp_path: Path) -> None:
    odd = Path(shutil.copytree(folder, tmp_path / "odd"))
    file = odd / "modeling_tiny_dream.py"
    file.write_text(file.read_text().replace('return {"caption": text}', "return text"))
    with pytest.raises(ModelError, match="gave no text; pin a revision that gives"):
        load(odd).caption(contract.noise_pictures(3, 32), [1, 2, 3])


def test_code_for_another_kind_of_model_is_refused(folder: Path, tmp_path: Path) -> None:
    other = Path(shutil.copytree(folder, tmp_path / "other"))
    config = json.loads((other / "config.json").read_text())
    config["auto_map"]["AutoModelForSpeechSeq2Seq"] = config["auto_map"].pop("AutoModelForCausalLM")
    (other / "config.json").write_text(json.dumps(config))
    with pytest.raises(ModelError, match="AutoModelForSpeechSeq2Seq, not for a model that writes"):
        load(other)


def test_a_model_that_transformers_knows_needs_no_trust(checkpoint: Any) -> None:
    row = catalog.find("captioner", str(checkpoint("captioner", "blip")))
    with pytest.raises(ModelError, match="this captioner has no setting 'trust_remote_code'"):
        models.load_captioner(row, device="cpu", dtype="fp32", batch=1, overrides={"trust_remote_code": True})


def test_moondream_asks_for_trust_and_has_a_pinned_revision() -> None:
    row = catalog.find("captioner", "moondream2")
    assert row.revision
    assert "trust_remote_code" not in row.settings
