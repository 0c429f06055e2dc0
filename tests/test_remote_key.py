"""The key of a server: read from the environment, sent to that server, and found nowhere else."""

import json
import logging
from pathlib import Path
from typing import Any

import contract
import pytest
from scripted_server import Reply, Request, Server, serving, truth

from imageloop import catalog
from imageloop.cli import exit_code
from imageloop.errors import ModelError, PlanError
from imageloop.models import a1111, key, remote
from imageloop.models.server_settings import Reach
from imageloop.plan import changed

KEY = "sk-surf-0123456789abcdef"
IMAGE = contract.noise_pictures(1, 16)[0]


@pytest.fixture(autouse=True)
def set_key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", KEY)


def described(server: Server, **settings: Any) -> Any:
    row = catalog.find("captioner", server.openai)
    return remote.load_captioner(row, batch=1, overrides=settings, pause=lambda stopped, seconds: None).caption([IMAGE], [1])[0]


def drawn(server: Server) -> Any:
    row = catalog.find("generator", server.openai)
    return remote.load_generator(row, batch=1, overrides={"size": 16}, pause=lambda stopped, seconds: None).generate(["a"], [1])[0]


def run(server: Server, folder: Path, *more: str) -> int:
    models = ["--captioner", server.openai, "--generator", server.openai, "--embedder", "analytic"]
    return exit_code(["run", "a surfer", *models, "--size", "16", "--rounds", "2", "--seeds", "1", "--out", str(folder), *more])


def test_the_key_is_sent_to_the_server_and_is_in_no_file_and_no_output(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    with serving() as server:
        assert run(server, tmp_path / "run") == 0
        assert {request.headers["authorization"] for request in server.requests} == {f"Bearer {KEY}"}
        server.always = lambda request: Reply({"error": {"message": f"bad key {request.headers['authorization']}"}}, 401)
        assert run(server, tmp_path / "run", "--rounds", "3") == 1
    files = [file for file in tmp_path.rglob("*") if file.is_file()]
    assert len(files) > 5
    assert [file for file in files if KEY.encode() in file.read_bytes()] == []
    captured = capfd.readouterr()
    assert KEY not in captured.out + captured.err + caplog.text
    assert "bad key Bearer •••" in captured.err


@pytest.mark.parametrize("status", [400, 401, 404, 429, 500])
def test_a_key_that_a_server_repeats_is_blotted_out(status: int) -> None:
    with serving(always=Reply({"error": {"message": f"Bearer {KEY} is wrong"}}, status)) as server, pytest.raises(ModelError) as error:
        described(server)
    assert "Bearer ••• is wrong" in str(error.value)
    assert KEY not in str(error.value)


def test_an_answer_that_holds_the_key_is_not_kept() -> None:
    answer = {"choices": [{"message": {"content": f"a surfer {KEY}"}, "finish_reason": "stop"}]}
    with serving(Reply(answer)) as server, pytest.raises(ModelError, match=r"answer holds your key; nothing of it is kept") as error:
        described(server)
    assert KEY not in str(error.value)


def test_a_key_that_is_a_word_does_not_stand_in_the_way(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "EMPTY")
    with serving(Reply({"choices": [{"message": {"content": "an EMPTY beach"}, "finish_reason": "stop"}]})) as server:
        assert described(server).text == "an EMPTY beach"
        assert server.requests[0].headers["authorization"] == "Bearer EMPTY"


def test_the_key_follows_neither_a_redirect_nor_the_address_of_a_picture() -> None:
    with serving() as other, serving() as server:
        server.script = [Reply(status=302, headers={"Location": f"{other.root}/v1/images/generations"})]
        with pytest.raises(ModelError, match="which is not followed"):
            drawn(server)
        assert other.requests == []
        server.script = [Reply({"data": [{"url": f"{other.root}/picture.png"}]}), Reply({"data": [{"url": f"{server.root}/picture.png"}]})]
        drawn(server)
        drawn(server)
    fetched = [request for request in [*other.requests, *server.requests] if request.path == "/picture.png"]
    assert len(fetched) == 2
    assert all("authorization" not in request.headers for request in fetched)


def test_no_request_carries_what_an_earlier_answer_left() -> None:
    def with_cookie(request: Request) -> Reply:
        return Reply(truth(request).body, headers={"Set-Cookie": "seen=1; Path=/"})

    with serving(always=with_cookie) as server:
        row = catalog.find("captioner", server.openai)
        model = remote.load_captioner(row, batch=1, overrides={})
        for seed in range(2):
            model.caption([IMAGE], [seed])
        assert len(server.requests) == 2
        assert all("cookie" not in request.headers for request in server.requests)


def test_another_variable_can_hold_the_key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OTHER_KEY", " another-key-0123456789\n")
    with serving() as server:
        described(server, key_variable="OTHER_KEY")
        described(server, key_variable="")
        assert server.requests[0].headers["authorization"] == "Bearer another-key-0123456789"
        assert "authorization" not in server.requests[1].headers
        with pytest.raises(ModelError, match=r"the environment variable NO_KEY holds no key; set it, or leave key_variable out$"):
            described(server, key_variable="NO_KEY")
        server.always = Reply(status=401)
        with pytest.raises(ModelError, match=r"\(401\); check the key in OPENAI_API_KEY, or name another variable with --set "):
            described(server)


@pytest.mark.parametrize("text", ["sk-two words-0123456789", "sk-\x00-0123456789", "sk-ключ-0123456789", "sk-a\r\nX-Evil: 1"])
def test_what_cannot_be_a_key_is_refused_without_being_shown(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    monkeypatch.setattr("os.environ", {"OPENAI_API_KEY": text})
    with pytest.raises(ModelError, match="what OPENAI_API_KEY holds cannot be a key") as error:
        key.read_key("m", "https://a/v1", Reach())
    assert "sk-" not in str(error.value)


def test_a_key_goes_unencrypted_to_another_machine_only_when_told_to() -> None:
    with pytest.raises(ModelError, match=r"^m: OPENAI_API_KEY would be sent unencrypted to far; use https, or say what to send: "):
        key.read_key("m", "http://far/v1", Reach())
    assert key.read_key("m", "http://far/v1", Reach(key_variable="OPENAI_API_KEY")).text == KEY
    assert key.read_key("m", "http://far/v1", Reach(key_variable="")).text == ""
    for url in ("https://far/v1", "http://localhost:1/v1", "http://[::1]:1/v1"):
        assert key.read_key("m", url, Reach()).text == KEY


def test_the_web_interface_is_sent_no_key() -> None:
    with serving() as server:
        row = catalog.find("generator", f"a1111:{server.root}")
        a1111.load_generator(row, batch=1, overrides={"size": 16}).generate(["a surfer"], [1])
        assert "authorization" not in server.requests[0].headers


def test_a_key_shows_nothing_of_itself() -> None:
    assert KEY not in repr(key.Key(KEY))


@pytest.mark.parametrize("setting", ["api_key", "Authorization", "extra.api-key"])
def test_a_key_among_the_settings_is_refused_before_it_is_written(tmp_path: Path, capfd: pytest.CaptureFixture[str], setting: str) -> None:
    with serving() as server:
        text = f'{server.openai}.{setting}="{KEY}"' if "." not in setting else f'{server.openai}.extra={{api-key="{KEY}"}}'
        assert run(server, tmp_path / "run", "--set", text) == 1
        assert server.requests == []
    assert "would be written into the run; a key comes from the environment (key_variable)" in capfd.readouterr().err
    assert [file for file in tmp_path.rglob("*") if file.is_file()] == []


def test_a_key_in_an_address_is_refused_and_not_shown(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    for address in (f"http://user:{KEY}@localhost:1/v1#m", f"http://localhost:1/v1?key={KEY}#m", f"https://{KEY}@far#m"):
        for role in ("captioner", "generator"):
            code = exit_code(["run", "a surfer", f"--{role}", f"openai:{address}", "--out", str(tmp_path / "run")])
            said = capfd.readouterr().err
            assert (code, said.startswith("imageloop: openai: this address holds a user name, a password or a query")) == (1, True)
            assert KEY not in said
    assert list(tmp_path.iterdir()) == []


def test_a_proxy_is_not_asked_for_a_server_on_this_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    with serving() as proxy, serving() as server:
        for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
            monkeypatch.setenv(name, proxy.root)
        assert described(server).text
        assert proxy.requests == []


def test_nothing_of_the_key_is_in_a_recipe() -> None:
    with serving() as server:
        row = catalog.find("captioner", server.openai)
        recipe = remote.load_captioner(row, batch=1, overrides={"key_variable": "OPENAI_API_KEY"}).recipe
    assert KEY not in json.dumps(dict(recipe.settings)) + repr(recipe)


def test_the_plan_refuses_a_key_for_any_model() -> None:
    with pytest.raises(PlanError, match="api_key would be written into the run"):
        changed(None, {"originals": ("a surfer",)}, [f"sticker-blip.api_key={KEY}"])
