"""Served models of a scripted server, asked for one row, and what is said when that fails."""

import threading
from typing import Any

import contract
import pytest
from scripted_server import Scripted, Server, serving

from imageloop import catalog
from imageloop.errors import ModelError
from imageloop.models import remote

SIDE = 16
IMAGE = contract.noise_pictures(1, SIDE)[0]
CHOICE = {"message": {"content": "a surfer"}, "finish_reason": "stop"}


class Pauses:
    """Waits for nobody, and notes how long it was to wait."""

    def __init__(self) -> None:
        self.seconds: list[float] = []

    def __call__(self, stopped: threading.Event, seconds: float) -> None:
        self.seconds.append(seconds)


def described(server: Server, pauses: Pauses | None = None, **settings: Any) -> Any:
    row = catalog.find("captioner", server.openai)
    model = remote.load_captioner(row, batch=1, overrides=settings, pause=pauses or Pauses())
    return model.caption([IMAGE], [1])[0]


def drawn(server: Server, pauses: Pauses | None = None, **settings: Any) -> Any:
    row = catalog.find("generator", server.openai)
    model = remote.load_generator(row, batch=1, overrides={"size": SIDE, **settings}, pause=pauses or Pauses())
    return model.generate(["a surfer"], [1])[0]


def refusal(call: Any, *script: Scripted, always: Scripted | None = None, **settings: Any) -> str:
    """What is said when a server answers so, without the model's name in front; it is one line."""
    with serving(*script, always=always) as server:
        with pytest.raises(ModelError) as error:
            call(server, **settings)
        text = str(error.value)
        assert text.isprintable()
        assert text.startswith(f"{server.openai}: ")
        return text.replace(server.openai, "M").replace(server.root, "ROOT").removeprefix("M: ")
