"""The weights that ship with the package: they keep the contract, and they are as good as their card says."""

import json
import math
from pathlib import Path
from typing import Any

import contract
import numpy as np
import pytest
from safetensors import safe_open

from imageloop import catalog, models
from imageloop.stickers import evaluate
from imageloop.stickers.scenes import Scene, draw

pytestmark = pytest.mark.builtin

QUALITY = json.loads((evaluate.WEIGHTS / "quality.json").read_text())
MARGIN = 0.05
"""Over 128 scenes with two objects each a share of 0.9 has a standard deviation of 0.02."""


@pytest.mark.parametrize("name", evaluate.GENERATORS)
def test_a_shipped_generator_keeps_the_contract(name: str) -> None:
    generator = models.load_generator(catalog.find("generator", name), batch=contract.BATCH)
    contract.check_generator(generator, 64, 64, ("a cat", "a moai"))
    contract.check_hostile_prompts(generator)
    contract.check_prompt_limit(generator, lambda count: "cat " * count)


@pytest.mark.parametrize("name", evaluate.CAPTIONERS)
def test_a_shipped_captioner_keeps_the_contract(name: str) -> None:
    row = catalog.find("captioner", name)
    captioner = models.load_captioner(row, batch=contract.BATCH)
    images = [draw(Scene((concept,), "beach", "ink")) for concept in ("cat", "moai", "surfer")]
    first = captioner.caption(images, [1, 2, 3])
    moved = captioner.caption([images[2], images[0], images[0]], [3, 1, 4])
    assert (moved[0], moved[1]) == (first[2], first[0])
    assert [concept in caption.text for concept, caption in zip(("cat", "moai", "surfer"), first, strict=True)] == [True] * 3
    short = models.load_captioner(row, batch=contract.BATCH, overrides={"max_new_tokens": 3}).caption(images, [1, 2, 3])
    assert all(caption.cut and caption.tokens == 3 for caption in short)


def test_the_shipped_embedder_keeps_the_contract() -> None:
    contract.check_embedder(models.load_embedder(catalog.find("embedder", "sticker-clip"), batch=contract.BATCH), 64)


def close_to_card(model: str, scores: evaluate.Scores, names: tuple[str, ...]) -> None:
    for name in names:
        assert scores[name] >= QUALITY[model][name] - MARGIN, f"{model}, {name}: {scores[name]} where the card says {QUALITY[model][name]}"


def test_the_autoencoder_and_the_judge_are_as_good_as_their_card() -> None:
    scores, rebuilt = evaluate.of_autoencoder(256)
    assert scores["psnr"] >= QUALITY["autoencoder"]["psnr"] - 0.3
    close_to_card("judge", evaluate.of_judge(256, rebuilt), ("object", "background", "style", "object_decoded"))


def test_the_embedder_is_as_good_as_its_card() -> None:
    close_to_card("sticker-clip", evaluate.of_embedder(200), ("caption_first_of_100",))


@pytest.mark.parametrize("name", evaluate.CAPTIONERS)
def test_a_captioner_is_as_good_as_its_card(name: str) -> None:
    captioner = models.load_captioner(catalog.find("captioner", name), batch=evaluate.BATCH)
    close_to_card(name, evaluate.of_captioner(captioner, 128), ("object", "background", "style"))


@pytest.mark.parametrize("name", evaluate.GENERATORS)
def test_a_generator_is_as_good_as_its_card(name: str) -> None:
    generator = models.load_generator(catalog.find("generator", name), batch=evaluate.BATCH)
    close_to_card(name, evaluate.of_generator(generator, 128), ("object", "background", "style"))


def test_one_turn_keeps_what_the_card_says() -> None:
    captioner = models.load_captioner(catalog.find("captioner", "sticker-blip"), batch=evaluate.BATCH)
    generator = models.load_generator(catalog.find("generator", "sticker-sana"), batch=evaluate.BATCH)
    close_to_card("one turn sticker-blip+sticker-sana", evaluate.of_turn(captioner, generator, 128), ("object",))


def test_the_card_shows_the_measured_figures() -> None:
    assert evaluate.card_table(QUALITY) in (evaluate.WEIGHTS / "README.md").read_text()


def test_the_judge_is_used_by_no_chain() -> None:
    named = [row.name for row in catalog.ROWS]
    assert "judge" not in named
    assert np.all([Path(row.target).name != "judge" for row in catalog.ROWS])


@pytest.mark.parametrize("row", [row for row in catalog.ROWS if row.name.startswith("sticker-")], ids=lambda row: row.name)
def test_the_catalog_counts_the_parameters_right(row: catalog.Row) -> None:
    shapes = [file.get_slice(name).get_shape() for file in opened(Path(row.target)) for name in file.keys()]  # noqa: SIM118
    assert row.parameters == sum(math.prod(shape) for shape in shapes)


def opened(folder: Path) -> list[Any]:
    return [safe_open(file, "pt") for file in sorted(folder.rglob("*.safetensors"))]


def test_the_weights_are_light_and_half_precision() -> None:
    files = {file.resolve() for file in evaluate.WEIGHTS.rglob("*.safetensors")}
    assert sum(file.stat().st_size for file in files) < 40e6
    for file in files:
        with safe_open(file, "pt") as opened:
            kinds = {opened.get_slice(name).get_dtype() for name in opened.keys()}  # noqa: SIM118
        assert kinds <= {"F16", "I64"}, f"{file}: {kinds}"
