"""A model pinned to a commit, read from the hub's cache without a network, as it lies on disk after `hf download`."""

import shutil
from pathlib import Path
from typing import Any

import contract
import pytest
import tiny_generators
from conftest import Saver
from huggingface_hub import constants

from imageloop import catalog, models
from imageloop.errors import ModelError

pytestmark = pytest.mark.architectures

OLD, NEW = "0" * 39 + "1", "0" * 39 + "2"


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty cache, and no network: what HF_HUB_CACHE and HF_HUB_OFFLINE=1 say in a new process."""
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path))
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    return tmp_path


def hold(cache: Path, folder: Path, commit: str) -> None:
    """Put a folder into the cache as a commit of someone/their-model; `main` names the last one put there."""
    repository = cache / "models--someone--their-model"
    shutil.copytree(folder, repository / "snapshots" / commit)
    (repository / "refs").mkdir(exist_ok=True)
    (repository / "refs" / "main").write_text(commit)


def load(role: catalog.Role, spec: str) -> Any:
    load = {"captioner": models.load_captioner, "generator": models.load_generator, "embedder": models.load_embedder}[role]
    settings = {"steps": 1, "size": tiny_generators.SIDE, "guidance_scale": 3.0, "max_sequence_length": 40} if role == "generator" else {}
    return load(catalog.find(role, spec), device="cpu", dtype="fp32", batch=contract.BATCH, overrides=settings)


@pytest.mark.parametrize(
    ("role", "family", "library"),
    [("generator", "sana", "diffusers"), ("captioner", "blip", "transformers"), ("embedder", "clip", "transformers")],
)
def test_a_pinned_model_is_read_from_the_cache_and_its_commit_recorded(
    cache: Path, checkpoint: Saver, role: catalog.Role, family: str, library: str
) -> None:
    folder = checkpoint(role, family)  # type: ignore[arg-type]
    hold(cache, folder, OLD)
    hold(cache, folder, NEW)
    spec = f"{library}:someone/their-model"
    recipes = {pin: load(role, f"{spec}{pin}").recipe for pin in ("", "@main", f"@{NEW}", f"@{OLD}")}
    assert [recipe.revision for recipe in recipes.values()] == [NEW, NEW, NEW, OLD]
    assert {recipe.target for recipe in recipes.values()} == {"someone/their-model"}
    assert recipes[f"@{NEW}"].hash != recipes[f"@{OLD}"].hash


@pytest.mark.parametrize(("role", "family"), [("generator", "sana"), ("captioner", "blip")])
def test_a_commit_that_is_not_in_the_cache_is_not_taken_from_another(
    cache: Path, checkpoint: Saver, role: catalog.Role, family: str
) -> None:
    hold(cache, checkpoint(role, family), OLD)  # type: ignore[arg-type]
    with pytest.raises(ModelError, match=f"hf download someone/their-model --revision {NEW}"):
        load(role, f"someone/their-model@{NEW}")


def test_what_was_pinned_draws_what_it_drew(cache: Path, checkpoint: Saver) -> None:
    hold(cache, checkpoint("generator", "sana"), OLD)
    pinned, local = load("generator", f"diffusers:someone/their-model@{OLD}"), load("generator", str(checkpoint("generator", "sana")))
    one, other = (generator.generate(["a surfer"] * contract.BATCH, [1, 2, 3]) for generator in (pinned, local))
    assert all(contract.same(a, b) for a, b in zip(one, other, strict=True))
