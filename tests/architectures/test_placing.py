"""Memory: what is refused, what a recipe states, and what is told when there is too little, on tiny checkpoints."""

import contextlib
from pathlib import Path
from typing import Any

import contract
import diffusers
import pytest
import tiny_captioners
import tiny_generators
import torch
from conftest import Saver
from test_contract import load_captioner, load_generator

from imageloop import catalog
from imageloop.catalog import Row
from imageloop.errors import DeviceError, ModelError, OutOfMemory
from imageloop.models import captioners, folders, generators, loading, memory, placing
from imageloop.records import Recipe

pytestmark = pytest.mark.architectures

GENERATOR = Row("big", "generator", "diffusers", "a/big")
CAPTIONER = Row("small", "captioner", "transformers", "a/small")
CUDA = torch.device("cuda")


def refused(row: Row, device: str = "cuda", **settings: Any) -> str:
    with pytest.raises((ModelError, DeviceError)) as error:
        placing.refuse_what_cannot_be(row, settings, torch.device(device))
    assert "\n" not in str(error.value)
    return str(error.value)


def no_room() -> torch.Tensor:
    """What torch raises on a CPU that has no such memory."""
    return torch.empty(10**15)


@pytest.fixture
def bitsandbytes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(placing, "find_spec", lambda _: object())


@pytest.mark.parametrize("family", ["sana", "blip"])
def test_what_needs_a_gpu_is_refused_on_a_cpu_before_anything_is_loaded(
    checkpoint: Saver, monkeypatch: pytest.MonkeyPatch, family: str
) -> None:
    load = load_generator if family == "sana" else load_captioner
    monkeypatch.setattr(folders, "folder_of", lambda row: pytest.fail(f"{row.name} was looked for"))
    with pytest.raises(DeviceError, match=r"--offload model frees the memory of a CUDA device, and this runs on cpu; leave it out$"):
        load(checkpoint, family, offload="model")
    with pytest.raises(DeviceError, match=r"--quantize 8bit needs a CUDA device, and this runs on cpu; leave it out, or use --dtype bf16$"):
        load(checkpoint, family, quantize="8bit")


def test_a_value_that_a_setting_cannot_have_is_told() -> None:
    assert refused(GENERATOR, offload="disk") == "big: offload 'disk' is none of none, model, group"
    assert refused(GENERATOR, quantize="2bit") == "big: quantize '2bit' is none of none, 8bit, 4bit"
    assert refused(GENERATOR, vae_tiling="yes") == "big: vae_tiling 'yes' is none of false, true"


def test_quantization_without_its_package_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(placing, "find_spec", lambda _: None)
    assert refused(GENERATOR, quantize="4bit") == "big: --quantize 4bit needs bitsandbytes; pip install 'imageloop[quantize]'"


@pytest.mark.usefixtures("bitsandbytes")
def test_settings_that_do_not_go_together_are_told() -> None:
    assert refused(GENERATOR, offload="group", compile=True) == "big: offload group does not go with compile; leave one of them out"
    assert refused(GENERATOR, offload="group", quantize="4bit") == "big: offload group does not go with quantize; leave one of them out"
    assert refused(GENERATOR, quantize="4bit", compile=True) == "big: quantize does not go with compile; leave one of them out"
    assert refused(GENERATOR, quantize="4bit", unet="a/b/c.safetensors").startswith("big: quantize does not go with a unet of its own")
    assert refused(CAPTIONER, offload="group").startswith("small: offload group does not go with a captioner, which is one module")
    assert refused(CAPTIONER, offload="model", quantize="8bit").startswith("small: offload model does not go with quantize")


@pytest.mark.usefixtures("bitsandbytes")
def test_whatever_the_command_can_ask_for_the_models_can_follow() -> None:
    for row in (GENERATOR, CAPTIONER):
        for offload in ("none", "model"):
            for quantize in ("none", "8bit", "4bit"):
                placing.refuse_what_cannot_be(row, memory.settings_of_machine(row, offload=offload, quantize=quantize), CUDA)
        placing.refuse_what_cannot_be(row, memory.settings_of_machine(row, offload="group"), CUDA)


def test_what_is_not_asked_for_is_not_in_the_recipe(checkpoint: Saver) -> None:
    plain = load_generator(checkpoint, "sana")
    said = load_generator(checkpoint, "sana", offload="none", quantize="none", vae_tiling=False, vae_slicing=False)
    assert plain.recipe == said.recipe
    assert load_captioner(checkpoint, "blip").recipe == load_captioner(checkpoint, "blip", offload="none", quantize="none").recipe


@pytest.mark.parametrize("name", ["vae_tiling", "vae_slicing"])
def test_decoding_in_parts_keeps_the_contract_and_is_recorded(checkpoint: Saver, name: str) -> None:
    generator = load_generator(checkpoint, "sd15", **{name: True})
    assert getattr(generator._pipeline.vae, f"use_{name.removeprefix('vae_')}") is True
    assert generator.recipe.settings[name] is True
    assert generator.recipe.hash != load_generator(checkpoint, "sd15").recipe.hash
    contract.check_generator(generator, tiny_generators.SIDE, tiny_generators.SIDE)


def test_an_autoencoder_that_has_no_tiling_is_told() -> None:
    class Pipeline:
        vae = object()

    with pytest.raises(ModelError, match=r"^big: its autoencoder has no tiling; leave vae_tiling out$"):
        placing.split_up_decoding(Pipeline(), GENERATOR, {"vae_tiling": True})


def test_a_pipeline_offloaded_part_by_part_draws_the_same(checkpoint: Saver) -> None:
    """The hooks of offloading, with the CPU in place of the GPU they are for."""
    plain, moved = load_generator(checkpoint, "sd15"), load_generator(checkpoint, "sd15")
    placing.put(moved._pipeline, {"offload": "model"}, torch.device("cpu"))
    rows = (["a surfer", "a palm tree", "the sea"], [1, 2, 3])
    assert all(contract.same(*pair) for pair in zip(plain.generate(*rows), moved.generate(*rows), strict=True))
    assert hasattr(moved._pipeline.unet, "_hf_hook")


def test_a_pipeline_is_put_where_its_settings_say() -> None:
    class Pipeline:
        def __getattr__(self, name: str) -> Any:
            return lambda *arguments, **named: asked.append((name, arguments, named))

    asked: list[Any] = []
    for settings in ({}, {"offload": "model"}, {"offload": "group"}):
        placing.put(Pipeline(), settings, CUDA)
    assert asked == [
        ("to", (CUDA,), {}),
        ("enable_model_cpu_offload", (), {"device": CUDA}),
        ("enable_group_offload", (), {"onload_device": CUDA, "offload_type": "leaf_level", "use_stream": True}),
    ]


def test_a_captioner_lies_on_its_device_for_one_call_only() -> None:
    class Module(torch.nn.Module):
        def to(self, device: str) -> "Module":  # type: ignore[override]
            places.append(device)
            return self

    places: list[str] = []
    recipe = Recipe("captioner", "x", "transformers", "x", "1", "bf16", "cuda:1", 1, {"offload": "model"})
    with contextlib.suppress(KeyError), placing.lent(Module(), recipe):
        assert places == ["cuda:1"]
        raise KeyError
    assert places == ["cuda:1", "cpu"]


@pytest.mark.parametrize("family", ["sana", "sd15", "flux"])
def test_the_large_parts_of_a_pipeline_are_quantized_and_the_autoencoder_is_not(checkpoint: Saver, family: str) -> None:
    config = placing.quantized_pipeline({"quantize": "4bit"}, checkpoint("generator", family), torch.bfloat16)["quantization_config"]
    assert config.quant_backend == "bitsandbytes_4bit"
    assert config.quant_kwargs["bnb_4bit_compute_dtype"] is torch.bfloat16
    parts = {"sana": ["transformer", "text_encoder"], "sd15": ["unet", "text_encoder"]}
    assert config.components_to_quantize == parts.get(family, ["transformer", "text_encoder", "text_encoder_2"])
    assert placing.quantized_pipeline({}, checkpoint("generator", family), torch.bfloat16) == {}


def test_eight_bits_keep_rows_apart() -> None:
    """A threshold for outliers is met by columns of the whole batch, so that a row would depend on its neighbours."""
    arguments = placing.quantized_model({"quantize": "8bit"}, CUDA, torch.bfloat16)
    assert arguments["quantization_config"].llm_int8_threshold == 0.0
    assert arguments["device_map"] == {"": CUDA}


@pytest.mark.parametrize("role", ["captioner", "generator"])
def test_a_batch_that_does_not_fit_is_told_with_the_one_to_try(checkpoint: Saver, monkeypatch: pytest.MonkeyPatch, role: str) -> None:
    full = torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 MiB")
    for raised in (lambda *_, **__: no_room(), lambda *_, **__: (_ for _ in ()).throw(full)):
        if role == "captioner":
            model: Any = load_captioner(checkpoint, "blip")
            monkeypatch.setattr(model._parts.model, "generate", raised)
        else:
            model = load_generator(checkpoint, "sana")
            monkeypatch.setattr(model._pipeline.transformer, "forward", raised)
        with pytest.raises(OutOfMemory, match=r"^\S+: a batch of 3 does not fit the memory of cpu; try --batch 1$"):
            called(model)
        with pytest.raises(OutOfMemory, match=r"a batch of 1 does not fit .* try --offload model, --dtype bf16 or a smaller --size$"):
            called(model.with_batch(1))


def called(model: Any) -> Any:
    batch = model.recipe.batch
    if model.recipe.role == "captioner":
        return model.caption(contract.noise_pictures(batch, tiny_captioners.SIDE), list(range(batch)))
    return model.generate(["a surfer"] * batch, list(range(batch)))


def test_another_error_of_a_model_is_not_taken_for_a_lack_of_memory(checkpoint: Saver, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: Any, **__: Any) -> None:
        raise RuntimeError("shapes do not match")

    captioner = load_captioner(checkpoint, "blip")
    monkeypatch.setattr(captioner._parts.model, "generate", broken)
    with pytest.raises(RuntimeError, match="shapes do not match"):
        called(captioner)


def test_a_model_that_does_not_fit_while_it_is_loaded_is_told(checkpoint: Saver, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(diffusers.DiffusionPipeline, "from_pretrained", lambda *_, **__: no_room())
    with pytest.raises(OutOfMemory, match=r"does not fit the memory; try --offload model, --quantize 8bit or --dtype bf16$"):
        load_generator(checkpoint, "sana")


@pytest.mark.parametrize("text", ["MPS backend out of memory", "CUDA error: out of memory", "CUBLAS_STATUS_ALLOC_FAILED when calling"])
def test_the_texts_by_which_devices_say_that_memory_ran_out_are_known(text: str) -> None:
    assert loading.is_out_of_memory(RuntimeError(text))
    assert loading.is_out_of_memory(MemoryError())
    assert not loading.is_out_of_memory(ValueError(text))


@pytest.mark.parametrize("role", ["captioner", "generator"])
def test_the_same_weights_with_another_batch_are_the_model_loaded_with_it(checkpoint: Saver, role: str) -> None:
    load = load_captioner if role == "captioner" else load_generator
    family = "blip" if role == "captioner" else "sana"
    kind = captioners.TransformersCaptioner if role == "captioner" else generators.DiffusersGenerator
    resized = load(checkpoint, family).with_batch(2)
    assert isinstance(resized, kind)
    assert resized.recipe.batch == 2
    assert len(called(resized)) == 2
    assert resized.with_batch(contract.BATCH).recipe == load(checkpoint, family).recipe


@pytest.mark.parametrize("role", ["captioner", "generator"])
def test_the_largest_batch_is_found_on_a_real_model(checkpoint: Saver, monkeypatch: pytest.MonkeyPatch, role: str) -> None:
    if role == "captioner":
        model: Any = load_captioner(checkpoint, "blip")
        owner, name = model._parts.model, "generate"
    else:
        model = load_generator(checkpoint, "sana")
        owner, name = model._pipeline.transformer, "forward"
    whole = getattr(owner, name)

    def short(*given: Any, **named: Any) -> Any:
        rows = (given[0] if given else next(iter(named.values()))).shape[0]
        return no_room() if rows > 4 * (2 if role == "generator" and guided(model) else 1) else whole(*given, **named)

    monkeypatch.setattr(owner, name, short)
    assert memory.fitted(model, tiny_generators.SIDE, rows=100).recipe.batch == 4


def guided(generator: Any) -> bool:
    """Whether each row goes through the denoiser twice, with the prompt and without."""
    return bool(generator.recipe.settings["guidance_scale"] > 1)


@pytest.mark.parametrize("role", ["captioner", "generator"])
def test_every_weight_of_a_model_moves(checkpoint: Saver, role: str) -> None:
    if role == "captioner":
        captioner = load_captioner(checkpoint, "blip")
        captioner.to("meta")
        modules: list[Any] = [captioner._parts.model]
    else:
        generator = load_generator(checkpoint, "sana")
        generator.to("meta")
        modules = [part for part in generator._pipeline.components.values() if isinstance(part, torch.nn.Module)]
    places = {weight.device.type for module in modules for weight in (*module.parameters(), *module.buffers())}
    assert places == {"meta"}


def test_a_pair_that_takes_turns_gives_what_it_gives_together(checkpoint: Saver) -> None:
    captioner, generator = load_captioner(checkpoint, "blip"), load_generator(checkpoint, "sana")
    pictures = contract.noise_pictures(contract.BATCH, tiny_captioners.SIDE)
    captions = captioner.caption(pictures, [1, 2, 3])
    drawn = generator.generate([caption.text for caption in captions], [1, 2, 3])
    seat = memory.Seat("cpu")
    one, two = seat.take(captioner), seat.take(generator)
    assert one.caption(pictures, [1, 2, 3]) == captions
    again = two.generate([caption.text for caption in captions], [1, 2, 3])
    assert all(contract.same(*pair) for pair in zip(drawn, again, strict=True))


def test_text_models_in_a_folder_are_told(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text('{"model_type": "gpt2", "architectures": ["GPT2LMHeadModel"]}')
    (tmp_path / "model.safetensors").write_bytes(b"\0" * 100)
    row = catalog.find("captioner", str(tmp_path))
    with pytest.raises(ModelError, match=r"a gpt2 model knows texts only and sees no pictures; name one that does, e\.g\. blip-base$"):
        captioners.load_captioner(row, device="cpu", dtype="fp32", batch=1, overrides={})
