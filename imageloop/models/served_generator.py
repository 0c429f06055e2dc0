"""A generator behind a server, whatever the server's words are: a request for each prompt, and what comes back checked to be a picture."""

from collections.abc import Callable, Sequence
from threading import Event
from typing import Protocol

from imageloop.errors import ModelError
from imageloop.models.parallel import ask_each
from imageloop.models.received import WrongSize, received
from imageloop.records import Picture, Recipe


class Ask(Protocol):
    """Sends one prompt in a server's own words."""

    def __call__(self, prompt: str, seed: int, stopped: Event, /) -> tuple[Callable[[], bytes], int]:
        """How to get the picture's bytes, which may raise ValueError in a few words, and how often the server had to be asked again."""
        ...


class ServedGenerator:
    """Pictures from a server. How much of a prompt it reads is not known: `prompt_tokens` and `prompt_tokens_read` are empty."""

    def __init__(self, recipe: Recipe, size: tuple[int, int], ask: Ask, *, resize: bool, parallel: int) -> None:
        self._recipe, self._size, self._ask, self._resize, self._parallel = recipe, size, ask, resize, parallel

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
        content, again = self._ask(prompt, seed, stopped)
        try:
            pixels = received(content(), *self._size, resize=self._resize)
        except ValueError as error:
            raise self._unfit(error) from None
        return Picture(pixels, {}, {}, retries=again)

    def _unfit(self, error: ValueError) -> ModelError:
        name, (height, width) = self._recipe.name, self._size
        if isinstance(error, WrongSize):
            own = str(error.height) if error.height == error.width else f"[{error.height}, {error.width}]"
            return ModelError(
                f"{name}: the server sent a picture of {error.height}×{error.width} pixels for {height}×{width}; "
                f"ask for that size with --set {name}.size='{own}', or have it scaled with --set {name}.resize=true"
            )
        return ModelError(f"{name}: what the server sent is no picture: {error}; try another server")
