"""A real HTTP server on this machine that draws and describes, always the same for the same request, or misbehaves by script."""

import base64
import hashlib
import json
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from io import BytesIO
from typing import Any

import numpy as np
from PIL import Image

from imageloop.records import Pixels


@dataclass(frozen=True)
class Reply:
    """What to answer. `lost`: the connection closes before the last half of the body; `slowly`: seconds before each of four parts."""

    body: bytes | dict[str, Any] = b""
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    delay: float = 0.0
    lost: bool = False
    slowly: float = 0.0

    @property
    def content(self) -> bytes:
        return self.body if isinstance(self.body, bytes) else json.dumps(self.body).encode()


@dataclass
class Request:
    path: str
    headers: dict[str, str]
    body: dict[str, Any]


Scripted = Reply | Callable[["Request"], Reply]


class Server(ThreadingHTTPServer):
    """`requests` is all that was asked; `script` is answered first, then `always` where it is set, then the truth."""

    daemon_threads = True

    def __init__(self, script: Sequence[Scripted], always: Scripted | None) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.requests: list[Request] = []
        self.script, self.always = list(script), always
        self.most_at_once = self._at_once = 0
        self._lock = threading.Lock()

    @property
    def root(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"

    @property
    def openai(self) -> str:
        return f"openai:{self.root}/v1#m"

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Says nothing: clients that hang up are part of the script."""

    def reply_to(self, request: Request) -> Reply:
        with self._lock:
            self.requests.append(request)
            scripted = self.script.pop(0) if self.script else self.always
        if scripted is None:
            return truth(request)
        return scripted if isinstance(scripted, Reply) else scripted(request)

    @contextmanager
    def counted(self) -> Iterator[None]:
        with self._lock:
            self._at_once += 1
            self.most_at_once = max(self.most_at_once, self._at_once)
        yield
        with self._lock:
            self._at_once -= 1


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Server

    def do_GET(self) -> None:
        self._answer(b"{}")

    def do_POST(self) -> None:
        self._answer(self.rfile.read(int(self.headers["Content-Length"])))

    def _answer(self, body: bytes) -> None:
        with self.server.counted():
            reply = self.server.reply_to(Request(self.path, {k.lower(): v for k, v in self.headers.items()}, json.loads(body)))
            time.sleep(reply.delay)
        content = reply.content
        self.send_response(reply.status)
        for name, value in {"Content-Length": str(len(content)), **reply.headers}.items():
            self.send_header(name, value)
        self.end_headers()
        if reply.lost:
            self.wfile.write(content[: len(content) // 2])
            self.close_connection = True
            return
        for part in range(4) if reply.slowly else range(1):
            time.sleep(reply.slowly)
            quarter = len(content) // 4 if reply.slowly else len(content)
            self.wfile.write(content[part * quarter : None if part == 3 else (part + 1) * quarter])
            self.wfile.flush()

    def log_message(self, format: str, *args: Any) -> None:
        """Says nothing."""


@contextmanager
def serving(*script: Scripted, always: Scripted | None = None) -> Iterator[Server]:
    server = Server(script, always)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def truth(request: Request) -> Reply:
    """What a well-behaved server answers: a function of what is asked, and of nothing else."""
    body = request.body
    if request.path == "/v1/chat/completions":
        return Reply(said(body))
    if request.path == "/v1/images/generations":
        width, height = map(int, body["size"].split("x"))
        return Reply({"data": [{"b64_json": base64.b64encode(png(drawn(body["prompt"], body.get("seed"), height, width))).decode()}]})
    if request.path == "/sdapi/v1/txt2img":
        pixels = drawn(body["prompt"], body["seed"], body["height"], body["width"])
        return Reply({"images": [base64.b64encode(png(pixels)).decode()], "parameters": {}, "info": "{}"})
    if request.path == "/picture.png":
        return Reply(png(drawn("picture", 0, 16, 16)))
    return Reply({"error": {"message": "no such path"}}, 404)


def said(body: dict[str, Any]) -> dict[str, Any]:
    """An answer of `/chat/completions`: words by a hash of the picture and, unless the temperature is 0, of the seed."""
    image, question = body["messages"][0]["content"]
    pixels = np.array(Image.open(BytesIO(base64.b64decode(image["image_url"]["url"].partition(",")[2]))))
    asked = [hashlib.sha256(pixels.tobytes()).hexdigest(), question["text"], body["seed"] if body["temperature"] else None]
    words = [f"word{number % 50}" for number in hashlib.sha256(repr(asked).encode()).digest()[:6]]
    kept = words[: body["max_tokens"]]
    message = {"role": "assistant", "content": " ".join(kept), "refusal": None}
    choice: dict[str, Any] = {"index": 0, "message": message, "finish_reason": "stop" if kept == words else "length"}
    if body.get("logprobs"):
        choice["logprobs"] = {"content": [{"token": word, "logprob": -1.5, "bytes": None, "top_logprobs": []} for word in kept]}
    return {"id": "c", "model": body["model"], "choices": [choice], "usage": {"completion_tokens": len(kept), "prompt_tokens": 9}}


def drawn(prompt: str, seed: int | None, height: int, width: int) -> Pixels:
    """A picture by a hash of the prompt and the seed."""
    number = int.from_bytes(hashlib.sha256(f"{prompt}/{seed}".encode("utf-8", "surrogatepass")).digest()[:8])
    return np.random.default_rng(number).integers(0, 256, (height, width, 3), dtype=np.uint8)


def png(pixels: Pixels) -> bytes:
    file = BytesIO()
    Image.fromarray(pixels).save(file, "PNG")
    return file.getvalue()
