"""Image to text by any captioning model of transformers.

Three habits: *straight* (BLIP, BLIP-2, GIT, ViT-GPT2 write a caption when shown a picture), *task* (Florence-2 wants a task token) and
*chat* (LLaVA, SmolVLM, Qwen-VL, Gemma, InternVL are asked). Models whose code is not in transformers are `own_code`'s.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path
from typing import Any, NamedTuple

import torch
import transformers
from PIL import Image
from transformers import (
    AutoImageProcessor,
    AutoModelForCausalLM,
    AutoModelForImageTextToText,
    AutoModelForMaskedLM,
    AutoProcessor,
    AutoTokenizer,
    GenerationConfig,
    LogitsProcessorList,
)

from imageloop.catalog import Row
from imageloop.errors import ModelError
from imageloop.instructions import DEFAULT, instruction
from imageloop.models import fetching, loading, own_code, placing
from imageloop.models.rows import refuse_other_batch
from imageloop.models.sampling import Chosen, Decoding, RowSampler, ended
from imageloop.records import Caption, Pixels, Recipe
from imageloop.roles import Captioner

PINS: Mapping[str, Any] = {
    "decoding": "sample",
    "temperature": 1.0,
    "top_k": 0,
    "top_p": 1.0,
    "beams": 3,
    "max_new_tokens": 64,
    "repetition_penalty": 1.0,
    "no_repeat_ngram_size": 0,
}
"""How a captioner decodes unless a row says otherwise; a checkpoint's own generation settings are not used, its token ids are."""
KNOWN = {*PINS, "habit", "instruction", "task", "prefix", "max_pixels", "image_processor", "image_settings", "offload", "quantize"}


class Parts(NamedTuple):
    """A loaded model with what prepares its inputs; `processor` is None for families that have none of their own."""

    model: Any
    image_processor: Any
    tokenizer: Any
    processor: Any


class TransformersCaptioner:
    """Any image-text-to-text model of transformers, decoded so that each row's randomness comes from its own seed."""

    def __init__(self, parts: Parts, recipe: Recipe) -> None:
        self._parts = parts
        self._recipe = recipe
        self._ends = _end_tokens(parts)

    @property
    def recipe(self) -> Recipe:
        return self._recipe

    def caption(self, images: Sequence[Pixels], seeds: Sequence[int]) -> list[Caption]:
        """One caption for each of exactly `recipe.batch` pictures, with token count, cut, mean log-probability and mean entropy."""
        refuse_other_batch(self._recipe, images, seeds)
        chosen: list[Chosen | None] = [None] * len(images)
        with loading.room_for(self._recipe), placing.lent(self._parts.model, self._recipe):
            for rows in self._groups(images):
                padded = rows + [rows[-1]] * (len(images) - len(rows))
                for row, result in zip(rows, self._decode([images[i] for i in padded], [seeds[i] for i in padded]), strict=False):
                    chosen[row] = result
        return [self._caption(result, image) for result, image in zip(chosen, images, strict=True) if result is not None]

    def with_batch(self, batch: int) -> "TransformersCaptioner":
        """The same weights, called with `batch` pictures."""
        return TransformersCaptioner(self._parts, replace(self._recipe, batch=batch))

    def to(self, device: str) -> None:
        """Move the weights, unless their recipe has settled where they lie; they must be back before the next call."""
        if placing.movable(self._recipe.settings):
            self._parts.model.to(device)
            loading.empty_cache()

    def _groups(self, images: Sequence[Pixels]) -> list[list[int]]:
        """Rows that may share a call. A chat model's prompt grows with the picture: another size beside a row would pad it."""
        if self._recipe.settings["habit"] != "chat":
            return [list(range(len(images)))]
        shapes = dict.fromkeys(image.shape for image in images)
        return [[row for row, image in enumerate(images) if image.shape == shape] for shape in shapes]

    def _caption(self, chosen: Chosen, image: Pixels) -> Caption:
        settings = self._recipe.settings
        text = self._parts.tokenizer.decode(chosen.tokens, skip_special_tokens=True).strip()
        if settings["habit"] == "task":
            height, width = image.shape[:2]
            answers = self._parts.processor.post_process_generation(text, task=settings["task"], image_size=(width, height))
            text = answers[settings["task"]]
        return Caption(text, len(chosen.tokens), chosen.cut, chosen.log_probability, chosen.entropy)

    def _decode(self, images: Sequence[Pixels], seeds: Sequence[int]) -> list[Chosen]:
        settings = self._recipe.settings
        inputs = self._inputs([Image.fromarray(image) for image in images])
        with torch.inference_mode():
            if settings["decoding"] == "beam":
                output = self._parts.model.generate(**inputs)
                return self._beams(output)
            temperature = settings["temperature"] if settings["decoding"] == "sample" else 0.0
            sampler = RowSampler(seeds, Decoding(temperature, settings["top_k"], settings["top_p"]))
            self._parts.model.generate(**inputs, logits_processor=LogitsProcessorList([sampler]))
        return sampler.rows(self._ends, settings["max_new_tokens"])

    def _beams(self, output: Any) -> list[Chosen]:
        decoder = _decoder(self._parts.model)
        logs = decoder.compute_transition_scores(output.sequences, output.scores, output.beam_indices, normalize_logits=False)
        rows = output.sequences[:, -logs.shape[1] :].tolist()
        limit = self._recipe.settings["max_new_tokens"]
        return [ended(row, self._ends, limit, log.double().tolist(), None) for row, log in zip(rows, logs.cpu(), strict=True)]

    def _inputs(self, images: list[Image.Image]) -> Mapping[str, Any]:
        settings, parts, count = self._recipe.settings, self._parts, len(images)
        if settings["habit"] == "chat":
            text = {"type": "text", "text": settings["instruction"]}
            turns = [[{"role": "user", "content": [{"type": "image", "image": image}, text]}] for image in images]
            inputs = parts.processor.apply_chat_template(
                turns, add_generation_prompt=True, tokenize=True, return_dict=True, return_tensors="pt", processor_kwargs={"padding": True}
            )
        elif settings["habit"] == "task":
            inputs = parts.processor(images=images, text=[settings["task"]] * count, return_tensors="pt")
        elif settings.get("prefix"):
            inputs = parts.processor(images=images, text=[settings["prefix"]] * count, return_tensors="pt")
        else:
            inputs = parts.image_processor(images=images, return_tensors="pt")
        return inputs.to(parts.model.device, parts.model.dtype)  # type: ignore[no-any-return]


def load_captioner(row: Row, *, device: str, dtype: str, batch: int, overrides: Mapping[str, Any]) -> Captioner:
    """Load a captioner of transformers from its folder or the hub, safetensors only. Raises ModelError or DeviceError."""
    place = loading.resolve_device(device)
    number = loading.resolve_dtype(dtype, place)
    placing.refuse_what_cannot_be(row, {**row.settings, **overrides}, place)
    if own_code.brings_code(row):
        return own_code.load(row, place, number, batch, overrides)
    settings = placing.asked_for(loading.merge_settings(row, overrides, PINS, KNOWN))
    if settings["decoding"] not in ("sample", "greedy", "beam"):
        raise ModelError(f"{row.name}: decoding {settings['decoding']!r} is none of sample, greedy, beam")
    loading.quieten(transformers.utils.logging)
    folder, revision = fetching.folder_and_revision(row, check=lambda folder: _refuse_what_writes_no_captions(row, folder))
    with loading.told_to_people(row):
        parts = _load_parts(row, folder, place, number, settings)
        settings = {**settings, **_described(parts, settings)}
        _decoder(parts.model).generation_config = _generation(_decoder(parts.model), settings)
        parts.model.eval()
        if placing.movable(settings):
            parts.model.to(place)
    return TransformersCaptioner(
        parts, loading.recipe_of(row, revision, place, number, batch, settings, "transformers", "torchvision", *placing.libraries(settings))
    )


def _refuse_what_writes_no_captions(row: Row, folder: Path) -> None:
    with loading.told_to_people(row):
        config = transformers.AutoConfig.from_pretrained(folder, **loading.HERE)
    if config.model_type == "smolvlm" and find_spec("num2words") is None:
        raise ModelError(f"{row.name}: needs the package num2words; type pip install 'imageloop[smolvlm]'")
    if type(config) in AutoModelForImageTextToText._model_mapping:
        return
    if type(config) in AutoModelForCausalLM._model_mapping or type(config) in AutoModelForMaskedLM._model_mapping:
        raise ModelError(
            f"{row.name}: a {config.model_type} model knows texts only and sees no pictures; name one that does, e.g. blip-base"
        )
    raise ModelError(f"{row.name}: a {config.model_type} model writes no captions of pictures; name an image-text-to-text model")


def _load_parts(row: Row, folder: Path, device: torch.device, dtype: torch.dtype, settings: Mapping[str, Any]) -> Parts:
    fewer_bits = placing.quantized_model(settings, device, dtype)
    model = AutoModelForImageTextToText.from_pretrained(folder, dtype=dtype, use_safetensors=True, **loading.HERE, **fewer_bits)
    extra = {**settings.get("image_settings", {}), **({"backend": settings["image_processor"]} if "image_processor" in settings else {})}
    processor = AutoProcessor.from_pretrained(folder, **loading.HERE, **extra)
    if hasattr(processor, "image_processor"):
        processor.tokenizer.padding_side = "left"
        parts = Parts(model, processor.image_processor, processor.tokenizer, processor)
    else:
        images = AutoImageProcessor.from_pretrained(folder, **loading.HERE, **extra)
        parts = Parts(model, images, AutoTokenizer.from_pretrained(folder, **loading.HERE), None)
    _follow_budget(row, parts.image_processor, settings)
    return parts


def _follow_budget(row: Row, images: Any, settings: Mapping[str, Any]) -> None:
    """Let a picture have at most `max_pixels`, where each is a part of the prompt. Raises ModelError for what the processor lacks."""
    takes = images.valid_kwargs.__annotations__
    for name in settings.get("image_settings", {}):
        if name not in takes:
            raise ModelError(
                f"{row.name}: {type(images).__name__} takes no {name!r} in image_settings; it takes {', '.join(sorted(takes))}"
            )
    if "max_pixels" in settings and "max_pixels" not in takes:
        raise ModelError(f"{row.name}: its pictures cost the same whatever their size; leave max_pixels out")
    if "max_pixels" in settings:
        # The processors that have such a budget call both areas edges.
        most = settings["max_pixels"]
        images.size = {"shortest_edge": min(images.size["shortest_edge"], most), "longest_edge": most}


def _described(parts: Parts, settings: Mapping[str, Any]) -> dict[str, Any]:
    """What the settings leave to the model: its habit, and the backend that prepares its pictures."""
    chat = getattr(parts.processor, "chat_template", None) is not None
    habit = settings.get("habit") or ("task" if "task" in settings else "chat" if chat else "straight")
    found = {"habit": habit, "architecture": type(parts.model).__name__, "image_processor": parts.image_processor.backend}
    if habit == "chat":
        found["instruction"] = instruction(settings.get("instruction", DEFAULT))
    if habit == "task" and _kind_of_task(parts, settings) != "pure_text":
        raise ModelError("a model of the habit 'task' needs the token of a task that it answers with a text; set task, e.g. <CAPTION>")
    return found


def _kind_of_task(parts: Parts, settings: Mapping[str, Any]) -> str | None:
    kinds: Mapping[str, str] = getattr(parts.processor, "tasks_answer_post_processing_type", {})
    return kinds.get(settings.get("task", ""))


def _decoder(model: Any) -> Any:
    """The part whose `generate` does the work: BLIP hands over to its text decoder, BLIP-2 to its language model."""
    return getattr(model, "text_decoder", None) or (model.language_model if model.config.model_type == "blip-2" else model)


def _generation(decoder: Any, settings: Mapping[str, Any]) -> GenerationConfig:
    beam = settings["decoding"] == "beam"
    own = decoder.generation_config
    return GenerationConfig(
        max_new_tokens=settings["max_new_tokens"] + 1,
        do_sample=False,
        num_beams=settings["beams"] if beam else 1,
        repetition_penalty=settings["repetition_penalty"],
        no_repeat_ngram_size=settings["no_repeat_ngram_size"],
        return_dict_in_generate=beam,
        output_scores=beam,
        bos_token_id=own.bos_token_id,
        eos_token_id=own.eos_token_id,
        pad_token_id=own.pad_token_id if own.pad_token_id is not None else _first(own.eos_token_id),
        decoder_start_token_id=own.decoder_start_token_id,
        forced_bos_token_id=own.forced_bos_token_id,
    )


def _first(ids: int | list[int] | None) -> int | None:
    return ids[0] if isinstance(ids, list) else ids


def _end_tokens(parts: Parts) -> frozenset[int]:
    """The tokens that end a caption. BLIP ends at its separator, whatever its generation settings say."""
    if parts.model.config.model_type == "blip":
        return frozenset({parts.model.config.text_config.sep_token_id})
    ids = _decoder(parts.model).generation_config.eos_token_id
    return frozenset(ids if isinstance(ids, list) else [] if ids is None else [ids])
