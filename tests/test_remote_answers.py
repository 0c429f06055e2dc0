"""Captions and pictures that are held back, broken or not what was asked for: none is made up, and what to do is said."""

import base64
import json
import zlib
from io import BytesIO

import numpy as np
import pytest
from PIL import Image
from scripted_server import Reply, png, serving
from served_models import CHOICE, IMAGE, described, drawn, refusal

from imageloop.errors import ModelError


@pytest.fixture(autouse=True)
def no_key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)


def picture(content: bytes) -> Reply:
    return Reply({"data": [{"b64_json": base64.b64encode(content).decode()}]})


def spoken(content: str | None, reason: str | None, refused: str | None = None) -> Reply:
    return Reply({"choices": [{"message": {"content": content, "refusal": refused}, "finish_reason": reason}]})


@pytest.mark.parametrize(
    ("reply", "said"),
    [
        (
            spoken(None, "stop", "I cannot\nhelp."),
            "the model refused to describe a picture: I cannot help.; take another model or another instruction, with --out elsewhere",
        ),
        (
            spoken("a sur", "content_filter"),
            "the server's content filter held back a caption; take another server or another original",
        ),
        (spoken("", "stop"), "the model answered with no words (stop); set another instruction or model"),
        (spoken(" \n", None), "the model answered with no words (no reason given); set another instruction or model"),
        (spoken("", "length"), "no caption within 64 tokens (does it think first?); set max_tokens higher"),
        (
            spoken("a surfer", None),
            "the server does not say why a caption ends (finish_reason), so nobody knows whether it was cut",
        ),
    ],
    ids=["refusal", "filter", "no words", "white space", "all thought", "no reason"],
)
def test_no_caption_is_made_up_for_one_that_is_held_back(reply: Reply, said: str) -> None:
    assert refusal(described, reply) == said


def test_log_probabilities_are_given_or_missed() -> None:
    assert refusal(described, spoken("a surfer", "stop"), logprobs=True) == "the server gives no log-probabilities; leave logprobs out"
    infinite = json.dumps({"choices": [{**CHOICE, "logprobs": {"content": [{"logprob": -float("inf")}]}}]}).encode()
    assert "finite number" in refusal(described, Reply(infinite), logprobs=True)


def a_bomb(side: int) -> bytes:
    """A PNG whose head claims `side` × `side` pixels."""
    whole = bytearray(png(IMAGE))
    whole[16:24] = side.to_bytes(4) * 2
    whole[29:33] = zlib.crc32(whole[12:29]).to_bytes(4)
    return bytes(whole)


def gif() -> bytes:
    file = BytesIO()
    Image.fromarray(IMAGE).save(file, "GIF")
    return file.getvalue()


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"not a picture", "it is none of PNG, JPEG, WEBP"),
        (b"", "the server sent no picture, neither as b64_json nor as url"),
        (gif(), "it is none of PNG, JPEG, WEBP"),
        (png(IMAGE)[:-300], "image file is truncated"),
        (png(IMAGE)[:60], ""),
        (a_bomb(10_000), "it claims to have 10000×10000 pixels"),
        (a_bomb(60_000), "it claims to have hundreds of millions of pixels"),
    ],
    ids=["words", "nothing", "another format", "cut off", "only a head", "a bomb", "a large bomb"],
)
def test_what_is_no_picture_is_never_stored_as_one(content: bytes, said: str) -> None:
    told = refusal(drawn, picture(content))
    assert said in told
    assert told.startswith(("what the server sent is no picture: ", "the server sent no picture"))


def test_a_text_that_is_no_base64_is_no_picture() -> None:
    for text in ("%%%", "abc", "data:image/png;base64,!"):
        told = refusal(drawn, Reply({"data": [{"b64_json": text}]}))
        assert told == "what the server sent is no picture: it is not base64; try another server"


@pytest.mark.parametrize(
    ("count", "said"), [(0, "the server sent 0 pictures for one prompt"), (2, "the server sent 2 pictures for one prompt")]
)
def test_a_wrong_number_of_pictures_says_so(count: int, said: str) -> None:
    one = {"b64_json": base64.b64encode(png(IMAGE)).decode()}
    assert refusal(drawn, Reply({"data": [one] * count})) == said


def test_a_picture_of_another_size_says_what_to_set() -> None:
    assert refusal(drawn, picture(png(np.zeros((8, 8, 3), np.uint8)))) == (
        "the server sent a picture of 8×8 pixels for 16×16; ask for that size with --set M.size='8', "
        "or have it scaled with --set M.resize=true"
    )
    assert "--set M.size='[8, 16]'" in refusal(drawn, picture(png(np.zeros((8, 16, 3), np.uint8))))


def test_a_prompt_that_the_server_rewrites_is_not_drawn_in_silence() -> None:
    other = {"b64_json": base64.b64encode(png(IMAGE)).decode(), "revised_prompt": "A majestic surfer, 8k"}
    assert refusal(drawn, Reply({"data": [other]})) == (
        "the server drew another prompt than the caption (A majestic surfer, 8k); take one that draws what it is told, "
        "or accept it with --set M.revised_prompt=true"
    )
    with serving(Reply({"data": [other]}), Reply({"data": [{**other, "revised_prompt": "a surfer"}]})) as server:
        assert (drawn(server, revised_prompt=True).pixels == IMAGE).all()
        assert (drawn(server).pixels == IMAGE).all()


@pytest.mark.parametrize(
    "url", ["file:///etc/passwd", "data:image/png;base64,AAAA", "/picture.png", "ftp://127.0.0.1/a.png", "http://[::1", "http://"]
)
def test_only_http_addresses_of_pictures_are_followed(url: str) -> None:
    assert refusal(drawn, Reply({"data": [{"url": url}]})).startswith("the server gave no ")


def test_a_picture_that_cannot_be_fetched_is_tried_again() -> None:
    with serving() as server:
        link = Reply({"data": [{"url": f"{server.root}/picture.png"}]})
        server.script = [link, Reply(status=503), Reply(status=502)]
        drawn(server)
        assert [request.path for request in server.requests] == ["/v1/images/generations", *["/picture.png"] * 3]
        server.script = [link, Reply(b"<p>gone", 404)]
        with pytest.raises(ModelError, match=r"\(404\)"):
            drawn(server)
