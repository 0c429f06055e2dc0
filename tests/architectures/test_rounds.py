"""The loop itself on models of the hub's families: two rounds end to end, from a plan to a run that is on disk and can be measured."""

from pathlib import Path

import pytest
import tiny_captioners
import tiny_generators
from conftest import Saver

from imageloop.plan import Plan
from imageloop.runner import carry_out
from imageloop.store import RunFolder

pytestmark = pytest.mark.architectures

PAIRS = [
    ("vit-gpt2", "sd15"),
    ("blip", "sdxl"),
    ("blip2", "pixart-sigma"),
    ("git", "sana-sprint"),
    ("florence2", "sd3"),
    ("llava", "flux"),
    ("smolvlm", "flux2-klein"),
    ("qwen3-vl", "z-image"),
    ("gemma4", "qwen-image"),
    ("internvl", "lcm"),
]


def plan_of(captioner: Path, generator: Path, pair: tuple[str, str]) -> Plan:
    drawing = {"steps": 1, **tiny_generators.BUILDERS[pair[1]][1]}
    telling = {"max_new_tokens": 6, **tiny_captioners.BUILDERS[pair[0]][1]}
    return Plan(
        originals=("stickers:surfer; beach; cartoon", "text:a cat on a hill"),
        captioners=(str(captioner),),
        generators=(str(generator),),
        rounds=2,
        seeds=1,
        captions=2,
        images=1,
        pick_caption="random",
        controls="none",
        batch=2,
        size=tiny_generators.SIDE,
        device="cpu",
        dtype="fp32",
        models={str(generator): drawing, str(captioner): telling},
    )


def told(run: RunFolder) -> list[tuple[str, tuple[str, ...], str]]:
    """What every round says and shows: the prompt, all captions, the hash of the chosen picture."""
    rounds = [turn for key in sorted(run.keys()) for turn in run.rounds(key)]
    return [(turn.prompt, tuple(caption.text for caption in turn.captions), turn.picture.pixels) for turn in rounds]


@pytest.mark.parametrize("pair", PAIRS, ids="+".join)
def test_two_rounds_go_end_to_end(checkpoint: Saver, tmp_path: Path, pair: tuple[str, str]) -> None:
    plan = plan_of(checkpoint("captioner", pair[0]), checkpoint("generator", pair[1]), pair)
    run = carry_out(plan, tmp_path / "run")
    keys = sorted(run.keys())
    assert [[turn.round for turn in run.rounds(key)] for key in keys] == [[1, 2], [1, 2]]
    for key in keys:
        one, two = run.rounds(key)
        assert two.saw == one.picture.pixels
        assert run.picture(key, two.picture).shape == (tiny_generators.SIDE, tiny_generators.SIDE, 3)
        assert all(two.prompt_tokens_read[name] <= count for name, count in two.prompt_tokens.items())
    assert {name.partition("/")[0] for name in run.info.recipes} == {"captioner", "generator"}


def test_a_run_stopped_between_rounds_goes_on_to_the_same_end(checkpoint: Saver, tmp_path: Path) -> None:
    pair = ("git", "sana-sprint")
    plan = plan_of(checkpoint("captioner", pair[0]), checkpoint("generator", pair[1]), pair)
    at_once = carry_out(plan, tmp_path / "at once")
    carry_out(plan.model_copy(update={"rounds": 1}), tmp_path / "stopped")
    assert told(carry_out(plan, tmp_path / "stopped")) == told(at_once)


def test_every_pair_is_of_families_of_its_own() -> None:
    assert {captioner for captioner, _ in PAIRS} <= tiny_captioners.BUILDERS.keys()
    assert {generator for _, generator in PAIRS} <= tiny_generators.BUILDERS.keys()
    assert len({captioner for captioner, _ in PAIRS}) == len({generator for _, generator in PAIRS}) == len(PAIRS) >= 6
