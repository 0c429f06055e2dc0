"""A server that cannot be reached, is busy, refuses or says nonsense: what is tried again, what is given up, and with which words."""

import gzip
import socket
import time
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any

import pytest
from scripted_server import Reply, serving
from served_models import CHOICE, IMAGE, SIDE, Pauses, described, refusal

from imageloop import catalog
from imageloop.errors import ModelError
from imageloop.models import a1111, endpoint, remote


@pytest.fixture(autouse=True)
def no_key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)


@pytest.mark.parametrize(
    "trouble",
    [
        Reply(status=429),
        Reply(status=500),
        Reply(status=503),
        Reply(status=408),
        Reply({"choices": [CHOICE]}, lost=True),
        Reply({"choices": [CHOICE]}, delay=0.5),
    ],
    ids=["429", "500", "503", "408", "half an answer", "too slow"],
)
def test_what_may_pass_is_tried_again_and_told(trouble: Reply) -> None:
    pauses = Pauses()
    with serving(trouble, trouble) as server:
        caption = described(server, pauses, timeout=0.25)
        assert (caption.retries, len(server.requests)) == (2, 3)
        assert described(server).retries == 0
    assert pauses.seconds == [1, 2]


def test_pauses_double_up_to_a_minute_and_tries_end() -> None:
    pauses = Pauses()
    with serving(always=Reply({"error": {"message": "out of\nmemory"}}, 500)) as server:
        with pytest.raises(ModelError) as error:
            described(server, pauses, tries=9)
        assert len(server.requests) == 9
    assert pauses.seconds == [1, 2, 4, 8, 16, 32, 60, 60]
    assert str(error.value) == (
        f"{server.openai}: the server answered 500: out of memory (9 tries); every finished round is kept: type the same command to go on"
    )


def test_a_server_that_names_a_pause_is_left_alone_for_it() -> None:
    pauses = Pauses()
    date = format_datetime(datetime.now(UTC) + timedelta(seconds=90), usegmt=True)
    past = format_datetime(datetime.now(UTC) - timedelta(days=9), usegmt=True)
    answers = [Reply(status=429, headers={"Retry-After": text}) for text in ("7", date, past, "soon")]
    with serving(*answers) as server:
        assert described(server, pauses).retries == 4
    assert pauses.seconds == [7, pytest.approx(90, abs=5), 0, 8]


def test_a_server_that_wants_a_day_ends_the_run() -> None:
    said = refusal(described, Reply({"error": "quota of the day used"}, 429, {"Retry-After": "86400"}))
    assert said == (
        "the server wants to be left alone for 86400 seconds: quota of the day used; "
        "every finished round is kept: type the same command later to go on"
    )


def test_every_try_counts_towards_the_budget() -> None:
    with serving(always=Reply(status=500)) as server:
        with pytest.raises(ModelError, match=r"all 3 requests that --max-requests allows are sent"):
            described(server, max_requests=3)
        assert len(server.requests) == 3


def test_a_server_that_is_not_there_is_to_be_started() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{free.getsockname()[1]}/v1"
        row = catalog.find("captioner", f"openai:{url}#m")
        pauses = Pauses()
        with pytest.raises(ModelError, match=rf"cannot be reached at {url} \(.*refused.*\) \(5 tries\); start it, or correct the address$"):
            remote.load_captioner(row, batch=1, overrides={}, pause=pauses).caption([IMAGE], [1])
    assert pauses.seconds == [1, 2, 4, 8]


def test_a_slow_server_can_be_given_more_time() -> None:
    said = refusal(described, always=Reply({"choices": [CHOICE]}, delay=0.4), timeout=0.1, tries=2)
    assert said == ("the server took longer than 0.1 seconds (2 tries); where it is merely slow, allow more with --set M.timeout=0.2")
    dripping = Reply({"choices": [CHOICE]}, slowly=0.08)
    assert "took longer than 0.15 seconds" in refusal(described, always=dripping, timeout=0.15, tries=1)


def test_who_waits_for_a_server_is_woken_when_another_row_fails() -> None:
    """Without an own `pause`: the row that waits a minute is given up at once."""
    script = [Reply(status=429, headers={"Retry-After": "60"}), Reply(status=400)]
    with serving(*script) as server:
        row = catalog.find("generator", server.openai)
        model = remote.load_generator(row, batch=2, overrides={"size": SIDE})
        start = time.monotonic()
        with pytest.raises(ModelError, match=r"refuses the request \(400\)"):
            model.generate(["a", "b"], [1, 2])
        assert time.monotonic() - start < 20
        time.sleep(0.2)
        assert len(server.requests) == 2


@pytest.mark.parametrize(
    ("status", "message", "said"),
    [
        (
            401,
            "Incorrect API key",
            (
                "the server does not know the key (401): Incorrect API key; put your key into the environment variable OPENAI_API_KEY, "
                "or name another with --set M.key_variable=…"
            ),
        ),
        (
            403,
            "Country not supported",
            (
                "the server does not allow this (403): Country not supported; put your key into the environment variable OPENAI_API_KEY, "
                "or name another with --set M.key_variable=…"
            ),
        ),
        (
            404,
            "The model m does not exist",
            (
                "the server knows no such model or path (404): The model m does not exist; correct the address or the model's name; "
                "ROOT/v1/models lists them"
            ),
        ),
        (
            400,
            "Unknown parameter: 'seed'",
            (
                "the server refuses the request (400): Unknown parameter: 'seed'; a field that it does not take can be left out: "
                "--set M.send_seed=false, or leave_out"
            ),
        ),
    ],
)
def test_a_refused_request_is_not_repeated_and_says_what_to_do(status: int, message: str, said: str) -> None:
    with serving() as server:
        server.script = [Reply({"error": {"message": message, "type": "t", "code": None}}, status)]
        with pytest.raises(ModelError) as error:
            described(server)
        assert len(server.requests) == 1
    assert str(error.value).replace(server.openai, "M").replace(server.root, "ROOT") == f"M: {said}"


@pytest.mark.parametrize(
    "body", [{"detail": [{"loc": ["body", "size"]}]}, {"message": "no\x1b[31m\nway"}, b"<h1>no</h1>", b"", b"{", {"error": None}]
)
def test_a_server_may_say_what_is_wrong_in_any_way(body: Any) -> None:
    assert refusal(described, Reply(body, 422)).startswith("the server refuses the request (422)")


def test_requests_are_not_sent_on_to_another_server() -> None:
    with serving() as other:
        said = refusal(described, Reply(status=307, headers={"Location": f"{other.root}/v1/chat/completions"}))
        assert (
            said
            == f"the server sends requests on to 127.0.0.1:{other.server_port}, which is not followed; give the address that answers itself"
        )
        assert other.requests == []


@pytest.mark.parametrize(
    ("reply", "said"),
    [
        (
            Reply(b"<!doctype html><title>Login</title>"),
            "ROOT/v1/chat/completions answered with a web page; is this the address of the API?",
        ),
        (Reply(b'{"choices": [{"mess'), "ROOT/v1/chat/completions gave no answer of this API (Invalid JSON: EOF while parsing"),
        (Reply(b""), "ROOT/v1/chat/completions gave no answer of this API (Invalid JSON"),
        (Reply(b"[" * 100_000), "ROOT/v1/chat/completions gave no answer of this API (Invalid JSON: recursion limit"),
        (Reply({"id": 7}), "ROOT/v1/chat/completions gave no answer of this API (choices: Field required)"),
        (Reply(b'{"choices": [{"message": {"content": "\\ud800"}}]}'), "ROOT/v1/chat/completions gave no answer of this API (Invalid JSON"),
        (Reply(b"surf", headers={"Content-Encoding": "gzip"}), "the server's answer cannot be unpacked; is ROOT/v1 the right address?"),
        (Reply({"choices": []}), "the server gave 0 answers to one question"),
        (Reply({"choices": [CHOICE, CHOICE]}), "the server gave 2 answers to one question"),
    ],
    ids=["web page", "broken JSON", "nothing", "deep JSON", "another API", "half a sign", "no gzip", "no choice", "two choices"],
)
def test_an_answer_that_is_none_says_so(reply: Reply, said: str) -> None:
    assert refusal(described, reply).startswith(said)


def test_an_answer_without_end_is_cut_off(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(endpoint, "LARGEST", 2**20)
    bomb = Reply(gzip.compress(b" " * 2**24), headers={"Content-Encoding": "gzip"})
    assert refusal(described, bomb) == "the server answered with more than 1 MB; is ROOT/v1 the right address?"


def test_a_web_interface_without_its_api_says_how_to_start_it() -> None:
    with serving(Reply({"detail": "Not Found"}, 404)) as server:
        model = a1111.load_generator(catalog.find("generator", f"a1111:{server.root}"), batch=1, overrides={"size": SIDE}, pause=Pauses())
        with pytest.raises(ModelError, match=r"\(404\): Not Found; correct the address, or start the interface with --api$"):
            model.generate(["a surfer"], [1])


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"temprature": 1}, "this captioner has no setting 'temprature'; did you mean 'temperature'?"),
        (
            {"temperature": -1.0},
            "temperature='-1.0' is not right (Input should be greater than or equal to 0); change it with --set M.temperature=…",
        ),
        ({"temperature": float("nan")}, "temperature='nan' is not right (Input should be a finite number)"),
        ({"parallel": 0}, "parallel='0' is not right (Input should be greater than or equal to 1)"),
        ({"max_tokens": "64"}, "max_tokens='64' is not right (Input should be a valid integer)"),
        ({"leave_out": ["seed"]}, "leave_out=\"['seed']\" is not right (Input should be 'temperature', 'top_p' or 'max_tokens')"),
        ({"extra": {"model": "other"}}, "extra=\"{'model': 'other'}\" is not right (Value error, model is set by imageloop itself)"),
        ({"extra": {"api_key": "k"}}, "api_key would be written into the run; a key comes from the environment (key_variable)"),
        ({"extra": {"t": float("inf")}}, "extra=\"{'t': inf}\" is not right"),
        ({"instruction": "shrot"}, "instruction 'shrot': no instruction is called that; did you mean 'short'?"),
    ],
)
def test_a_wrong_setting_says_what_is_right(settings: dict[str, Any], said: str) -> None:
    with serving() as server, pytest.raises(ModelError) as error:
        described(server, **settings)
    assert str(error.value).replace(server.openai, "M").removeprefix("M: ").startswith(said)
