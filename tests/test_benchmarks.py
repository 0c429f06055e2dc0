"""The benchmarks run, and compare like with like."""

import ast
import json
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from imageloop import catalog

ROOT = Path(__file__).parent.parent
SETTINGS = {"steps": 2, "size": 32, "guidance_scale": 3.0, "max_sequence_length": 40}


@pytest.fixture
def engine(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(str(ROOT / "benchmarks"))
    import engine

    return engine


@pytest.fixture
def result(engine: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> dict[str, Any]:
    """What the benchmark prints for a tiny random pair."""
    monkeypatch.syspath_prepend(str(ROOT / "tests" / "architectures"))
    import tiny_captioners
    import tiny_generators

    captioner, generator = tiny_captioners.save("blip", tmp_path), tiny_generators.save("sana", tmp_path)
    monkeypatch.setattr(engine, "OUTPUTS", tmp_path / "outputs")
    changes = [f"{generator}.{name}={value}" for name, value in SETTINGS.items()] + [f"{captioner}.max_new_tokens=5"]
    counts = ["--chains=3", "--rounds=2", "--captions=2", "--images=2", "--batch=4", "--repetitions=1", "--dtype=fp32", "--json"]
    engine.main(
        [f"--captioner={captioner}", f"--generator={generator}", *counts, *(word for change in changes for word in ("--set", change))]
    )
    return dict(json.loads(capsys.readouterr().out))


@pytest.mark.architectures
def test_the_engine_benchmark_prints_every_figure_with_its_spread(engine: ModuleType, result: dict[str, Any]) -> None:
    assert (result["chains"], result["rounds"], result["captions"], result["images"], result["dtype"]) == (3, 2, 2, 2, "fp32")
    for row in result["figures"].values():
        assert 0 < row["lowest"] <= row["median"] <= row["highest"]
    printed = engine.table(result)
    assert [name for name in result["figures"] if name not in printed] == []


def test_the_figures_are_ratios_of_what_was_timed(engine: ModuleType) -> None:
    figures = engine.Repetition(run=10.0, adapters=9.8, bare=9.6, naive=2.0, plain=2.5, run_rounds=80, naive_rounds=5).figures
    assert figures == pytest.approx(
        {
            "efficiency": 0.96,
            "speed-up": 4.0,
            "speed-up in the same dtype": 3.2,
            "rounds/s of the run": 8.0,
            "rounds/s of the naive script": 2.0,
            "rounds/s of it in the same dtype": 2.5,
            "share of the run in the adapters": 0.98,
        }
    )


def test_the_naive_script_does_what_the_built_in_pair_does(engine: ModuleType) -> None:
    import naive

    row = catalog.find("generator", "sticker-sana")
    pins = catalog.PIPELINE_PINS["SanaPipeline"]
    wanted = {"num_inference_steps": row.settings["steps"], "height": row.settings["size"], "width": row.settings["size"], **pins}
    wanted |= {name: row.settings[name] for name in ("guidance_scale", "max_sequence_length")}
    assert wanted == naive.CALL
    assert catalog.find("captioner", "sticker-blip").settings["max_new_tokens"] == naive.MAX_NEW_TOKENS


def test_the_naive_script_knows_nothing_of_imageloop() -> None:
    tree = ast.parse((ROOT / "benchmarks" / "naive.py").read_text())
    roots = {alias.name.partition(".")[0] for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
    roots |= {str(node.module).partition(".")[0] for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    assert roots - set(sys.stdlib_module_names) == {"torch", "diffusers", "PIL", "transformers"}
