"""Measuring again loads no model, and one is loaded as soon as anything is asked that the cache does not hold."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from imageloop import asking, catalog
from imageloop.cli import exit_code, results
from imageloop.measures import MEASURES, kept, table
from imageloop.measures.embeddings import Cache
from imageloop.models.folders import fingerprint
from imageloop.runner import carry_out
from imageloop.store import RunFolder
from tests.tiny_runs import made, model, plan_of

pytestmark = pytest.mark.usefixtures("no_waiting_for_the_disk")


@pytest.fixture
def loaded(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The models that were loaded, in order."""
    names: list[str] = []
    load = asking.load_model

    def spied(role: Any, spec: str, plan: Any, **options: Any) -> Any:
        names.append(spec)
        return load(role, spec, plan, **options)

    monkeypatch.setattr(asking, "load_model", spied)
    return names


def test_measuring_again_loads_nothing_and_says_the_same(tmp_path: Path, loaded: list[str]) -> None:
    run = made(tmp_path)
    first = results.measured(run)
    written = (run.path / table.PARQUET).read_bytes()
    assert loaded == ["analytic"]
    assert results.measured(run) == first
    assert (run.path / table.PARQUET).read_bytes() == written
    assert results.measured(run, eye="analytic") != first
    assert loaded == ["analytic"], "the same model as a second eye has seen these pictures, too"


def test_what_is_measured_first_is_what_is_measured_again(tmp_path: Path) -> None:
    cache = Cache(tmp_path)
    cache.add(["a"], np.array([[1 / 3]]))
    assert np.array_equal(cache.rows(["a"], 1), Cache(tmp_path).rows(["a"], 1))


def test_a_page_after_some_measures_has_them_all(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run = made(tmp_path)
    assert exit_code(["measure", str(run.path), "--measures", "word_entropy"]) == 0
    assert exit_code(["report", str(run.path)]) == 0
    assert set(table.versions(table.read(run.path))) == set(MEASURES)
    assert "measuring" in capsys.readouterr().err


def test_a_run_with_an_arm_of_the_users_own_can_be_measured(tmp_path: Path) -> None:
    run = made(tmp_path)
    about = json.loads((run.path / "run.json").read_text())
    about["plan"]["arms"] = ["plain", "nightfall(start=5)"]
    (run.path / "run.json").write_text(json.dumps(about))
    assert results.measured(RunFolder.open(run.path)).num_rows


def _no_texts(run: RunFolder) -> None:
    for part in run.path.glob("cache/*-cut/*.npz"):
        part.unlink()


def _no_vectors(run: RunFolder) -> None:
    shutil.rmtree(next(file.parent for file in run.path.glob(f"cache/*/{kept.FILE}")))


def _broken(run: RunFolder) -> None:
    next(run.path.glob(f"cache/*/{kept.FILE}")).write_text("{")


def _of_other_libraries(run: RunFolder) -> None:
    file = next(run.path.glob(f"cache/*/{kept.FILE}"))
    note = json.loads(file.read_text())
    note["recipe"]["settings"]["versions"] = {"numpy": "0.1"}
    file.write_text(json.dumps(note))


@pytest.mark.parametrize("spoil", [_no_texts, _no_vectors, _broken, _of_other_libraries])
def test_what_the_cache_lacks_is_made_by_the_model_again(spoil: Callable[[RunFolder], None], tmp_path: Path, loaded: list[str]) -> None:
    run = made(tmp_path)
    first = results.measured(run)
    spoil(run)
    assert results.measured(run) == first
    assert loaded == ["analytic"] * 2
    assert results.measured(run) == first
    assert len(loaded) == 2


def test_the_pictures_of_more_rounds_need_the_model(tmp_path: Path, loaded: list[str]) -> None:
    results.measured(carry_out(plan_of(rounds=2), tmp_path))
    loaded.clear()
    run = carry_out(plan_of(rounds=3), tmp_path, load=lambda role, spec, plan: model(role))
    results.measured(run)
    results.measured(run)
    assert loaded == ["analytic"]


def test_another_device_batch_or_weights_are_another_request(tmp_path: Path) -> None:
    plan = plan_of(embedder="sticker-clip")
    asked = asking.request("embedder", "sticker-clip", plan)
    assert asked == asking.request("embedder", "sticker-clip", plan_of(embedder="sticker-clip", rounds=9))
    assert asked != asking.request("embedder", "sticker-clip", plan.model_copy(update={"device": "cpu"}))
    assert asked != asking.request("embedder", "sticker-clip", plan.model_copy(update={"batch": 8}))
    assert asked["target"] == "sticker-clip", "a folder is told by its weights, not by where it lies"
    copy = shutil.copytree(catalog.find("embedder", "sticker-clip").target, tmp_path / "clip")
    before = asking.request("embedder", str(copy), plan)
    assert before["weights"] == asked["weights"]
    weights = next(copy.glob("*.safetensors"))
    weights.write_bytes(weights.read_bytes()[:-1] + b"\0")
    fingerprint.cache_clear()
    assert asking.request("embedder", str(copy), plan) != before
