"""What a recipe may change in a captioner: instruction, task, prefix, image budget; what is refused; and that the recipe says it."""

from typing import Any

import contract
import numpy as np
import pytest
import tiny_captioners
from conftest import Saver
from PIL import Image
from test_contract import load_captioner

from imageloop.errors import ModelError
from imageloop.instructions import instruction
from imageloop.models.captioners import TransformersCaptioner

pytestmark = pytest.mark.architectures

IMAGES = contract.noise_pictures(contract.BATCH, tiny_captioners.SIDE)
SEEDS = [1, 2, 3]


def seen(captioner: TransformersCaptioner, side: int = tiny_captioners.SIDE) -> Any:
    """What the model is given for a picture."""
    return captioner._inputs([Image.fromarray(contract.noise_pictures(1, side)[0])])


def refused(checkpoint: Saver, family: str, **settings: Any) -> str:
    with pytest.raises(ModelError) as error:
        load_captioner(checkpoint, family, **settings)
    assert "\n" not in str(error.value)
    return str(error.value)


def test_a_chat_captioner_is_asked_what_the_recipe_says(checkpoint: Saver) -> None:
    short = load_captioner(checkpoint, "llava")
    assert short.recipe.settings["instruction"] == instruction("short")
    long = load_captioner(checkpoint, "llava", instruction="long")
    own = load_captioner(checkpoint, "llava", instruction="What is here?")
    assert own.recipe.settings["instruction"] == "What is here?"
    assert len({seen(captioner)["input_ids"].shape[1] for captioner in (short, long, own)}) == 3
    assert short.caption(IMAGES, SEEDS) != own.caption(IMAGES, SEEDS)
    assert "instruction 'lng': no instruction is called that; did you mean 'long'?" in refused(checkpoint, "llava", instruction="lng")


def test_a_task_that_is_not_answered_with_a_text_is_refused(checkpoint: Saver) -> None:
    for task in ("<OD>", "<CAPTION", "caption"):
        assert "needs the token of a task that it answers with a text; set task, e.g. <CAPTION>" in refused(
            checkpoint, "florence2", task=task
        )
    assert "needs the token of a task" in refused(checkpoint, "blip", habit="task")
    detailed = load_captioner(checkpoint, "florence2", task="<MORE_DETAILED_CAPTION>")
    assert detailed.caption(IMAGES, SEEDS) != load_captioner(checkpoint, "florence2").caption(IMAGES, SEEDS)


def test_the_models_own_finish_is_what_a_task_returns(checkpoint: Saver, monkeypatch: pytest.MonkeyPatch) -> None:
    captioner = load_captioner(checkpoint, "florence2")
    given: list[Any] = []

    def finished(text: str, *, task: str, image_size: tuple[int, int]) -> dict[str, str]:
        given.append((task, image_size))
        return {task: f"finished {len(text)}"}

    monkeypatch.setattr(captioner._parts.processor, "post_process_generation", finished)
    wide = IMAGES[0].repeat(2, axis=1)
    assert all(caption.text.startswith("finished ") for caption in captioner.caption([wide] * 3, SEEDS))
    assert given == [("<CAPTION>", (2 * tiny_captioners.SIDE, tiny_captioners.SIDE))] * 3


def test_a_prefix_is_given_to_the_model_and_is_no_part_of_its_answer(checkpoint: Saver) -> None:
    plain, led = (load_captioner(checkpoint, "blip", **more) for more in ({}, {"prefix": "a photo of"}))
    one, other = (captioner.caption(IMAGES, SEEDS) for captioner in (plain, led))
    assert [caption.log_probability for caption in one] != [caption.log_probability for caption in other]
    assert not any(caption.text.startswith("a photo of") for caption in other)
    assert led.recipe.settings["prefix"] == "a photo of"


@pytest.mark.parametrize("family", ["qwen2.5-vl", "qwen3-vl"])
def test_max_pixels_bounds_what_a_large_picture_costs(checkpoint: Saver, family: str) -> None:
    wide, narrow = (seen(load_captioner(checkpoint, family, **more), 128) for more in ({}, {"max_pixels": 1024}))
    assert narrow["input_ids"].shape[1] < wide["input_ids"].shape[1]
    assert narrow["image_grid_thw"].prod() * 8 * 8 <= 1024
    contract.check_captioner(load_captioner(checkpoint, family, max_pixels=1024), 64)


def test_a_budget_of_pixels_is_refused_where_a_picture_costs_the_same_whatever_its_size(checkpoint: Saver) -> None:
    for family in ("llava", "vit-gpt2"):
        assert "leave max_pixels out" in refused(checkpoint, family, max_pixels=1024)


def test_what_an_image_processor_does_not_take_is_refused(checkpoint: Saver) -> None:
    for family in ("smolvlm", "vit-gpt2"):
        told = refused(checkpoint, family, image_settings={"do_image_spliting": False})
        assert "takes no 'do_image_spliting' in image_settings; it takes " in told


def test_arguments_of_the_image_processor_reach_it(checkpoint: Saver) -> None:
    split, whole = (load_captioner(checkpoint, "smolvlm", **more) for more in ({}, {"image_settings": {"do_image_splitting": False}}))
    assert (seen(split)["pixel_values"].shape[1], seen(whole)["pixel_values"].shape[1]) == (5, 1)
    assert whole.recipe.settings["image_settings"] == {"do_image_splitting": False}
    contract.check_captioner(whole, tiny_captioners.SIDE)


def test_the_image_processors_backend_is_chosen_and_recorded(checkpoint: Saver) -> None:
    one, other = (load_captioner(checkpoint, "blip", image_processor=backend) for backend in ("torchvision", "pil"))
    assert (one.recipe.settings["image_processor"], other.recipe.settings["image_processor"]) == ("torchvision", "pil")
    assert one.recipe.hash != other.recipe.hash
    large = [image.repeat(3, axis=0).repeat(3, axis=1)[5:] for image in IMAGES]
    told = [[caption.log_probability for caption in captioner.caption(large, SEEDS)] for captioner in (one, other)]
    np.testing.assert_allclose(*told, atol=0.5)
    assert told[0] != told[1]


def test_a_missing_package_is_told_with_what_installs_it(checkpoint: Saver, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("imageloop.models.captioners.find_spec", lambda _name: None)
    told = refused(checkpoint, "smolvlm")
    assert told.endswith(": needs the package num2words; type pip install 'imageloop[smolvlm]'")
