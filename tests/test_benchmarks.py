"""The benchmarks run, and compare like with like."""

import ast
import json
import sys
from dataclasses import replace
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import torch

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


@pytest.fixture
def architectures(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """The benchmark with one tiny model of each role in place of the true ones."""
    for folder in ("benchmarks", "tests/architectures"):
        monkeypatch.syspath_prepend(str(ROOT / folder))
    import architectures
    import timed_adapters
    import tiny_captioners
    import tiny_generators

    pipeline = tiny_generators.sd_turbo()
    parts = {name: pipeline.components[name] for name in ("unet", "text_encoder", "vae")}
    blip, processor = tiny_captioners.blip()
    monkeypatch.setattr(timed_adapters, "GENERATORS", {"sd-turbo": lambda: parts})
    monkeypatch.setattr(timed_adapters, "CAPTIONERS", {"blip-base": lambda: {"model": blip}})
    monkeypatch.setattr(timed_adapters, "PROCESSORS", {"blip-base": lambda: (processor.image_processor, processor.tokenizer, processor)})
    monkeypatch.setattr(timed_adapters, "SIDE", 32)
    monkeypatch.setattr(architectures, "SIDE_OF_PEAK", {"cpu": 64})
    rows = [replace(row, settings={**row.settings, "size": 32}) if row.name == "sd-turbo" else row for row in catalog.ROWS]
    monkeypatch.setattr(architectures.catalog, "ROWS", tuple(rows))
    return architectures


@pytest.mark.architectures
def test_the_architectures_benchmark_times_each_role_and_calls_it_no_quality(
    architectures: ModuleType, capsys: pytest.CaptureFixture[str]
) -> None:
    common = ["--batches", "1", "2", "--device=cpu", "--dtype=fp32", "--tokens=3", "--repetitions=2"]
    architectures.main(["--only", "sd-turbo", "blip-base", *common, "--json"])
    result = json.loads(capsys.readouterr().out)
    assert result["note"] == "random weights: speed only, no quality"
    assert [(row["name"], row["makes"], row["batch"]) for row in result["models"]] == [
        *(("sd-turbo", "pictures", batch) for batch in (1, 2)),
        *(("blip-base", "captions", batch) for batch in (1, 2)),
    ]
    for row in result["models"]:
        rate = row["per_second"]
        assert 0 < rate["lowest"] <= rate["median"] <= rate["highest"]
        assert row["share_of_peak"] == pytest.approx(row["tflop_each"] * rate["median"] / result["peak_tflops"], rel=1e-6)
    one, two = (row["tflop_each"] for row in result["models"][:2])
    assert one == pytest.approx(two, rel=1e-3)
    printed = architectures.table(result)
    assert "random weights: speed only, no quality" in printed
    assert [row["name"] for row in result["models"] if row["name"] not in printed] == []


def test_operations_are_counted_inside_fused_attention(architectures: ModuleType) -> None:
    width, length = 64, 10
    layer = torch.nn.MultiheadAttention(width, 2, batch_first=True).eval()
    rows = torch.randn(1, length, width)

    def call() -> None:
        with torch.inference_mode():
            layer(rows, rows, rows, need_weights=False)

    projections, attention = 2 * length * width * 4 * width, 2 * 2 * length * length * width
    assert architectures.flops_of(call) == projections + attention
    assert torch.backends.mha.get_fastpath_enabled()


def test_a_batch_that_does_not_fit_the_memory_is_said_and_ends_the_model(
    architectures: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    import timed_adapters

    def too_large() -> None:
        raise architectures.OutOfMemory("full")

    monkeypatch.setattr(timed_adapters, "ready", lambda *_: lambda batch: too_large if batch > 1 else dict)
    rows = architectures.timed(catalog.find("embedder", "clip-b32"), [1, 2, 4], None, None, 1.0, 1, 1)
    assert [(row["batch"], row["per_second"] is None) for row in rows] == [(1, False), (2, True)]
    result = {"device": "x", "dtype": "x", "threads": 1, "torch": "x", "peak_tflops": 1, "note": "", "tokens": 1, "repetitions": 1}
    assert "clip-b32          pictures read       2   out of memory" in architectures.table({**result, "models": rows})


def test_a_model_that_is_not_timed_is_answered_with_those_that_are(architectures: ModuleType) -> None:
    with pytest.raises(SystemExit, match="moondream2: is not timed here; name some of "):
        architectures.row_of("moondream2")


@pytest.mark.architectures
def test_the_catalog_counts_parameters_as_their_classes_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(ROOT / "benchmarks"))
    from true_captioners import CAPTIONERS, EMBEDDERS
    from true_generators import GENERATORS

    builders = {**GENERATORS, **CAPTIONERS, **EMBEDDERS}
    counted = {}
    with torch.device("meta"):
        for name, build in builders.items():
            counted[name] = sum(parameter.numel() for part in build().values() for parameter in part.parameters())
    assert counted == {row.name: row.parameters for row in catalog.ROWS if row.name in builders}
    own_code = {"moondream2"}
    assert {row.name for row in catalog.ROWS if not row.local and row.family in ("diffusers", "transformers", "open_clip")} == {
        *builders,
        *own_code,
    }


def test_the_naive_script_knows_nothing_of_imageloop() -> None:
    tree = ast.parse((ROOT / "benchmarks" / "naive.py").read_text())
    roots = {alias.name.partition(".")[0] for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
    roots |= {str(node.module).partition(".")[0] for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    assert roots - set(sys.stdlib_module_names) == {"torch", "diffusers", "PIL", "transformers"}
