"""How much of a run's time the models themselves get, and how much faster a run is than `benchmarks/naive.py`.

    python benchmarks/engine.py [--chains 16] [--rounds 5] [--repetitions 5] [--json]

Each repetition does four things in this process, one after the other: the run; the bare calls, which are the library's own calls on
the very batches that the run made, and nothing else; and the naive script twice. Models are loaded and warm before the first one.

efficiency = seconds of the bare calls / seconds of the run        speed-up = rounds/s of the run / rounds/s of the naive script

The naive script runs twice: as it stands, which is in fp32, the dtype that diffusers takes where none is named; and in the run's dtype.
"""

import argparse
import inspect
import json
import platform
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import Any

import naive
import torch
from PIL import Image

from imageloop import catalog
from imageloop.asking import load_model
from imageloop.models import loading
from imageloop.originals import load_originals
from imageloop.plan import Plan, changed
from imageloop.records import Caption, Picture, Pixels, Recipe
from imageloop.runner import carry_out

OUTPUTS = Path(__file__).parent.parent / "outputs"


@dataclass
class Noted:
    """A captioner or a generator that notes the batches it is given, and the seconds it takes."""

    model: Any
    batches: list[tuple[Sequence[Any], int]] = field(default_factory=list)
    """Pictures or prompts, and for a captioner the steps that its longest row took."""
    seconds: float = 0.0

    @property
    def recipe(self) -> Recipe:
        recipe: Recipe = self.model.recipe
        return recipe

    def caption(self, images: Sequence[Pixels], seeds: Sequence[int]) -> list[Caption]:
        start = time.perf_counter()
        captions: list[Caption] = self.model.caption(images, seeds)
        self.seconds += time.perf_counter() - start
        self.batches.append((images, 1 + max(caption.tokens for caption in captions)))
        return captions

    def generate(self, prompts: Sequence[str], seeds: Sequence[int]) -> list[Picture]:
        start = time.perf_counter()
        pictures: list[Picture] = self.model.generate(prompts, seeds)
        self.seconds += time.perf_counter() - start
        self.batches.append((prompts, 0))
        return pictures


@dataclass(frozen=True, slots=True)
class Repetition:
    """Seconds of each of the four, and rounds of the two that make some."""

    run: float
    adapters: float
    """The part of `run` spent in the calls of captioner and generator."""
    bare: float
    naive: float
    plain: float
    """The naive script in the run's dtype, and in fp32."""
    run_rounds: int
    naive_rounds: int

    @property
    def figures(self) -> dict[str, float]:
        """What is printed, by its name."""
        run_speed, naive_speed, plain_speed = self.run_rounds / self.run, self.naive_rounds / self.naive, self.naive_rounds / self.plain
        return {
            "efficiency": self.bare / self.run,
            "speed-up": run_speed / plain_speed,
            "speed-up in the same dtype": run_speed / naive_speed,
            "rounds/s of the run": run_speed,
            "rounds/s of the naive script": plain_speed,
            "rounds/s of it in the same dtype": naive_speed,
            "share of the run in the adapters": self.adapters / self.run,
        }


class Benchmark:
    """One pair of models, loaded once for the run and once for the naive script and the bare calls."""

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        captioner, generator = plan.captioners[0], plan.generators[0]
        self.captioner = load_model("captioner", captioner, plan)
        self.generator = load_model("generator", generator, plan)
        self.recipe: Recipe = self.generator.recipe
        folders = catalog.find("captioner", captioner).target, catalog.find("generator", generator).target
        self.models = naive.load(*folders, dtype=loading.DTYPES[self.recipe.dtype], device=self.recipe.device)
        self.plain = naive.load(*folders, device=self.recipe.device)
        self.call = call_of(self.models.pipeline, self.recipe.settings)
        self.tokens = int(self.captioner.recipe.settings["max_new_tokens"])

    def repeat(self, number: int) -> Repetition:
        """One repetition; the naive script starts from original `number`, counted round."""
        OUTPUTS.mkdir(exist_ok=True)
        with tempfile.TemporaryDirectory(dir=OUTPUTS) as folder:
            noted = {"captioner": Noted(self.captioner), "generator": Noted(self.generator)}
            start = time.perf_counter()
            run = carry_out(self.plan, Path(folder) / "run", load=lambda role, _spec, _plan: noted[role])
            seconds = time.perf_counter() - start
            rounds = sum(len(run.rounds(key)) for key in run.keys())  # noqa: SIM118, a run folder is no mapping
            bare = self.bare(noted["captioner"], noted["generator"])
            alone, plain = (self.naive(models, number, Path(folder) / name) for name, models in (("a", self.models), ("b", self.plain)))
        adapters = sum(each.seconds for each in noted.values())
        return Repetition(seconds, adapters, bare, alone, plain, rounds, self.plan.rounds)

    def bare(self, captioner: Noted, generator: Noted) -> float:
        """Seconds of the library's own calls on the batches noted, with captions as long as they came out."""
        # The generator's very pipeline, since it may be compiled.
        describer, pipeline, start = self.models.captioner, self.generator._pipeline, time.perf_counter()
        with torch.inference_mode():
            for images, steps in captioner.batches:
                inputs = self.models.processor(images=list(images), return_tensors="pt").to(describer.device, describer.dtype)
                output = describer.generate(**inputs, do_sample=True, top_k=0, min_new_tokens=steps, max_new_tokens=steps)
                self.models.processor.batch_decode(output, skip_special_tokens=True)
            for prompts, _ in generator.batches:
                pipeline(list(prompts), output_type="pt", **self.call).images.cpu()
        return time.perf_counter() - start

    def naive(self, models: naive.Models, number: int, folder: Path) -> float:
        """Seconds of the plain script for one chain."""
        originals = load_originals(self.plan.originals, int(self.recipe.settings["size"]))
        pixels = originals[number % len(originals)].pixels
        assert pixels is not None
        image = Image.fromarray(pixels)
        start = time.perf_counter()
        naive.chain(models, image, self.plan.rounds, folder, self.call, self.plan.captions, self.plan.images, tokens=self.tokens)
        return time.perf_counter() - start


def call_of(pipeline: Any, settings: Mapping[str, Any]) -> dict[str, Any]:
    """How the pipeline is called so that it does what the recipe says."""
    parameters = inspect.signature(pipeline.__call__).parameters
    call = {name: value for name, value in settings.items() if name in parameters}
    call |= {"num_inference_steps": settings["steps"], "height": settings["size"], "width": settings["size"]}
    if "intermediate_timesteps" in parameters and settings["steps"] != 2:
        call["intermediate_timesteps"] = None
    return call


def measure(plan: Plan, repetitions: int) -> dict[str, Any]:
    """Every figure with its median, lowest and highest value, and what they were measured on."""
    benchmark = Benchmark(plan)
    benchmark.repeat(0)
    done = [benchmark.repeat(number).figures for number in range(repetitions)]
    columns = {name: [figures[name] for figures in done] for name in done[0]}
    return {
        "pair": f"{plan.captioners[0]}+{plan.generators[0]}",
        "chains": int(plan.originals[0].split()[-1]),
        **{name: getattr(plan, name) for name in ("rounds", "captions", "images", "batch")},
        "repetitions": repetitions,
        "device": benchmark.recipe.device if benchmark.recipe.device == "cpu" else torch.cuda.get_device_name(),
        "dtype": benchmark.recipe.dtype,
        "threads": torch.get_num_threads(),
        "processor": platform.machine(),
        "torch": torch.__version__,
        "figures": {name: {"median": median(row), "lowest": min(row), "highest": max(row)} for name, row in columns.items()},
    }


def table(result: Mapping[str, Any]) -> str:
    """The result as a person reads it."""
    device = f"{result['pair']} on {result['device']}, {result['dtype']}, {result['threads']} threads, batches of {result['batch']}"
    work = f"{result['chains']} chains of {result['rounds']} rounds, captions {result['captions']} and pictures {result['images']} a round"
    lines = [device, f"{work}, {result['repetitions']} repetitions", "", f"{'':<34}{'median':>8}{'lowest':>9}{'highest':>9}"]
    for name, row in result["figures"].items():
        lines.append(f"{name:<34}{row['median']:>8.3f}{row['lowest']:>9.3f}{row['highest']:>9.3f}")
    return "\n".join(lines)


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--captioner", default="sticker-blip")
    parser.add_argument("--generator", default="sticker-sana")
    for name, default in (("chains", 16), ("rounds", 5), ("captions", 1), ("images", 1), ("batch", 16), ("repetitions", 5)):
        parser.add_argument(f"--{name}", type=int, default=default)
    parser.add_argument("--device", default="auto")
    parser.add_argument("--dtype", default="auto")
    parser.add_argument("--set", action="append", default=[], metavar="NAME.KEY=VALUE", help="change a recipe field of a model")
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args(arguments)
    fields = {name: getattr(given, name) for name in ("rounds", "captions", "images", "batch", "device", "dtype")}
    models = {"captioners": (given.captioner,), "generators": (given.generator,)}
    # The loop alone: the naive script makes no noise floor and watches nothing.
    alone = {"seeds": 1, "controls": "none", "watch": False}
    plan = changed(None, {"originals": (f"stickers:sample {given.chains}",), **alone, **fields, **models}, given.set)
    result = measure(plan, given.repetitions)
    print(json.dumps(result, indent=2) if given.json else table(result))


if __name__ == "__main__":
    main()
