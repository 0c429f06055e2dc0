"""A model hub on this machine that holds folders, refuses as the real one does, and can be asked to misbehave."""

import hashlib
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import huggingface_hub
import pytest
from huggingface_hub import constants

COMMIT = "0123456789abcdef0123456789abcdef01234567"


@dataclass
class Repository:
    """One model: its files, and how it answers."""

    folder: Path
    gated: bool = False
    sizes: dict[str, int] = field(default_factory=dict)
    """Bytes that the hub tells of a file, where they are not the file's own."""

    def files(self) -> dict[str, int]:
        found = {file.relative_to(self.folder).as_posix(): file.stat().st_size for file in self.folder.rglob("*") if file.is_file()}
        return {name: self.sizes.get(name, size) for name, size in found.items()}


@dataclass
class Hub:
    """Repositories by `owner/name`; `asked` are the paths of all requests, `down` answers 503 to everything."""

    url: str = ""
    repositories: dict[str, Repository] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)
    down: bool = False

    def hold(self, name: str, folder: Path, **how: object) -> None:
        self.repositories[name] = Repository(folder, **how)  # type: ignore[arg-type]


class Handler(BaseHTTPRequestHandler):
    hub: Hub

    def log_message(self, *_: object) -> None:
        pass

    def do_HEAD(self) -> None:
        self.do_GET()

    def do_GET(self) -> None:
        path = self.path.partition("?")[0].strip("/")
        self.hub.asked.append(path)
        api = path.startswith("api/models/")
        words = path.removeprefix("api/models/").split("/")
        held = self.hub.repositories.get("/".join(words[:2]))
        if self.hub.down:
            self.refuse(503, "")
        elif held is None:
            self.refuse(401, "RepoNotFound")
        elif len(words) > 3 and words[3] not in ("main", COMMIT):
            self.refuse(404, "RevisionNotFound")
        elif api and "tree" in words:
            self.answer([{"type": "file", "path": name, "size": size, "oid": "0" * 40} for name, size in held.files().items()])
        elif api:
            siblings = [{"rfilename": name, "size": size} for name, size in held.files().items()]
            self.answer({"id": "/".join(words[:2]), "sha": COMMIT, "siblings": siblings, "tags": [], "downloads": 0, "private": False})
        elif held.gated:
            self.refuse(403, "GatedRepo")
        else:
            self.send(held.folder / "/".join(words[4:]))

    def answer(self, value: object) -> None:
        body = json.dumps(value).encode()
        self.reply(200, {"Content-Type": "application/json"}, body)

    def send(self, file: Path) -> None:
        if not file.is_file():
            self.refuse(404, "EntryNotFound")
            return
        body = file.read_bytes()
        self.reply(200, {"X-Repo-Commit": COMMIT, "ETag": f'"{hashlib.sha256(body).hexdigest()}"'}, body)

    def refuse(self, code: int, why: str) -> None:
        self.reply(code, {"X-Error-Code": why, "X-Error-Message": why}, b"")

    def reply(self, code: int, headers: dict[str, str], body: bytes) -> None:
        self.send_response(code)
        for name, value in {**headers, "Content-Length": str(len(body))}.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)


@contextmanager
def running(monkeypatch: pytest.MonkeyPatch, cache: Path) -> Iterator[Hub]:
    """A hub that huggingface_hub takes for the real one, with an empty cache."""
    hub = Hub()
    server = ThreadingHTTPServer(("127.0.0.1", 0), type("OfThisHub", (Handler,), {"hub": hub}))
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    hub.url = f"http://127.0.0.1:{server.server_port}"
    ask(monkeypatch, hub.url, cache)
    try:
        yield hub
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def ask(monkeypatch: pytest.MonkeyPatch, url: str, cache: Path) -> None:
    """Let huggingface_hub ask at `url` and keep what it fetches in `cache`, as HF_ENDPOINT and HF_HUB_CACHE do in a new process."""
    monkeypatch.setattr(constants, "ENDPOINT", url)
    monkeypatch.setattr(constants, "HUGGINGFACE_CO_URL_TEMPLATE", url + "/{repo_id}/resolve/{revision}/{filename}")
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(cache))
    monkeypatch.setattr(constants, "HF_HUB_DISABLE_XET", True)
    monkeypatch.setattr(huggingface_hub.hf_api.api, "endpoint", url)
