"""What stays on a device, what takes turns, how large a batch may be: decided by pure functions, carried out on models that note it."""

import subprocess
import sys
from dataclasses import dataclass, field, replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from imageloop import catalog
from imageloop.catalog import Row
from imageloop.errors import OutOfMemory
from imageloop.models import memory
from imageloop.models.memory import GIGABYTE, chains_a_turn, fitted, largest_batch, residency, seated, settings_of_machine, size_of
from imageloop.records import Caption, Picture, Pixels, Recipe

GENERATOR = Row("big", "generator", "diffusers", "a/big", parameters=10_000_000_000)
CAPTIONER = Row("small", "captioner", "transformers", "a/small", parameters=1_000_000_000)
EMBEDDER = Row("eye", "embedder", "open_clip", "A/b", parameters=400_000_000)
SERVED = replace(GENERATOR, family="openai", parameters=None)


@dataclass
class Moved:
    """A captioner and generator in one that notes where it is sent and what it is asked; a batch above `most` does not fit."""

    name: str = "x"
    role: str = "captioner"
    batch: int = 1
    most: int = 64
    log: list[str] = field(default_factory=list)

    @property
    def recipe(self) -> Recipe:
        return Recipe(self.role, self.name, "diffusers", self.name, "1", "fp32", "cpu", self.batch)  # type: ignore[arg-type]

    def with_batch(self, batch: int) -> "Moved":
        return replace(self, batch=batch)

    def to(self, device: str) -> None:
        self.log.append(f"{self.name} to {device}")

    def caption(self, images: list[Pixels], seeds: list[int]) -> list[Caption]:
        assert len(images) == len(seeds) == self.batch
        assert {image.shape for image in images} == {(8, 8, 3)}
        return [Caption(self._said("caption"), 1)] * len(images)

    def generate(self, prompts: list[str], seeds: list[int]) -> list[Picture]:
        assert len(prompts) == len(seeds) == self.batch
        self._said("generate")
        return [Picture(np.zeros((8, 8, 3), np.uint8), {}, {})] * len(prompts)

    def fits(self, _prompt: str) -> bool:
        return True

    def _said(self, what: str) -> str:
        self.log.append(f"{self.name} {what} {self.batch}")
        if self.batch > self.most:
            raise OutOfMemory(f"{self.name}: a batch of {self.batch} does not fit")
        return what


def test_models_stay_together_where_they_fit_and_else_take_turns() -> None:
    assert residency([3, 4], 7) == "both"
    assert residency([3, 5], 7) == "swap"
    assert residency([None, 7], 7) == "both"
    assert residency([], 0) == "both"


def test_a_models_size_is_its_parameters_in_the_dtype_and_a_fifth_more() -> None:
    assert size_of(GENERATOR, "bf16") == 24_000_000_000
    assert [size_of(CAPTIONER, kind) for kind in ("fp32", "8bit", "4bit")] == [4_800_000_000, 1_200_000_000, 600_000_000]
    assert size_of(replace(GENERATOR, parameters=None), "bf16") is None
    assert size_of(SERVED, "bf16") == 0


def test_a_folder_is_as_large_as_its_weights(tmp_path: Path) -> None:
    (tmp_path / "vae").mkdir()
    (tmp_path / "a.safetensors").write_bytes(b"\0" * 100)
    (tmp_path / "vae" / "b.safetensors").write_bytes(b"\0" * 50)
    (tmp_path / "c.bin").write_bytes(b"\0" * 1000)
    assert size_of(Row("mine", "generator", "diffusers", str(tmp_path), local=True), "bf16") == 180


def test_what_was_weighed_is_said() -> None:
    rows, needs = (CAPTIONER, GENERATOR, EMBEDDER), (2_400_000_000, 24_000_000_000, 1_920_000_000)
    apart = seated(rows, needs, 24 * GIGABYTE, "cuda:0")
    assert apart.how == "swap"
    assert apart.message == (
        "cuda:0 has 24.0 GB for models, which need about: small 2.4 GB, big 24.0 GB, eye 1.9 GB; "
        "captioner and generator take turns, each in main memory while the other works"
    )
    together = seated(rows, (None, *needs[1:]), 80 * GIGABYTE, "cuda:0")
    assert (together.how, together.message) == (
        "both",
        "cuda:0 has 80.0 GB for models, which need about: small of unknown size, big 24.0 GB, eye 1.9 GB; stay there together",
    )


def test_on_a_cpu_models_stay_together_and_nothing_is_said() -> None:
    assert memory.seating([replace(GENERATOR, parameters=10**15)], device="cpu", dtype="auto") == memory.Seating("both", "cpu")


@pytest.mark.parametrize(("options", "how"), [({}, "swap"), ({"offload": "model"}, "both"), ({"quantize": "4bit"}, "both")])
def test_a_gpu_is_weighed_unless_offloading_or_fewer_bits_settle_it(
    monkeypatch: pytest.MonkeyPatch, options: dict[str, str], how: str
) -> None:
    torch = pytest.importorskip("torch")
    from imageloop.models import loading

    monkeypatch.setattr(loading, "resolve_device", torch.device)
    monkeypatch.setattr(loading, "resolve_dtype", lambda *_: torch.bfloat16)
    monkeypatch.setattr(memory, "free_memory", lambda device: 24 * GIGABYTE)
    found = memory.seating([CAPTIONER, GENERATOR, EMBEDDER], device="cuda:1", dtype="auto", **options)
    assert (found.how, found.device, "big 24.0 GB, eye 1.9 GB" in found.message) == (how, "cuda:1", not options)


def test_two_models_swap_only_when_the_other_is_called() -> None:
    log: list[str] = []
    seat = memory.Seat("cuda:0")
    one = Moved("one", log=log)
    captioner, generator = seat.take(one), seat.take(Moved("two", "generator", log=log))
    picture = np.zeros((8, 8, 3), np.uint8)
    assert captioner.recipe == one.recipe
    assert generator.fits("a surfer")
    assert log == []
    for _ in range(2):
        captioner.caption([picture], [1])
    for _ in range(2):
        generator.generate(["a"], [1])
    captioner.caption([picture], [1])
    assert log == [
        *("one to cuda:0", "one caption 1", "one caption 1"),
        *("one to cpu", "two to cuda:0", "two generate 1", "two generate 1"),
        *("two to cpu", "one to cuda:0", "one caption 1"),
    ]


def test_a_model_that_was_just_loaded_sits_already() -> None:
    seat, model = memory.Seat("cuda:0"), Moved("one")
    seat.hold(model)
    seat.take(model).caption([np.zeros((8, 8, 3), np.uint8)], [1])
    assert model.log == ["one caption 1"]
    seat.make_room()
    seat.make_room()
    assert model.log == ["one caption 1", "one to cpu"]


def test_a_model_that_is_let_go_of_is_not_held_by_its_seat() -> None:
    seat, model, other = memory.Seat("cuda:0"), Moved("one"), Moved("two")
    seat.hold(model)
    seat.keep([model])
    seat.give(other)
    assert model.log == ["one to cpu"]
    seat.keep([model])
    seat.make_room()
    assert other.log == ["two to cuda:0"]


def test_a_model_without_weights_here_takes_no_turn() -> None:
    served: Any = object()
    seat = memory.Seat("cuda:0")
    assert seat.take(served) is served
    seat.hold(served)
    seat.make_room()
    memory.move(served, "cpu")


def test_a_turn_between_swaps_takes_as_many_whole_batches_as_a_gigabyte_of_pictures_holds() -> None:
    picture = 1024 * 1024 * 3
    assert chains_a_turn(16, picture, 4) == 64
    assert chains_a_turn(16, 64 * 64 * 3, 1) == 81_376
    assert chains_a_turn(16, picture * 100, 4) == 16


@pytest.mark.parametrize(("most", "cap", "found"), [(64, 64, 64), (63, 64, 32), (5, 64, 4), (1, 64, 1), (100, 24, 16), (9, 1, 1)])
def test_the_largest_power_of_two_that_works_is_found(most: int, cap: int, found: int) -> None:
    tried: list[int] = []

    def attempt(batch: int) -> None:
        tried.append(batch)
        if batch > most:
            raise OutOfMemory("full")

    assert largest_batch(attempt, cap) == found
    assert tried[0] <= cap
    assert all(later * 2 == earlier for earlier, later in pairwise(tried))


def test_where_not_even_one_row_fits_that_is_told() -> None:
    def attempt(batch: int) -> None:
        raise OutOfMemory(f"a batch of {batch}")

    with pytest.raises(OutOfMemory, match=r"^a batch of 1$"):
        largest_batch(attempt, 64)


def test_another_error_than_a_lack_of_memory_ends_the_search() -> None:
    def attempt(batch: int) -> None:
        raise ValueError("broken")

    with pytest.raises(ValueError, match="broken"):
        largest_batch(attempt, 64)


@pytest.mark.parametrize("role", ["captioner", "generator"])
def test_the_batch_is_found_by_real_calls_and_told_by_the_recipe(role: str) -> None:
    model = Moved("x", role, most=5)
    call = "caption" if role == "captioner" else "generate"
    assert fitted(model, 8, rows=1000).recipe.batch == 4
    assert model.log == [f"x {call} 16", f"x {call} 8", f"x {call} 4"]


@pytest.mark.parametrize(("rows", "batch"), [(1, 1), (3, 4), (4, 4), (9, 16), (10**6, 16)])
def test_no_batch_is_larger_than_what_a_turn_can_fill(rows: int, batch: int) -> None:
    assert fitted(Moved(), 8, rows).recipe.batch == batch


def test_a_gpu_may_try_more_rows_than_a_cpu(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Moved, "recipe", property(lambda self: replace(RECIPE, batch=self.batch)))
    assert fitted(Moved(), 8, 10**6).recipe.batch == 64


RECIPE = Recipe("captioner", "x", "diffusers", "x", "1", "fp32", "cuda:0", 1)


def test_a_model_of_one_fixed_batch_is_left_as_it_is() -> None:
    served: Any = object()
    assert fitted(served, 8, 100) is served


def test_memory_options_become_settings_of_the_models_that_can_follow_them() -> None:
    everything = {"offload": "group", "quantize": "none", "compile": True}
    assert settings_of_machine(GENERATOR, **everything) == {"offload": "group", "compile": True}  # type: ignore[arg-type]
    assert settings_of_machine(CAPTIONER, **everything) == {"offload": "model"}  # type: ignore[arg-type]
    assert settings_of_machine(CAPTIONER, offload="model", quantize="4bit") == {"quantize": "4bit"}
    assert settings_of_machine(GENERATOR, offload="model", quantize="4bit") == {"offload": "model", "quantize": "4bit"}
    for row in (EMBEDDER, SERVED, catalog.find("generator", "analytic")):
        assert settings_of_machine(row, **everything) == {}  # type: ignore[arg-type]
    assert settings_of_machine(GENERATOR) == {}


def test_weighing_models_imports_no_torch() -> None:
    code = "import sys, imageloop.models.memory; assert 'torch' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)
