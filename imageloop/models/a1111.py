"""Pictures from `/sdapi/v1/txt2img`, the API of AUTOMATIC1111's web interface (started with --api) and of those made after it.

Its prompts are a small language: brackets weigh and switch words, AND and BREAK split, a number after a last colon weighs the whole, and
<…> loads other networks. A caption is meant as it stands, so `literal` spells it such that the parser gives the same words back
(grammar: https://github.com/AUTOMATIC1111/stable-diffusion-webui, modules/prompt_parser.py), and other networks are turned off.
"""

import re
from collections.abc import Callable, Mapping
from threading import Event
from typing import Any, Literal

from imageloop.addresses import read_address
from imageloop.catalog import Row
from imageloop.errors import ModelError
from imageloop.models.endpoint import Answer, Endpoint, Pause
from imageloop.models.received import decoded
from imageloop.models.remote import SEED_BITS, recipe_of
from imageloop.models.served_generator import ServedGenerator
from imageloop.models.server_settings import WebuiSettings, height_and_width, read_settings
from imageloop.records import Recipe


class Txt2Img(Answer):
    """What `/sdapi/v1/txt2img` answers."""

    images: list[str]


class _Txt2Img:
    """Asks a server of the web interface."""

    def __init__(self, recipe: Recipe, settings: WebuiSettings, endpoint: Endpoint) -> None:
        self._recipe, self._settings, self._endpoint = recipe, settings, endpoint

    def __call__(self, prompt: str, seed: int, stopped: Event, /) -> tuple[Callable[[], bytes], int]:
        answer, again = self._endpoint.post("/sdapi/v1/txt2img", self._body(prompt, seed), Txt2Img, stopped)
        if len(answer.images) != 1:
            raise ModelError(f"{self._recipe.name}: the server sent {len(answer.images)} pictures for one prompt")
        return lambda: decoded(answer.images[0]), again

    def _body(self, prompt: str, seed: int) -> dict[str, Any]:
        settings, (height, width) = self._settings, height_and_width(self._settings.size)
        checkpoint = self._recipe.settings["model"]
        return {
            "prompt": literal(prompt),
            "negative_prompt": "",
            "seed": seed % 2**SEED_BITS if settings.send_seed else -1,
            "steps": settings.steps,
            "cfg_scale": settings.guidance_scale,
            "height": height,
            "width": width,
            "batch_size": 1,
            "n_iter": 1,
            "disable_extra_networks": True,
            **({"override_settings": {"sd_model_checkpoint": checkpoint}} if checkpoint else {}),
            **settings.extra,
        }


def literal(text: str) -> str:
    """A text spelt so that the interface's parser takes it word for word.

    AND and BREAK go in lower case, which to the text encoders is the same word. A lone backslash at the end is dropped by the parser;
    it keeps a number after a colon from being taken for a weight.
    """
    words = re.sub(r"\b(?:AND|BREAK)\b", lambda word: word[0].lower(), text)
    spelt = re.sub(r"[\\()\[\]]", r"\\\g<0>", words)
    return spelt + "\\" if re.search(r":\s*[-+]?(?:\d+\.?|\d*\.\d+)\s*$", spelt) else spelt


def load_generator(
    row: Row, *, batch: int | Literal["auto"], overrides: Mapping[str, Any], pause: Pause = Event.wait, **_machine: object
) -> ServedGenerator:
    """The generator behind the address of a row. Nothing is sent yet; `pause` waits between tries. Raises ModelError."""
    reach, settings, budget = read_settings(row, overrides, WebuiSettings)
    if "key_variable" not in reach.model_fields_set:
        reach = reach.model_copy(update={"key_variable": ""})  # the interface knows no bearer keys
    missing = "correct the address, or start the interface with --api"
    endpoint = Endpoint(row.name, read_address(row.name).url, reach, budget, missing=missing, pause=pause)
    recipe, size = recipe_of(row, batch, settings), height_and_width(settings.size)
    return ServedGenerator(recipe, size, _Txt2Img(recipe, settings, endpoint), resize=settings.resize, parallel=reach.parallel)
