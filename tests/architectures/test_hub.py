"""Models named by their hub id, from a hub on this machine: what is fetched, what is refused before it is, and with which words."""

import errno
import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import contract
import local_hub
import pytest
from conftest import Saver
from huggingface_hub import constants
from local_hub import COMMIT, Hub

from imageloop import catalog, models
from imageloop.errors import ModelError
from imageloop.models import fetching

pytestmark = pytest.mark.architectures


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    with local_hub.running(monkeypatch, tmp_path / "cache") as hub:
        yield hub


def load(role: catalog.Role, spec: str, **settings: Any) -> Any:
    load = {"captioner": models.load_captioner, "generator": models.load_generator, "embedder": models.load_embedder}[role]
    return load(catalog.find(role, spec), device="cpu", dtype="fp32", batch=contract.BATCH, overrides=settings)


def refused(role: catalog.Role, spec: str, **settings: Any) -> str:
    with pytest.raises(ModelError) as error:
        load(role, spec, **settings)
    assert "\n" not in str(error.value)
    return str(error.value)


def fetched(hub: Hub) -> list[str]:
    """The weights that were asked for."""
    return [path for path in hub.asked if path.endswith((".safetensors", ".bin"))]


def text_model(folder: Path) -> Path:
    folder.mkdir()
    (folder / "config.json").write_text(json.dumps({"model_type": "gpt2", "architectures": ["GPT2LMHeadModel"]}))
    (folder / "model.safetensors").write_bytes(b"\0" * 100)
    return folder


@pytest.mark.parametrize(
    ("role", "family"), [("captioner", "blip"), ("generator", "sana"), ("embedder", "clip"), ("embedder", "open_clip")]
)
def test_a_model_of_the_hub_is_fetched_once_and_its_commit_recorded(hub: Hub, checkpoint: Saver, role: catalog.Role, family: str) -> None:
    hub.hold("someone/model", checkpoint(role, family))  # type: ignore[arg-type]
    spec = "transformers:someone/model" if family == "clip" else "someone/model"
    assert load(role, spec).recipe.revision == COMMIT
    first = len(fetched(hub))
    assert first > 0
    hub.down = True
    assert load(role, spec).recipe.revision == COMMIT
    assert len(fetched(hub)) == first


def test_files_that_are_never_read_are_not_fetched(hub: Hub, checkpoint: Saver, tmp_path: Path) -> None:
    folder = Path(shutil.copytree(checkpoint("captioner", "blip"), tmp_path / "both"))
    for name in ("pytorch_model.bin", "tf_model.h5", "model.gguf"):
        (folder / name).write_bytes(b"\0")
    hub.hold("someone/both", folder)
    load("captioner", "someone/both")
    assert [path for path in hub.asked if path.endswith((".bin", ".h5", ".gguf"))] == []


def test_a_model_that_the_hub_does_not_have_is_told(hub: Hub) -> None:
    for role in ("captioner", "generator"):
        assert refused(role, "nobody/nothing") == (  # type: ignore[arg-type]
            "nobody/nothing is no model on the hub, or a private one; check the spelling or log in with `hf auth login`"
        )


@pytest.mark.parametrize(("role", "family"), [("captioner", "blip"), ("generator", "sana")])
def test_a_gated_model_says_where_to_accept_its_licence(hub: Hub, checkpoint: Saver, role: catalog.Role, family: str) -> None:
    hub.hold("someone/gated", checkpoint(role, family), gated=True)  # type: ignore[arg-type]
    assert refused(role, "someone/gated") == (
        "someone/gated is gated; accept its licence at https://huggingface.co/someone/gated and log in with `hf auth login`"
    )


@pytest.mark.parametrize(("role", "family"), [("captioner", "blip"), ("generator", "sana")])
def test_a_revision_that_is_not_there_is_told(hub: Hub, checkpoint: Saver, role: catalog.Role, family: str) -> None:
    hub.hold("someone/model", checkpoint(role, family))  # type: ignore[arg-type]
    assert "someone/model has no revision 'v9'; leave it out or name a commit, branch or tag of it" in refused(role, "someone/model@v9")


@pytest.mark.parametrize("role", ["captioner", "generator", "embedder"])
def test_without_a_network_the_command_that_fetches_the_model_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, role: str) -> None:
    local_hub.ask(monkeypatch, "http://127.0.0.1:9", tmp_path)
    told = refused(role, "someone/model@v2")  # type: ignore[arg-type]
    assert told.endswith("is not in the cache and the hub cannot be reached; fetch it once with `hf download someone/model --revision v2`")


def test_a_hub_that_is_down_is_told_like_one_that_is_away(hub: Hub) -> None:
    hub.down = True
    assert "the hub cannot be reached; fetch it once with `hf download someone/model`" in refused("generator", "someone/model")


def test_offline_mode_is_told_apart_from_a_missing_network(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    for role in ("captioner", "generator"):
        assert refused(role, "someone/model") == (  # type: ignore[arg-type]
            "someone/model is not in the cache and HF_HUB_OFFLINE is set; unset it, then fetch it with `hf download someone/model`"
        )
    assert hub.asked == []


@pytest.mark.parametrize(
    ("role", "family", "given", "hint"),
    [
        (
            "captioner",
            "blip",
            "generator",
            "someone/model is made for transformers, not for diffusers; name it with --captioner or --embedder",
        ),
        ("generator", "sana", "captioner", "someone/model is made for diffusers, not for transformers; name it with --generator"),
        ("embedder", "clip", "embedder", "someone/model is made for transformers, not for open_clip; type transformers:someone/model"),
    ],
)
def test_a_model_of_another_role_is_refused_before_its_weights_are_fetched(
    hub: Hub, checkpoint: Saver, role: str, family: str, given: catalog.Role, hint: str
) -> None:
    hub.hold("someone/model", checkpoint(role, family))  # type: ignore[arg-type]
    assert refused(given, "someone/model") == f"someone/model: {hint}"
    assert fetched(hub) == []


def test_a_repository_of_something_else_is_told(hub: Hub, tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "README.md").write_text("a table")
    hub.hold("someone/data", tmp_path / "data")
    assert refused("captioner", "someone/data") == (
        "someone/data: someone/data holds no model that can be loaded: it has no config.json; name another"
    )


def test_a_model_that_reads_texts_only_is_refused_before_its_weights_are_fetched(hub: Hub, tmp_path: Path) -> None:
    hub.hold("someone/words", text_model(tmp_path / "words"))
    assert refused("captioner", "someone/words") == (
        "someone/words: a gpt2 model knows texts only and sees no pictures; name one that does, e.g. blip-base"
    )
    assert fetched(hub) == []


def test_weights_that_may_run_code_are_not_fetched(hub: Hub, checkpoint: Saver, tmp_path: Path) -> None:
    folder = Path(shutil.copytree(checkpoint("captioner", "blip"), tmp_path / "old"))
    (folder / "model.safetensors").rename(folder / "pytorch_model.bin")
    hub.hold("someone/old", folder)
    assert "someone/old has no .safetensors file, and other weights may run code when read; name a revision" in refused(
        "captioner", "someone/old"
    )
    assert fetched(hub) == []


def test_a_pipeline_with_one_part_in_another_format_is_told(hub: Hub, checkpoint: Saver, tmp_path: Path) -> None:
    folder = Path(shutil.copytree(checkpoint("generator", "sana"), tmp_path / "half"))
    (folder / "vae" / "diffusion_pytorch_model.safetensors").rename(folder / "vae" / "diffusion_pytorch_model.bin")
    hub.hold("someone/half", folder)
    assert "has a part without .safetensors weights" in refused("generator", "someone/half")
    assert [path for path in fetched(hub) if path.endswith(".bin")] == []


@pytest.mark.parametrize(("role", "family"), [("captioner", "blip"), ("generator", "sana")])
def test_what_does_not_fit_the_disk_is_refused_before_it_is_fetched(
    hub: Hub, checkpoint: Saver, role: catalog.Role, family: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    hub.hold("someone/large", checkpoint(role, family))  # type: ignore[arg-type]
    (weights,) = [name for name in hub.repositories["someone/large"].files() if name.endswith("model.safetensors")][:1]
    hub.repositories["someone/large"].sizes[weights] = 24_500_000_000
    monkeypatch.setattr(fetching.shutil, "disk_usage", lambda _: type("Usage", (), {"free": 3_000_000_000}))
    told = refused(role, "someone/large")
    assert "someone/large has 24.5 GB to fetch and" in told
    assert told.endswith("has room for 3.0 GB; free some space, or set HF_HOME to a folder on a larger disk")
    assert fetched(hub) == []


def test_what_is_cached_needs_no_room(hub: Hub, checkpoint: Saver, monkeypatch: pytest.MonkeyPatch) -> None:
    hub.hold("someone/model", checkpoint("captioner", "blip"))
    load("captioner", "someone/model")
    monkeypatch.setattr(fetching.shutil, "disk_usage", lambda _: type("Usage", (), {"free": 0}))
    assert load("captioner", "someone/model").recipe.revision == COMMIT


def test_a_disk_that_fills_up_on_the_way_is_told(hub: Hub, checkpoint: Saver, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    hub.hold("someone/model", checkpoint("captioner", "blip"))

    def full(*_: object, **__: object) -> str:
        raise OSError(errno.ENOSPC, "No space left on device", str(tmp_path))

    monkeypatch.setattr(fetching, "snapshot_download", full)
    assert refused("captioner", "someone/model") == (
        f"someone/model could not be fetched: the disk of {tmp_path / 'cache'} is full; free some space, or set HF_HOME to another folder"
    )


def test_a_cache_that_cannot_be_written_is_told(hub: Hub, checkpoint: Saver, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    hub.hold("someone/model", checkpoint("captioner", "blip"))
    (tmp_path / "file").write_text("")
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "closed"))

    def closed(*_: object, **__: object) -> str:
        raise PermissionError(errno.EACCES, "Permission denied", str(tmp_path / "closed"))

    monkeypatch.setattr(fetching, "snapshot_download", closed)
    assert refused("captioner", "someone/model") == (
        f"someone/model could not be fetched: {tmp_path / 'closed'} is closed to you; set HF_HOME to a folder of your own"
    )
