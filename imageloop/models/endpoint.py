"""A server's API over HTTP: requests that are repeated while it is busy or fails, and errors that people can act on.

The key comes from the environment and goes into one header and nowhere else: requests follow no redirect, downloads carry no key, and
it is blotted out of whatever a server says that would be shown. An answer that holds the key is refused.
"""

import json
import threading
import time
import weakref
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from http.cookiejar import CookieJar, DefaultCookiePolicy
from typing import Any, TypeVar
from urllib.parse import urlsplit

import httpx2 as httpx
from pydantic import BaseModel, ConfigDict, ValidationError
from pydantic_core import from_json

from imageloop.errors import ModelError
from imageloop.models.budget import Budget
from imageloop.models.key import LOCAL, read_key
from imageloop.models.parallel import Abandoned
from imageloop.models.server_settings import Reach

CONNECT = 10.0
"""Seconds to wait for a connection."""
LONGEST_PAUSE = 60.0
"""Seconds between two tries, at most, where the server asks for no pause of its own."""
LONGEST_ASKED = 600.0
"""Seconds that a server may ask to be left alone; beyond that, the run ends and says so."""
LARGEST = 256 * 2**20
"""Bytes of an answer or a picture, at most."""
BUSY = (408, 425, 429)
"""Answers on which the same request may be sent again, as on any from 500 on."""
REFUSALS = {
    401: "the server does not know the key",
    403: "the server does not allow this",
    404: "the server knows no such model or path",
}

Parsed = TypeVar("Parsed", bound=BaseModel)
Pause = Callable[[threading.Event, float], object]


class Answer(BaseModel):
    """What a server answers. What is not named is ignored, and NaN and infinity are refused."""

    model_config = ConfigDict(frozen=True, allow_inf_nan=False)


class _Trouble(Exception):
    """What went wrong may pass. `pause` is what the server asks for, in seconds."""

    def __init__(self, what: str, hint: str = "", pause: float | None = None) -> None:
        super().__init__(what)
        self.hint, self.pause = hint, pause


class Endpoint:
    """The API of one server, used by one model from several threads."""

    def __init__(self, name: str, url: str, reach: Reach, budget: Budget, *, missing: str, pause: Pause = threading.Event.wait) -> None:
        """`name` is what errors call the model, `missing` what to do where the server knows no such path (404).

        `pause(stopped, seconds)` waits, less when `stopped` is set. Raises ModelError.
        """
        self._name, self._url, self._reach, self._budget = name, url, reach, budget
        self._missing, self._pause = missing, pause
        self._key = read_key(name, url, reach)
        self._client = httpx.Client(
            timeout=httpx.Timeout(reach.timeout, connect=CONNECT),
            limits=httpx.Limits(max_connections=reach.parallel),
            headers={"User-Agent": "imageloop"},
            cookies=CookieJar(DefaultCookiePolicy(allowed_domains=[])),  # no request may know of another
            # A server on this machine is not behind a proxy, whatever the environment says.
            mounts={f"all://{f'[{host}]' if ':' in host else host}": None for host in LOCAL},
        )
        weakref.finalize(self, self._client.close)

    def post(self, path: str, body: Mapping[str, Any], kind: type[Parsed], stopped: threading.Event) -> tuple[Parsed, int]:
        """The server's answer to a request as `kind`, and how often it had to be sent again. Raises ModelError, or Abandoned."""
        # All ASCII, so that a text goes through whatever it holds.
        content = json.dumps(body, allow_nan=False).encode()
        headers = {"Content-Type": "application/json", **self._key.header}
        request = self._client.build_request("POST", self._url + path, content=content, headers=headers)

        def once() -> bytes:
            self._budget.take(self._name)
            return self._judged(*self._sent(request, "the server", self._url))

        answer, again = self._insisted(once, stopped)
        if self._key.secret and self._key.text.encode() in answer:
            raise ModelError(f"{self._name}: the server's answer holds your key; nothing of it is kept; renew the key")
        return self._parsed(answer, path, kind), again

    def download(self, url: str, stopped: threading.Event) -> bytes:
        """What lies at a URL that the server gave, fetched without the key. Raises ModelError, or Abandoned."""
        try:
            request = self._client.build_request("GET", url)
        except httpx.InvalidURL:
            raise ModelError(f"{self._name}: the server gave no sound address for its picture: {self.shown(url, 40)}") from None
        if request.url.scheme not in ("http", "https") or not request.url.host:
            raise ModelError(f"{self._name}: the server gave no http address for its picture: {self.shown(url, 40)}")
        content, _ = self._insisted(lambda: self._judged(*self._sent(request, "the picture's server", request.url.host)), stopped)
        return content

    def shown(self, text: str, most: int = 200) -> str:
        """A text of the server's for an error: one line, printable, short, without the key."""
        line = " ".join(self._key.blotted(text).split())
        plain = "".join(c if c.isprintable() else "�" for c in line)
        return plain if len(plain) <= most else f"{plain[: most - 1]}…"

    def _insisted(self, once: Callable[[], bytes], stopped: threading.Event) -> tuple[bytes, int]:
        for again in range(self._reach.tries):
            try:
                return once(), again
            except _Trouble as trouble:
                last = trouble
            if again + 1 < self._reach.tries:
                self._pause(stopped, min(2.0**again, LONGEST_PAUSE) if last.pause is None else last.pause)
                if stopped.is_set():
                    raise Abandoned
        times = f" ({self._reach.tries} tries)" if self._reach.tries > 1 else ""
        hint = last.hint or "every finished round is kept: type the same command to go on"
        raise ModelError(f"{self._name}: {last}{times}; {hint}") from None

    def _sent(self, request: httpx.Request, who: str, where: str) -> tuple[httpx.Response, bytes]:
        """The head and the body of an answer that came whole and in time."""
        try:
            start = time.monotonic()
            response = self._client.send(request, stream=True)
            try:
                return response, b"".join(self._parts(response, start, who, where))
            finally:
                response.close()
        except httpx.ConnectTimeout as error:
            raise _Trouble(f"{who} does not answer at {where}", "start it, or correct the address") from error
        except httpx.TimeoutException as error:
            raise self._late(who) from error
        except httpx.ConnectError as error:
            why = self.shown(str(error), 80)
            raise _Trouble(f"{who} cannot be reached at {where} ({why})", "start it, or correct the address") from error
        except httpx.TransportError as error:
            raise _Trouble(f"the connection to {who} broke off") from error
        except httpx.DecodingError as error:
            raise ModelError(f"{self._name}: {who}'s answer cannot be unpacked; is {where} the right address?") from error

    def _parts(self, response: httpx.Response, start: float, who: str, where: str) -> Iterator[bytes]:
        """An answer's body, as long as it is neither too large nor too late: a timeout of HTTP sees only the pauses between parts."""
        size = 0
        for part in response.iter_bytes():
            size += len(part)
            if size > LARGEST:
                most = f"{LARGEST // 2**20} MB"
                raise ModelError(f"{self._name}: {who} answered with more than {most}; is {where} the right address?")
            if time.monotonic() - start > self._reach.timeout:
                raise self._late(who)
            yield part

    def _late(self, who: str) -> _Trouble:
        longer = f"--set {self._name}.timeout={2 * self._reach.timeout:g}"
        return _Trouble(f"{who} took longer than {self._reach.timeout:g} seconds", f"where it is merely slow, allow more with {longer}")

    def _judged(self, response: httpx.Response, content: bytes) -> bytes:
        """The body of a good answer. Raises _Trouble where trying again may help, else ModelError."""
        status = response.status_code
        if 200 <= status < 300:
            return content
        said = self._message(content)
        told = f": {said}" if said else ""
        if 300 <= status < 400:
            host = urlsplit(response.headers.get("location", "")).netloc.rpartition("@")[2]
            place = f"to {self.shown(host, 80)}" if host else "elsewhere"
            raise ModelError(
                f"{self._name}: the server sends requests on {place}, which is not followed; give the address that answers itself"
            )
        if status in BUSY or status >= 500:
            pause = _asked_pause(response.headers.get("retry-after"))
            if pause is not None and pause > LONGEST_ASKED:
                raise ModelError(
                    f"{self._name}: the server wants to be left alone for {pause:.0f} seconds{told}; "
                    "every finished round is kept: type the same command later to go on"
                )
            raise _Trouble(f"the server answered {status}{told}", pause=pause)
        what = REFUSALS.get(status, "the server refuses the request")
        raise ModelError(f"{self._name}: {what} ({status}){told}; {self._advice(status)}")

    def _advice(self, status: int) -> str:
        if status in (401, 403):
            variable = self._reach.key_variable or "OPENAI_API_KEY"
            if self._key.text:
                return f"check the key in {variable}, or name another variable with --set {self._name}.key_variable=…"
            return f"put your key into the environment variable {variable}, or name another with --set {self._name}.key_variable=…"
        if status == 404:
            return self._missing
        return f"a field that it does not take can be left out: --set {self._name}.send_seed=false, or leave_out"

    def _message(self, content: bytes) -> str:
        """What the server says is wrong, where it says so in one of the usual ways."""
        try:
            said: Any = from_json(content)
        except ValueError:
            return ""
        while isinstance(said, dict):
            said = next((said[name] for name in ("error", "message", "detail", "errors") if name in said), None)
        return self.shown(said) if isinstance(said, str) else self.shown(str(said)) if said else ""

    def _parsed(self, content: bytes, path: str, kind: type[Parsed]) -> Parsed:
        try:
            return kind.model_validate_json(content)
        except ValidationError as error:
            first = error.errors(include_url=False)[0]
        if content.lstrip()[:1] == b"<":
            raise ModelError(f"{self._name}: {self._url}{path} answered with a web page; is this the address of the API? Many end in /v1")
        where = ".".join(map(str, first["loc"]))
        what = f"{where}: {first['msg']}" if where else first["msg"]
        raise ModelError(
            f"{self._name}: {self._url}{path} gave no answer of this API ({self.shown(what, 120)}); does it speak the protocol?"
        )


def _asked_pause(header: str | None) -> float | None:
    """The seconds that a Retry-After header asks for, as a number or a date; None where it asks for nothing that can be read."""
    if header is None:
        return None
    if header.strip().isdecimal():
        return float(header)
    try:
        until = parsedate_to_datetime(header)
    except ValueError:
        return None
    return max(0.0, (until.replace(tzinfo=until.tzinfo or UTC) - datetime.now(UTC)).total_seconds())
