"""What a recipe may change in a pipeline: scheduler, UNet, dtypes of parts; and that the recipe says which."""

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import contract
import local_hub
import numpy as np
import pytest
import tiny_generators
import torch
from conftest import Saver
from local_hub import COMMIT, Hub
from safetensors.torch import load_file, save_file
from test_contract import load_generator

from imageloop.errors import ModelError

pytestmark = pytest.mark.architectures

LIGHTNING = {"class": "EulerDiscreteScheduler", "timestep_spacing": "trailing"}


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    with local_hub.running(monkeypatch, tmp_path / "cache") as hub:
        yield hub


@pytest.fixture
def lightning(checkpoint: Saver, tmp_path: Path) -> Path:
    """UNet weights that fit the tiny SDXL and are not its own."""
    weights = load_file(next((checkpoint("generator", "sdxl") / "unet").glob("*.safetensors")))
    torch.manual_seed(1)
    folder = tmp_path / "lightning"
    folder.mkdir()
    save_file({name: torch.randn_like(tensor) / 8 for name, tensor in weights.items()}, folder / "4step_unet.safetensors")
    return folder


def drawn(generator: Any) -> np.ndarray:
    return np.stack([picture.pixels for picture in generator.generate(["a surfer"] * contract.BATCH, [1, 2, 3])])


def refused(checkpoint: Saver, family: str, **settings: Any) -> str:
    with pytest.raises(ModelError) as error:
        load_generator(checkpoint, family, **settings)
    assert "\n" not in str(error.value)
    return str(error.value)


def test_another_unet_from_the_hub_draws_otherwise_and_its_commit_is_recorded(checkpoint: Saver, lightning: Path, hub: Hub) -> None:
    hub.hold("someone/Lightning", lightning)
    settings = {"steps": 4, "guidance_scale": 0.0, "scheduler": LIGHTNING}
    swapped = load_generator(checkpoint, "sdxl", unet="someone/Lightning/4step_unet.safetensors", **settings)
    assert (swapped.recipe.settings["unet"], swapped.recipe.settings["unet_revision"]) == (
        "someone/Lightning/4step_unet.safetensors",
        COMMIT,
    )
    assert swapped.recipe.settings["scheduler"]["timestep_spacing"] == "trailing"
    contract.check_generator(swapped, tiny_generators.SIDE, tiny_generators.SIDE)
    assert (drawn(swapped) != drawn(load_generator(checkpoint, "sdxl", **settings))).any()
    pinned = load_generator(checkpoint, "sdxl", unet=f"someone/Lightning@{COMMIT}/4step_unet.safetensors", **settings)
    assert (drawn(pinned) == drawn(swapped)).all()


def test_a_unet_of_ones_own_is_recorded_by_its_content_not_its_place(checkpoint: Saver, lightning: Path, tmp_path: Path) -> None:
    elsewhere = Path(shutil.copytree(lightning, tmp_path / "elsewhere"))
    one, other = (load_generator(checkpoint, "sdxl", unet=str(folder / "4step_unet.safetensors")) for folder in (lightning, elsewhere))
    assert one.recipe == other.recipe
    assert str(tmp_path) not in json.dumps(dict(one.recipe.settings))
    weights = load_file(elsewhere / "4step_unet.safetensors")
    save_file({name: tensor + 1 for name, tensor in weights.items()}, elsewhere / "4step_unet.safetensors")
    assert load_generator(checkpoint, "sdxl", unet=str(elsewhere / "4step_unet.safetensors")).recipe != one.recipe


def test_a_unet_that_does_not_fit_is_refused(checkpoint: Saver, tmp_path: Path) -> None:
    file = tmp_path / "other.safetensors"
    save_file({"conv_in.weight": torch.zeros(8, 4, 3, 3), "strange": torch.zeros(1)}, file)
    assert "unet other.safetensors is for another model: " in refused(checkpoint, "sdxl", unet=str(file))
    assert "and 1 are unknown" in refused(checkpoint, "sdxl", unet=str(file))
    assert "SanaPipeline has no UNet to replace; leave unet out" in refused(checkpoint, "sana", unet=str(file))
    assert "'unet.bin' is no file here; give a .safetensors file" in refused(checkpoint, "sdxl", unet="unet.bin")


def test_a_scheduler_that_is_none_is_refused(checkpoint: Saver) -> None:
    assert "has no scheduler 'EulerScheduler'; name a class" in refused(checkpoint, "sdxl", scheduler={"class": "EulerScheduler"})
    assert "has no scheduler 'UNet2DModel'" in refused(checkpoint, "sdxl", scheduler={"class": "UNet2DModel"})
    assert "EulerDiscreteScheduler takes no spacing" in refused(checkpoint, "sdxl", scheduler={**LIGHTNING, "spacing": "trailing"})
    assert "scheduler must be a table" in refused(checkpoint, "sdxl", scheduler="EulerDiscreteScheduler")


def test_parts_take_dtypes_of_their_own(checkpoint: Saver) -> None:
    generator = load_generator(checkpoint, "sana", dtype="bf16", part_dtypes={"vae": "fp32"})
    parts = generator._pipeline.components
    assert {name: next(parts[name].parameters()).dtype for name in ("vae", "transformer", "text_encoder")} == {
        "vae": torch.float32,
        "transformer": torch.bfloat16,
        "text_encoder": torch.bfloat16,
    }
    assert (generator.recipe.dtype, generator.recipe.settings["part_dtypes"]) == ("bf16", {"vae": "fp32"})
    contract.check_generator(generator, tiny_generators.SIDE, tiny_generators.SIDE)
    assert "part_dtypes names 'unet'; the parts are " in refused(checkpoint, "sana", part_dtypes={"unet": "fp32"})


def test_the_scheduler_of_the_recipe_is_the_one_that_runs(checkpoint: Saver) -> None:
    swapped = load_generator(checkpoint, "sd15", scheduler={"class": "DDIMScheduler", "timestep_spacing": "trailing"})
    assert type(swapped._pipeline.scheduler).__name__ == swapped.recipe.settings["scheduler"]["class"] == "DDIMScheduler"
    assert (drawn(swapped) != drawn(load_generator(checkpoint, "sd15"))).any()
