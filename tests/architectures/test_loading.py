"""Loading: settings, dtypes, what is refused and with which words, and what the recipe says."""

import shutil
from pathlib import Path
from typing import Any

import contract
import numpy as np
import pytest
import tiny_captioners
import torch
from conftest import Saver
from PIL import Image
from test_contract import load_captioner, load_generator
from transformers import BlipImageProcessor

from imageloop import catalog, models
from imageloop.errors import DeviceError, ModelError
from imageloop.models import folders, loading

pytestmark = pytest.mark.architectures


def refused(role: catalog.Role, path: Path, **settings: Any) -> str:
    load = models.load_generator if role == "generator" else models.load_captioner
    with pytest.raises(ModelError) as error:
        load(catalog.find(role, str(path)), device="cpu", dtype="fp32", batch=1, overrides=settings)
    assert "\n" not in str(error.value)
    return str(error.value)


def test_an_unknown_setting_offers_the_nearest(checkpoint: Saver) -> None:
    assert "this generator has no setting 'step'; did you mean 'steps'?" in refused("generator", checkpoint("generator", "sana"), step=3)
    assert "did you mean 'temperature'?" in refused("captioner", checkpoint("captioner", "blip"), temprature=1.0)


def test_a_damaged_file_says_so(checkpoint: Saver, tmp_path: Path) -> None:
    path = Path(shutil.copytree(checkpoint("captioner", "blip"), tmp_path / "damaged"))
    (path / "model.safetensors").write_bytes(b"\0" * 100)
    assert "has weights that cannot be read (Error while deserializing header" in refused("captioner", path)


def test_weights_that_may_run_code_are_refused(checkpoint: Saver, tmp_path: Path) -> None:
    path = Path(shutil.copytree(checkpoint("captioner", "blip"), tmp_path / "old"))
    (path / "model.safetensors").rename(path / "pytorch_model.bin")
    assert "no .safetensors file" in refused("captioner", path)
    assert "pytorch_model.bin may run code when read" in refused("captioner", path)


def test_a_model_that_only_embeds_is_no_captioner(checkpoint: Saver) -> None:
    assert "a clip model writes no captions of pictures" in refused("captioner", checkpoint("embedder", "clip"))


def test_missing_built_in_weights_are_told(tmp_path: Path) -> None:
    row = catalog.Row("sticker-x", "captioner", "transformers", str(tmp_path / "gone"), local=True)
    with pytest.raises(ModelError, match=r"^sticker-x: its folder .* is not there"):
        models.load_captioner(row, device="cpu", batch=1)


@pytest.mark.parametrize("name", ["gpu", "cuda:9", "cpu:1", "tpu"])
def test_a_device_that_is_not_there_is_refused(name: str) -> None:
    with pytest.raises(DeviceError, match=f"^device '{name}': "):
        loading.resolve_device(name)


def test_fp16_on_a_cpu_is_refused() -> None:
    with pytest.raises(DeviceError, match=r"use --dtype bf16 or --dtype fp32$"):
        loading.resolve_dtype("fp16", torch.device("cpu"))


def test_a_half_precision_checkpoint_is_loaded_in_the_dtype_asked_for(checkpoint: Saver, tmp_path: Path) -> None:
    parts = tiny_captioners.blip()
    parts[0].half().save_pretrained(tmp_path)
    parts[1].save_pretrained(tmp_path)
    captioner = models.load_captioner(catalog.find("captioner", str(tmp_path)), device="cpu", dtype="fp32", batch=1)
    assert captioner.recipe.dtype == "fp32"
    assert captioner.caption(contract.noise_pictures(1, 32), [1])[0].tokens > 0


def test_a_picture_of_the_models_own_size_is_not_resampled() -> None:
    picture = contract.noise_pictures(1, 64)[0]
    processor = BlipImageProcessor(size={"height": 64, "width": 64}, image_mean=[0.0] * 3, image_std=[1.0] * 3)
    seen = processor(images=[Image.fromarray(picture)], return_tensors="pt").pixel_values[0]
    assert (np.round(seen.permute(1, 2, 0).numpy() * 255) == picture).all()


def test_the_recipe_says_what_changes_the_output(checkpoint: Saver) -> None:
    generator = load_generator(checkpoint, "sana")
    assert generator.recipe.settings["complex_human_instruction"] is None
    assert generator.recipe.settings["use_resolution_binning"] is False
    assert generator.recipe.settings["scheduler"]["class"] == "DPMSolverMultistepScheduler"
    assert set(generator.recipe.settings["versions"]) == {"torch", "diffusers", "transformers"}
    assert generator.recipe.target == "sana"
    captioner = load_captioner(checkpoint, "blip")
    assert captioner.recipe.settings["image_processor"] == "torchvision"
    assert captioner.recipe.settings["habit"] == "straight"
    assert len({generator.recipe.hash, load_generator(checkpoint, "sana", guidance_scale=5.0).recipe.hash}) == 2


def test_other_weights_are_another_revision(checkpoint: Saver, tmp_path: Path) -> None:
    path = Path(shutil.copytree(checkpoint("captioner", "blip"), tmp_path / "other"))
    before = folders.fingerprint(path)
    weights = path / "model.safetensors"
    content = bytearray(weights.read_bytes())
    content[-1] ^= 1
    weights.write_bytes(content)
    folders.fingerprint.cache_clear()
    assert folders.fingerprint(path) != before


def test_what_changes_in_the_middle_of_weights_is_seen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    content = bytearray(5 << 20)
    weights = tmp_path / "model.safetensors"
    found = set()
    for whole in (folders.WHOLE, 1 << 20):
        monkeypatch.setattr(folders, "WHOLE", whole)
        for byte in (0, 1):
            content[(4 << 20) + 100] = byte
            weights.write_bytes(content)
            folders.fingerprint.cache_clear()
            found.add(folders.fingerprint(tmp_path))
    assert len(found) == 4


def test_a_size_that_a_pipeline_does_not_draw_is_told_in_one_line(checkpoint: Saver) -> None:
    generator = load_generator(checkpoint, "sana", size=31)
    with pytest.raises(ModelError, match="does not draw 31×31 by this recipe: "):
        generator.generate(["a surfer"] * generator.recipe.batch, [1] * generator.recipe.batch)


def test_weights_behind_a_link_count(tmp_path: Path) -> None:
    for name in ("one", "other"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "model.safetensors").write_text(name)
        (tmp_path / f"links-to-{name}").mkdir()
        (tmp_path / f"links-to-{name}" / "vae").symlink_to(tmp_path / name)
    assert folders.fingerprint(tmp_path / "links-to-one") != folders.fingerprint(tmp_path / "links-to-other")


def test_a_safety_checkers_black_picture_is_flagged(checkpoint: Saver) -> None:
    generator = load_generator(checkpoint, "sd15")
    checker = generator._pipeline.safety_checker
    with torch.no_grad():
        checker.concept_embeds_weights.fill_(-10.0)
    try:
        pictures = generator.generate(["a", "b", "c"], [1, 2, 3])
    finally:
        with torch.no_grad():
            checker.concept_embeds_weights.fill_(1.0)
    assert all(picture.blanked for picture in pictures)
    assert all((picture.pixels == 0).all() for picture in pictures)


def test_values_that_are_no_numbers_are_refused(checkpoint: Saver) -> None:
    generator = load_generator(checkpoint, "flux")
    with torch.no_grad():
        generator._pipeline.vae.decoder.conv_out.bias.fill_(torch.nan)
    with pytest.raises(ModelError, match=r"drew values that are no numbers in fp32; use --dtype fp32$"):
        generator.generate(["a", "b", "c"], [1, 2, 3])


def test_another_batch_than_the_recipes_is_a_mistake(checkpoint: Saver) -> None:
    with pytest.raises(ValueError, match="is loaded for batches of 3, not 1"):
        load_generator(checkpoint, "sana").generate(["a"], [1])
