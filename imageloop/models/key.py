"""The key that a server wants: read from the environment, and shown nowhere."""

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from imageloop.errors import ModelError
from imageloop.models.server_settings import Reach

SECRET = 12
"""Characters from which on a key is a secret. Servers at home are given keys such as EMPTY or ollama, and captions have such words."""
LOCAL = ("localhost", "127.0.0.1", "::1")
"""Hosts that are this machine."""


@dataclass(frozen=True, slots=True)
class Key:
    """A key and the header that carries it; both are left out of what is printed of it."""

    text: str = field(default="", repr=False)

    @property
    def header(self) -> Mapping[str, str]:
        return {"Authorization": f"Bearer {self.text}"} if self.text else {}

    def blotted(self, text: str) -> str:
        """A text without the key."""
        return text.replace(self.text, "•••") if self.secret else text

    @property
    def secret(self) -> bool:
        return len(self.text) >= SECRET


def read_key(name: str, url: str, reach: Reach) -> Key:
    """The key for a server, from the environment variable that the settings name; empty where there is none.

    A variable that was not named by hand is not sent in the clear to another machine. Raises ModelError.
    """
    named = "key_variable" in reach.model_fields_set
    text = os.environ.get(reach.key_variable, "").strip() if reach.key_variable else ""
    if not text:
        if named and reach.key_variable:
            raise ModelError(f"{name}: the environment variable {reach.key_variable} holds no key; set it, or leave key_variable out")
        return Key()
    if not (text.isascii() and text.isprintable()) or " " in text:
        raise ModelError(f"{name}: what {reach.key_variable} holds cannot be a key: it has spaces or signs that no header may have")
    parts = urlsplit(url)
    if parts.scheme == "http" and parts.hostname not in LOCAL and not named:
        raise ModelError(
            f"{name}: {reach.key_variable} would be sent unencrypted to {parts.hostname}; use https, or say what to send: "
            f'--set {name}.key_variable={reach.key_variable} sends it all the same, --set {name}.key_variable="" sends none'
        )
    return Key(text)
