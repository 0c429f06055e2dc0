"""Models behind an OpenAI-compatible server: captions from `/chat/completions`, pictures from `/images/generations`.

vLLM, SGLang, `transformers serve`, llama.cpp, Ollama and others speak it. A row goes out as a request of its own, so its result cannot
depend on its neighbours; rows that only pad a batch are not sent (`ask_each`). The seed of a row is sent, but what a server makes of it
is its own: a recipe says `reproducible: false`. Fields: https://platform.openai.com/docs/api-reference.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from threading import Event
from typing import Any, Literal

from pydantic import BaseModel, NonNegativeInt

from imageloop.addresses import read_address
from imageloop.catalog import Row
from imageloop.errors import ModelError
from imageloop.instructions import instruction
from imageloop.models.budget import Budget
from imageloop.models.endpoint import Answer, Endpoint, Pause
from imageloop.models.parallel import ask_each
from imageloop.models.received import decoded, encoded
from imageloop.models.served_generator import ServedGenerator
from imageloop.models.server_settings import ChatSettings, ImageSettings, Reach, height_and_width, read_settings
from imageloop.records import Caption, Pixels, Recipe, pixel_hash

SEED_BITS = 31
"""Low bits of a seed that are sent: some servers hold no more."""

BATCH = 16
"""Rows of a call where nobody names a number. All that a call holds is lost with it when a server fails, so it is not larger."""


class _Details(Answer):
    reasoning_tokens: NonNegativeInt | None = None


class _Usage(Answer):
    completion_tokens: NonNegativeInt | None = None
    completion_tokens_details: _Details | None = None


class _Message(Answer):
    content: str | None = None
    refusal: str | None = None


class _Token(Answer):
    logprob: float


class _LogProbabilities(Answer):
    content: list[_Token] | None = None


class _Choice(Answer):
    message: _Message
    finish_reason: str | None = None
    logprobs: _LogProbabilities | None = None


class Chat(Answer):
    """What `/chat/completions` answers."""

    choices: list[_Choice]
    usage: _Usage | None = None


class _Drawn(Answer):
    b64_json: str | None = None
    url: str | None = None
    revised_prompt: str | None = None


class Images(Answer):
    """What `/images/generations` answers."""

    data: list[_Drawn]


class RemoteCaptioner:
    """A chat model that is shown a picture and an instruction."""

    def __init__(self, recipe: Recipe, settings: ChatSettings, endpoint: Endpoint, parallel: int) -> None:
        self._recipe, self._settings, self._endpoint, self._parallel = recipe, settings, endpoint, parallel

    @property
    def recipe(self) -> Recipe:
        return self._recipe

    def caption(self, images: Sequence[Pixels], seeds: Sequence[int]) -> list[Caption]:
        """One caption for each picture. Tokens are those the server counts, its end token among them; None where it counts none.

        The log-probability is the mean the server gives, where `logprobs` is set; the entropy would need its whole distribution.
        Raises ModelError when a request fails, and when the model refuses or says nothing.
        """
        keys = [(pixel_hash(image), seed) for image, seed in zip(images, seeds, strict=True)]
        return ask_each(keys, lambda row, stopped: self._one(images[row], seeds[row], stopped), self._parallel)

    def _one(self, image: Pixels, seed: int, stopped: Event) -> Caption:
        chat, again = self._endpoint.post("/chat/completions", self._body(image, seed), Chat, stopped)
        if len(chat.choices) != 1:
            raise ModelError(f"{self._recipe.name}: the server gave {len(chat.choices)} answers to one question")
        [choice] = chat.choices
        text = (choice.message.content or "").strip()
        self._check(choice, text)
        return Caption(text, _tokens(chat.usage), choice.finish_reason == "length", self._log_probability(choice), retries=again)

    def _body(self, image: Pixels, seed: int) -> dict[str, Any]:
        settings = self._settings
        content = [{"type": "image_url", "image_url": {"url": encoded(image)}}, {"type": "text", "text": settings.instruction}]
        decoding = {"temperature": settings.temperature, "top_p": settings.top_p, "max_tokens": settings.max_tokens}
        body = {"model": self._recipe.settings["model"], "messages": [{"role": "user", "content": content}]}
        body |= {name: value for name, value in decoding.items() if name not in settings.leave_out}
        return body | _seeded(seed, settings.send_seed) | ({"logprobs": True} if settings.logprobs else {}) | settings.extra

    def _check(self, choice: _Choice, text: str) -> None:
        """Raises ModelError where there is no caption, or not a whole one for another reason than its limit."""
        name, reason = self._recipe.name, choice.finish_reason
        if choice.message.refusal:
            raise ModelError(
                f"{name}: the model refused to describe a picture: {self._endpoint.shown(choice.message.refusal)}; "
                "take another model or another instruction, with --out elsewhere"
            )
        if reason == "content_filter":
            raise ModelError(f"{name}: the server's content filter held back a caption; take another server or another original")
        if not text and reason == "length":
            raise ModelError(f"{name}: no caption within {self._settings.max_tokens} tokens (does it think first?); set max_tokens higher")
        if not text:
            raise ModelError(f"{name}: the model answered with no words ({reason or 'no reason given'}); set another instruction or model")
        if reason is None:
            raise ModelError(f"{name}: the server does not say why a caption ends (finish_reason), so nobody knows whether it was cut")

    def _log_probability(self, choice: _Choice) -> float | None:
        if not self._settings.logprobs:
            return None
        tokens = choice.logprobs.content if choice.logprobs else None
        if not tokens:
            raise ModelError(f"{self._recipe.name}: the server gives no log-probabilities; leave logprobs out")
        return math.fsum(token.logprob for token in tokens) / len(tokens)


class _Images:
    """Asks an images server."""

    def __init__(self, recipe: Recipe, settings: ImageSettings, endpoint: Endpoint) -> None:
        self._recipe, self._settings, self._endpoint = recipe, settings, endpoint

    def __call__(self, prompt: str, seed: int, stopped: Event, /) -> tuple[Callable[[], bytes], int]:
        height, width = height_and_width(self._settings.size)
        asked = {"n": 1, "response_format": "b64_json"}
        body = {"model": self._recipe.settings["model"], "prompt": prompt, "size": f"{width}x{height}"}
        body |= {name: value for name, value in asked.items() if name not in self._settings.leave_out}
        body |= _seeded(seed, self._settings.send_seed) | self._settings.extra
        images, again = self._endpoint.post("/images/generations", body, Images, stopped)
        if len(images.data) != 1:
            raise ModelError(f"{self._recipe.name}: the server sent {len(images.data)} pictures for one prompt")
        [drawn] = images.data
        other = drawn.revised_prompt or prompt
        if other != prompt and not self._settings.revised_prompt:
            raise ModelError(
                f"{self._recipe.name}: the server drew another prompt than the caption ({self._endpoint.shown(other, 60)}); "
                f"take one that draws what it is told, or accept it with --set {self._recipe.name}.revised_prompt=true"
            )
        return lambda: self._content(drawn, stopped), again

    def _content(self, drawn: _Drawn, stopped: Event) -> bytes:
        if drawn.b64_json:
            return decoded(drawn.b64_json)
        if drawn.url:
            return self._endpoint.download(drawn.url, stopped)
        raise ModelError(f"{self._recipe.name}: the server sent no picture, neither as b64_json nor as url")


def load_captioner(
    row: Row, *, batch: int | Literal["auto"], overrides: Mapping[str, Any], pause: Pause = Event.wait, **_machine: object
) -> RemoteCaptioner:
    """The captioner behind the address of a row. Nothing is sent yet; `pause` waits between tries. Raises ModelError."""
    reach, settings, budget = read_settings(row, overrides, ChatSettings)
    settings = settings.model_copy(update={"instruction": instruction(settings.instruction)})
    endpoint = _endpoint(row, reach, budget, pause)
    return RemoteCaptioner(recipe_of(row, batch, settings), settings, endpoint, reach.parallel)


def load_generator(
    row: Row, *, batch: int | Literal["auto"], overrides: Mapping[str, Any], pause: Pause = Event.wait, **_machine: object
) -> ServedGenerator:
    """The generator behind the address of a row. Nothing is sent yet; `pause` waits between tries. Raises ModelError."""
    reach, settings, budget = read_settings(row, overrides, ImageSettings)
    recipe, size = recipe_of(row, batch, settings), height_and_width(settings.size)
    ask = _Images(recipe, settings, _endpoint(row, reach, budget, pause))
    return ServedGenerator(recipe, size, ask, resize=settings.resize, parallel=reach.parallel)


def recipe_of(row: Row, batch: int | Literal["auto"], settings: BaseModel) -> Recipe:
    """The recipe of a served model: what it is asked, and that what it answers cannot be repeated bit by bit.

    The batch is how many rows share a call of the adapter and changes nothing. Dtype and device are the server's.
    """
    served = {"model": read_address(row.name).model, **settings.model_dump(mode="json"), "reproducible": False}
    return Recipe(row.role, row.name, row.family, row.target, "", "served", "remote", BATCH if batch == "auto" else batch, served)


def _endpoint(row: Row, reach: Reach, budget: Budget, pause: Pause) -> Endpoint:
    url = read_address(row.name).url
    return Endpoint(row.name, url, reach, budget, missing=f"correct the address or the model's name; {url}/models lists them", pause=pause)


def _seeded(seed: int, send: bool) -> dict[str, int]:
    return {"seed": seed % 2**SEED_BITS} if send else {}


def _tokens(usage: _Usage | None) -> int | None:
    """The caption's tokens; those of thoughts that came before it are not counted."""
    if usage is None or usage.completion_tokens is None:
        return None
    details = usage.completion_tokens_details
    return max(0, usage.completion_tokens - ((details.reasoning_tokens or 0) if details else 0))
