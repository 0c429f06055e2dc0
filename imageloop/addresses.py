"""What a person types for a model that a server runs: `openai:URL#MODEL`, or `a1111:URL` with or without `#CHECKPOINT`."""

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from imageloop.errors import ModelError

EXAMPLES = {"openai": "openai:http://localhost:8000/v1#MODEL", "a1111": "a1111:http://localhost:7860"}
"""The protocols that are spoken, each with what to type."""

SECRETS = ("key", "api_key", "apikey", "token", "access_token", "auth_token", "authorization", "password", "secret")
"""Names of settings that would hold what must not be written into a run."""


@dataclass(frozen=True, slots=True)
class Address:
    """Where a served model is: the protocol, the API's URL without a slash at its end, and the model's name there."""

    protocol: str
    url: str
    model: str
    """Empty where the server has but one, or is to keep the one it has loaded."""

    @property
    def label(self) -> str:
        """A name for paths and tables. Models of one name on two servers stay apart by a hash."""
        readable = self.model.rpartition("/")[2] or urlsplit(self.url).netloc
        slug = re.sub(r"[^A-Za-z0-9._-]+", "-", readable).strip("-.") or self.protocol
        whole = f"{self.protocol}:{self.url}#{self.model}"
        return f"{slug}-{hashlib.sha256(whole.encode()).hexdigest()[:6]}"


def is_address(spec: str) -> bool:
    """Whether a text is meant as the address of a server; it may still be a wrong one."""
    return spec.partition(":")[0] in (*EXAMPLES, "http", "https")


def secret_in(settings: Mapping[str, Any]) -> str | None:
    """The name of a setting, also of one inside another, that would hold a key."""
    for name, value in settings.items():
        if name.lower().replace("-", "_") in SECRETS:
            return name
        if isinstance(value, Mapping) and (inner := secret_in(value)):
            return inner
    return None


def read_address(spec: str) -> Address:
    """The address a text spells. Raises ModelError with what to type.

    Nothing secret is let in, since addresses are written into runs and errors: no user name, no password, no query.
    """
    protocol, _, rest = spec.partition(":")
    url, _, model = rest.partition("#")
    try:
        parts = urlsplit(url if protocol in EXAMPLES else spec)
    except ValueError:
        raise ModelError(f"{protocol}: is followed by no address of a server; type {' or '.join(EXAMPLES.values())}") from None
    if "@" in parts.netloc or parts.query:
        # The text is not shown: what stands there may be a key.
        raise ModelError(
            f"{protocol}: this address holds a user name, a password or a query, and would be written into the run; "
            "leave them out and put the key into the environment variable OPENAI_API_KEY"
        )
    if protocol not in EXAMPLES:
        raise ModelError(f"{spec}: say what the server speaks: {' or '.join(EXAMPLES.values())}")
    try:
        sound = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        sound = False
    if not sound or not spec.isprintable() or " " in url:
        raise ModelError(f"{spec}: is no address of a server; type {EXAMPLES[protocol]}")
    if protocol == "openai" and not model:
        raise ModelError(f"{spec}: name the model that the server is to run: {url}#MODEL; {url.rstrip('/')}/models lists them")
    return Address(protocol, url.rstrip("/"), model)
