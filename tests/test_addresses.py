"""Addresses of served models: what is understood, what is refused, and what they are called."""

import pytest

from imageloop.addresses import is_address, read_address
from imageloop.catalog import find, label
from imageloop.errors import ModelError


def test_an_address_is_protocol_url_and_model() -> None:
    row = find("captioner", "openai:http://localhost:8000/v1/#Qwen/Qwen3-VL-8B")
    assert (row.family, row.target, row.local) == ("openai", "http://localhost:8000/v1#Qwen/Qwen3-VL-8B", False)
    assert read_address("openai:https://h/v1#qwen3-vl:8b").model == "qwen3-vl:8b"
    assert find("generator", "openai:http://localhost:30010/v1#Qwen-Image").settings["size"] == 1024
    assert find("generator", "a1111:http://localhost:7860").family == "a1111"
    assert find("generator", "a1111:http://[::1]:7860#v1 5 [6ce].ckpt").target == "http://[::1]:7860#v1 5 [6ce].ckpt"


def test_names_of_models_and_folders_are_no_addresses() -> None:
    for spec in ("sticker-sana", "./openai", "diffusers:owner/name", "openai/clip-vit-base-patch32"):
        assert not is_address(spec)


@pytest.mark.parametrize(
    ("role", "spec", "said"),
    [
        ("captioner", "openai:localhost:8000/v1#m", "openai:localhost:8000/v1#m: is no address of a server; type openai:http://localhost"),
        ("captioner", "openai:ftp://h/v1#m", "openai:ftp://h/v1#m: is no address of a server; type openai:http://"),
        ("captioner", "openai:http://h:99999/v1#m", "openai:http://h:99999/v1#m: is no address of a server"),
        ("captioner", "openai:http:///v1#m", "openai:http:///v1#m: is no address of a server"),
        ("captioner", "openai:http://[::1/v1#m", "openai: is followed by no address of a server"),
        ("captioner", "openai:http://a b/v1#m", "openai:http://a b/v1#m: is no address of a server"),
        ("captioner", "openai:", "openai:: is no address of a server"),
        (
            "captioner",
            "openai:http://localhost:8000/v1",
            (
                "openai:http://localhost:8000/v1: name the model that the server is to run: http://localhost:8000/v1#MODEL; "
                "http://localhost:8000/v1/models lists them"
            ),
        ),
        (
            "captioner",
            "http://localhost:8000/v1#m",
            "http://localhost:8000/v1#m: say what the server speaks: openai:http://localhost:8000/v1#MODEL or",
        ),
        (
            "captioner",
            "a1111:http://localhost:7860",
            "a1111:http://localhost:7860: a1111 serves no captioner, only a generator; name another",
        ),
        (
            "embedder",
            "openai:http://h/v1#m",
            "openai:http://h/v1#m: openai serves no embedder, only a captioner or a generator; name another model",
        ),
    ],
)
def test_what_is_no_address_says_what_to_type(role: str, spec: str, said: str) -> None:
    with pytest.raises(ModelError) as error:
        find(role, spec)  # type: ignore[arg-type]
    assert str(error.value).startswith(said)
    assert str(error.value).isprintable()


def test_labels_of_served_models_are_safe_in_paths_and_tell_servers_apart() -> None:
    one, other = label("openai:http://a:1/v1#Qwen/Qwen3-VL-8B"), label("openai:http://b:1/v1#Qwen/Qwen3-VL-8B")
    assert one.startswith("Qwen3-VL-8B-")
    assert one != other
    assert label("openai:http://a:1/v1/#m") == label("openai:http://a:1/v1#m")
    assert label("a1111:http://localhost:7860").startswith("localhost-7860-")
    for model in ("../../etc", "..", "/", "a b+c", "波"):
        assert set(label(f"openai:http://a/v1#{model}")) <= set("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-")
        assert not label(f"openai:http://a/v1#{model}").startswith((".", "-"))
