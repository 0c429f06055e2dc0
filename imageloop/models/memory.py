"""What fits the memory of a device: which models stay there together, which take turns, and how large a batch may be.

Nothing here imports torch before a device has to be asked. Sizes are in bytes.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, Protocol, Self

from imageloop.catalog import Row
from imageloop.errors import OutOfMemory
from imageloop.records import Caption, Picture, Pixels, Recipe

Residency = Literal["both", "swap"]
HERE = ("diffusers", "transformers", "open_clip")
"""Families whose weights lie on this machine while they work."""
BYTES: Mapping[str, float] = {"fp32": 4, "bf16": 2, "fp16": 2, "8bit": 1, "4bit": 0.5}
"""Of one parameter."""
MARGIN = 1.2
"""Memory of a loaded model over that of its parameters: buffers, a batch on its way, the allocator's rounding."""
GIGABYTE = 1_000_000_000
USUAL_BATCH = 16
"""Rows a call where `--batch auto` has nothing to find: for embedders, and for models without weights here."""
LARGEST_BATCH: Mapping[str, int] = {"cpu": 16}
"""The most rows that `--batch auto` tries, by kind of device: past 16 a CPU gains nothing."""
LARGEST_BATCH_ELSEWHERE = 64
PICTURES_A_TURN = 1 * GIGABYTE
"""Bytes of candidate pictures that a turn may hold where models take turns: a longer turn swaps less and puts more at stake."""


def settings_of_machine(row: Row, *, offload: str = "none", quantize: str = "none", compile: bool = False) -> dict[str, Any]:
    """The settings that a run's memory options amount to for one model: only those that are asked for, and that it can follow.

    Embedders measure, so they are never quantized. A captioner is one module: either way of offloading moves it as a whole, quantized it
    stays where it is, and it is not compiled. A model in closed form, or one that runs on a server, has no weights here.
    """
    if row.family not in HERE or row.role == "embedder":
        return {}
    wanted: dict[str, Any] = {}
    if quantize != "none":
        wanted["quantize"] = quantize
    if offload != "none" and row.role == "generator":
        wanted["offload"] = offload
    elif offload != "none" and quantize == "none":
        wanted["offload"] = "model"
    if compile and row.role == "generator":
        wanted["compile"] = True
    return wanted


def size_of(row: Row, dtype: str) -> int | None:
    """Memory that a loaded model takes: parameters × bytes of the dtype (or of `8bit`, `4bit`) × 1.2; None where it is not known.

    A folder without a row is as large as its safetensors files.
    """
    if row.family not in HERE:
        return 0
    if row.parameters is not None:
        return round(row.parameters * BYTES[dtype] * MARGIN)
    files = [file.stat().st_size for file in Path(row.target).rglob("*.safetensors")] if row.local else []
    return round(sum(files) * MARGIN) if files else None


def residency(needs: Sequence[int | None], free: int) -> Residency:
    """Whether all models fit the free memory at once; a model whose size is not known is taken to fit."""
    return "both" if sum(need or 0 for need in needs) <= free else "swap"


@dataclass(frozen=True, slots=True)
class Seating:
    """How a pair's models share a device, and the line that says so; empty where there was nothing to choose."""

    how: Residency
    device: str
    message: str = ""


def seating(rows: Sequence[Row], *, device: str, dtype: str, offload: str = "none", quantize: str = "none") -> Seating:
    """Whether all of these models stay on the device together, or captioners and generators take turns beside the embedders.

    They take turns only on a CUDA device, and only where neither `offload` nor `quantize` has settled where weights lie: main memory is
    where a model would go, so on a CPU, and on an Apple GPU which shares it, nothing is won. Raises DeviceError.
    """
    if device == "cpu" or not any(row.family in HERE for row in rows):
        return Seating("both", device)
    from imageloop.models import loading

    place = loading.resolve_device(device)
    if place.type != "cuda" or offload != "none" or quantize != "none":
        return Seating("both", str(place))
    number = loading.dtype_name(loading.resolve_dtype(dtype, place))
    needs = [size_of(row, "fp32" if row.role == "embedder" else number) for row in rows]
    return seated(rows, needs, free_memory(str(place)), str(place))


def seated(rows: Sequence[Row], needs: Sequence[int | None], free: int, device: str) -> Seating:
    """`residency` with the line that says what was weighed."""
    how = residency(needs, free)
    sizes = ", ".join(
        f"{row.name} {'of unknown size' if need is None else _gigabytes(need)}" for row, need in zip(rows, needs, strict=True)
    )
    verdict = "stay there together" if how == "both" else "captioner and generator take turns, each in main memory while the other works"
    return Seating(how, device, f"{device} has {_gigabytes(free)} for models, which need about: {sizes}; {verdict}")


def free_memory(device: str) -> int:
    """Bytes of a CUDA device that models may take: what nobody holds, and what this process holds already."""
    import torch

    free, _ = torch.cuda.mem_get_info(device)
    return int(free + torch.cuda.memory_reserved(device))


class Movable(Protocol):
    """A model whose weights can lie elsewhere than where it works."""

    def to(self, device: str) -> None:
        """Move the weights."""
        ...


class Seat:
    """A device with room for one model at a time, which the models that take turns pass on to each other; the others lie in main memory."""

    def __init__(self, device: str) -> None:
        self._device = device
        self._holder: Any = None

    def take(self, model: Any) -> Any:
        """The model as whoever calls it should have it: its first call after another's brings it to the device.

        A model without weights here is given back as it is.
        """
        return Seated(model, self) if hasattr(model, "to") else model

    def give(self, model: Movable) -> None:
        """Put this model on the device, and the one that sat there into main memory first."""
        if self._holder is not model:
            self.make_room()
            model.to(self._device)
            self._holder = model

    def hold(self, model: Any) -> None:
        """Note that this model, just loaded, lies on the device."""
        self._holder = model if hasattr(model, "to") else None

    def make_room(self) -> None:
        """Put whatever sits there into main memory, so that a model can be loaded."""
        if self._holder is not None:
            self._holder.to("cpu")
            self._holder = None

    def keep(self, models: Sequence[Any]) -> None:
        """Forget a model that none of these is, so that its memory is free."""
        if not any(self._holder is model for model in models):
            self._holder = None


class Seated:
    """A captioner or a generator that shares a seat."""

    def __init__(self, model: Any, seat: Seat) -> None:
        self._model, self._seat = model, seat

    def __getattr__(self, name: str) -> Any:
        """What a model tells without its weights: its recipe, what of a prompt it would read."""
        return getattr(self._model, name)

    def caption(self, images: Sequence[Pixels], seeds: Sequence[int]) -> list[Caption]:
        """The captioner's own answer."""
        self._seat.give(self._model)
        answer: list[Caption] = self._model.caption(images, seeds)
        return answer

    def generate(self, prompts: Sequence[str], seeds: Sequence[int]) -> list[Picture]:
        """The generator's own answer."""
        self._seat.give(self._model)
        answer: list[Picture] = self._model.generate(prompts, seeds)
        return answer


def move(model: Any, device: str) -> None:
    """Move a model's weights, where it has weights here."""
    if hasattr(model, "to"):
        model.to(device)


def chains_a_turn(fewest: int, picture: int, candidates: int) -> int:
    """Chains of one turn where models take turns: the most whole multiples of `fewest` whose pictures stay below a gigabyte.

    `fewest` is what fills whole batches, `picture` the bytes of one picture, `candidates` the pictures of a chain's round.
    """
    return max(1, PICTURES_A_TURN // (fewest * picture * candidates)) * fewest


def largest_batch(attempt: Callable[[int], object], cap: int) -> int:
    """The largest power of two, at most `cap`, for which `attempt` does not raise OutOfMemory: the cap is tried, then half, and so on.

    Raises the OutOfMemory of a batch of one.
    """
    batch = 1 << (cap.bit_length() - 1)
    while True:
        try:
            attempt(batch)
        except OutOfMemory:
            if batch == 1:
                raise
            batch //= 2
        else:
            return batch


class Sized(Protocol):
    """A captioner or a generator that can be called with another number of rows."""

    @property
    def recipe(self) -> Recipe: ...

    def with_batch(self, batch: int) -> Self:
        """The same weights, called with `batch` rows."""
        ...


def fitted(model: Any, size: int, rows: int) -> Any:
    """The captioner or generator with the largest batch that works, found by real calls; `recipe.batch` tells it.

    `size` is the side of the pictures it will meet and `rows` the most rows that a turn can ask of it, more than which no batch need
    hold. A model that cannot be called with another number of rows is given back as it is. Raises OutOfMemory.
    """
    if not hasattr(model, "with_batch"):
        return model
    kind = model.recipe.device.partition(":")[0]
    cap = min(LARGEST_BATCH.get(kind, LARGEST_BATCH_ELSEWHERE), 1 << (max(rows, 1) - 1).bit_length())
    return model.with_batch(largest_batch(lambda batch: _attempt(model.with_batch(batch), size), cap))


def _attempt(model: Any, size: int) -> None:
    import numpy as np

    batch, recipe = model.recipe.batch, model.recipe
    seeds = list(range(batch))
    if recipe.role == "captioner":
        picture = np.random.default_rng(0).integers(0, 256, (size, size, 3), dtype=np.uint8)
        model.caption([picture] * batch, seeds)
    else:
        model.generate(["a surfer under a palm tree"] * batch, seeds)


def _gigabytes(count: int) -> str:
    return f"{count / GIGABYTE:.1f} GB"
