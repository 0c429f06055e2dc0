"""Pictures from `/sdapi/v1/txt2img`, the API of AUTOMATIC1111's web interface (started with --api) and of those made after it.

Its prompts are a small language: brackets weigh and switch words, AND and BREAK split, a number after a last colon weighs the whole, and
<…> loads other networks. A caption is meant as it stands, so `literal` spells it such that the parser gives the same words back
(grammar: https://github.com/AUTOMATIC1111/stable-diffusion-webui, modules/prompt_parser.py), and other networks are turned off.
"""

import re
from collections.abc import Mapping, Sequence
from threading import Event
from typing import Any, Literal

from imageloop.addresses import read_address
from imageloop.catalog import Row
from imageloop.errors import ModelError
from imageloop.models.endpoint import Answer, Endpoint, Pause
from imageloop.models.parallel import ask_each
from imageloop.models.received import decoded, received
from imageloop.models.remote import SEED_BITS, recipe_of, unfit
from imageloop.models.server_settings import WebuiSettings, height_and_width, read_settings
from imageloop.records import Picture, Recipe


class Txt2Img(Answer):
    """What `/sdapi/v1/txt2img` answers."""

    images: list[str]


class WebuiGenerator:
    """A server of the web interface. How much of a prompt it reads is not known: `prompt_tokens` and `prompt_tokens_read` are empty."""

    def __init__(self, recipe: Recipe, settings: WebuiSettings, endpoint: Endpoint, parallel: int) -> None:
        self._recipe, self._settings, self._endpoint, self._parallel = recipe, settings, endpoint, parallel
        self._size = height_and_width(settings.size)

    @property
    def recipe(self) -> Recipe:
        return self._recipe

    def generate(self, prompts: Sequence[str], seeds: Sequence[int]) -> list[Picture]:
        """One picture of the recipe's size for each prompt. Raises ModelError when a request fails, and for what is no such picture."""
        keys = list(zip(prompts, seeds, strict=True))
        return ask_each(keys, lambda row, stopped: self._one(prompts[row], seeds[row], stopped), self._parallel)

    def fits(self, _prompt: str) -> bool:
        """True: what the server reads is not known."""
        return True

    def _one(self, prompt: str, seed: int, stopped: Event) -> Picture:
        answer, again = self._endpoint.post("/sdapi/v1/txt2img", self._body(prompt, seed), Txt2Img, stopped)
        if len(answer.images) != 1:
            raise ModelError(f"{self._recipe.name}: the server sent {len(answer.images)} pictures for one prompt")
        try:
            pixels = received(decoded(answer.images[0]), *self._size, resize=self._settings.resize)
        except ValueError as error:
            raise unfit(self._recipe.name, self._size, error) from None
        return Picture(pixels, {}, {}, retries=again)

    def _body(self, prompt: str, seed: int) -> dict[str, Any]:
        settings, (height, width) = self._settings, self._size
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
) -> WebuiGenerator:
    """The generator behind the address of a row. Nothing is sent yet; `pause` waits between tries. Raises ModelError."""
    reach, settings, budget = read_settings(row, overrides, WebuiSettings)
    if "key_variable" not in reach.model_fields_set:
        reach = reach.model_copy(update={"key_variable": ""})  # the interface knows no bearer keys
    missing = "correct the address, or start the interface with --api"
    endpoint = Endpoint(row.name, read_address(row.name).url, reach, budget, missing=missing, pause=pause)
    return WebuiGenerator(recipe_of(row, batch, settings), settings, endpoint, reach.parallel)
