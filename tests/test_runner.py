import os
import re
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from tiny_runs import (
    TEXTS,
    Heard,
    chains,
    contents,
    plan_of,
    save,
)

from imageloop import catalog
from imageloop.asking import load_model
from imageloop.errors import ForeignRun, ModelError
from imageloop.plan import Plan
from imageloop.records import Round
from imageloop.runner import carry_out

ROOT = Path(__file__).parent.parent
GOLDEN = Path(__file__).parent / "golden"


pytestmark = pytest.mark.usefixtures("no_waiting_for_the_disk")


def no_model(role: catalog.Role, spec: str, plan: Plan) -> Any:
    raise AssertionError(f"{role} {spec} was loaded")


# The same end, however it was reached.


def test_chains_end_the_same_alone_in_company_and_resharded(tmp_path: Path) -> None:
    originals = (*TEXTS, save(tmp_path / "a.png", 1), save(tmp_path / "b.png", 2))
    together = chains(carry_out(plan_of(originals=originals, seeds=2), tmp_path / "together"))
    shards = [chains(carry_out(plan_of(originals=(one,), seeds=2), tmp_path / f"shard-{i}")) for i, one in enumerate(originals)]
    assert together == {name: content for shard in shards for name, content in shard.items()}
    assert len([name for name in together if name.endswith("jsonl")]) == 10


def test_a_run_grown_bit_by_bit_is_the_run_made_at_once(tmp_path: Path) -> None:
    for rounds, seeds, originals in ((1, 1, 1), (2, 1, 2), (2, 3, 2), (5, 3, 3), (3, 1, 1)):
        grown = carry_out(plan_of(rounds=rounds, seeds=seeds, originals=TEXTS[:originals]), tmp_path / "grown")
    at_once = carry_out(plan_of(rounds=5, seeds=3, originals=TEXTS), tmp_path / "at once")
    assert contents(grown.path) == contents(at_once.path)


def test_the_batch_changes_no_chain_of_models_that_keep_their_contract(tmp_path: Path) -> None:
    runs = [carry_out(plan_of(batch=batch, seeds=3), tmp_path / str(batch)) for batch in (1, 3, 16)]
    rows = [{name: content for name, content in chains(run).items() if name.endswith("jsonl")} for run in runs]
    assert rows[0] == rows[1] == rows[2]


def test_two_pairs_meet_the_same_seeds(tmp_path: Path) -> None:
    run = carry_out(plan_of(), tmp_path / "run")
    other = carry_out(plan_of(models={}), tmp_path / "other")
    keys = run.keys()
    for key in keys:
        seeds = [[[c.seed for c in done.captions] + [p.seed for p in done.pictures] for done in r.rounds(key)] for r in (run, other)]
        assert seeds[0] == seeds[1]


# What is loaded, and in which order chains go.


def test_a_finished_run_loads_no_model(tmp_path: Path) -> None:
    carry_out(plan_of(), tmp_path / "run")
    heard = Heard()
    carry_out(plan_of(), tmp_path / "run", load=no_model, progress=heard)
    assert heard.started == [("analytic+analytic", 2, 6, 6)]
    assert heard.messages == []


def test_an_arm_that_has_no_other_model_to_take_says_so(tmp_path: Path) -> None:
    heard = Heard()
    carry_out(plan_of(arms=("rotate(generators)", "rotate(captioners, among=['analytic'])"), rounds=1), tmp_path / "run", progress=heard)
    said = "rotate(generators): the plan has one generator, so nothing rotates; name others: rotate(generators, among=['NAME'])"
    assert [text for text in heard.messages if "rotate" in text] == [said]


def test_originals_of_an_earlier_command_are_told(tmp_path: Path) -> None:
    carry_out(plan_of(), tmp_path / "run")
    heard = Heard()
    carry_out(plan_of(originals=TEXTS[:1]), tmp_path / "run", progress=heard)
    assert heard.messages == [f"{tmp_path / 'run'} also holds 1 of an earlier command's originals; --name or --out begins another run"]


def test_running_the_analytic_pair_imports_nothing_heavy(tmp_path: Path) -> None:
    script = """
import sys
from tiny_runs import plan_of
from imageloop.runner import carry_out
carry_out(plan_of(rounds=1), sys.argv[1])
assert not {"torch", "transformers", "diffusers", "open_clip", "matplotlib"} & set(sys.modules)
"""
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT), str(ROOT / "tests")])}
    subprocess.run([sys.executable, "-c", script, str(tmp_path / "run")], check=True, env=environment)


def test_one_batch_serves_whatever_chains_are_behind(tmp_path: Path) -> None:
    heard = Heard()
    carry_out(plan_of(seeds=3, rounds=3, captions=1, images=1), tmp_path / "run", progress=heard)
    assert heard.turns == [[1, 1, 1, 1], [1, 1, 2, 2], [2, 2, 2, 2], [3, 3, 3, 3], [3, 3]]


def test_chains_furthest_behind_go_first(tmp_path: Path) -> None:
    carry_out(plan_of(seeds=1, rounds=3, captions=1, images=1), tmp_path / "run")
    heard = Heard()
    carry_out(plan_of(seeds=2, rounds=4, captions=1, images=1), tmp_path / "run", progress=heard)
    assert heard.turns == [[1, 1, 4, 4], [2, 2], [3, 3], [4, 4]]


def test_no_more_than_one_turn_waits_to_be_stored(tmp_path: Path) -> None:
    folder = tmp_path / "run"
    stored: list[int] = []

    class Looking(Heard):
        def turn_done(self, pair: str, rounds: Sequence[Round], seconds: float) -> None:
            super().turn_done(pair, rounds, seconds)
            stored.append(sum(len(file.read_text().splitlines()) for file in folder.glob("chains/*/*/rounds.jsonl")))

    heard = Looking()
    carry_out(plan_of(originals=TEXTS[:1], rounds=8), folder, progress=heard)
    assert all(turn - 1 <= lines <= turn for turn, lines in enumerate(stored, 1))


def test_all_pairs_run_and_each_model_is_loaded_as_seldom_as_two_at_a_time_allow(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    loaded: list[str] = []

    def load(role: catalog.Role, spec: str, plan: Plan) -> Any:
        loaded.append(spec)
        return load_model(role, "analytic", plan)

    monkeypatch.setattr(catalog, "find", lambda role, spec, find=catalog.find: find(role, "analytic"))
    plan = plan_of(captioners=("c1", "c2"), generators=("g1", "g2"), pick_caption="first")
    run = carry_out(plan, tmp_path / "run", load=load)
    keys = run.keys()
    assert sorted({key.pair for key in keys}) == ["c1+g1", "c1+g2", "c2+g1", "c2+g2"]
    assert loaded == ["c1", "g1", "g2", "c2", "g1"]


def test_a_plan_reaches_its_models(tmp_path: Path) -> None:
    plan = plan_of(size=9, batch=3, models={"analytic": {"prior": [0.5, 0.5]}})
    assert load_model("generator", "analytic", plan).recipe.settings["size"] == 9
    for role in ("captioner", "generator", "embedder"):
        recipe = load_model(role, "analytic", plan).recipe
        assert (recipe.batch, recipe.settings["prior"]) == (3, [0.5, 0.5])


def test_a_recipe_that_changed_is_refused_when_there_is_work_to_do(tmp_path: Path) -> None:
    def load(role: catalog.Role, spec: str, plan: Plan) -> Any:
        return load_model(role, spec, plan.model_copy(update={"models": {"analytic": {"prior": [0.5, 0.5]}}}))

    carry_out(plan_of(models={}), tmp_path / "run")
    carry_out(plan_of(models={}), tmp_path / "run", load=load)
    with pytest.raises(ForeignRun, match=r"embedder analytic was another there: settings\.prior was \[0\.7,0\.3\], is \[0\.5,0\.5\]; "):
        carry_out(plan_of(models={}, rounds=4), tmp_path / "run", load=load)


def test_a_name_that_is_no_model_leaves_no_folder(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="did you mean analytic"):
        carry_out(plan_of(captioners=("analytik",)), tmp_path / "run")
    assert list(tmp_path.iterdir()) == []


def test_what_was_repaired_is_told(tmp_path: Path) -> None:
    run = carry_out(plan_of(), tmp_path / "run")
    file = run.chain_path(run.keys()[0]) / "images" / "000003.png"
    file.unlink()
    heard = Heard()
    carry_out(plan_of(), tmp_path / "run", progress=heard)
    assert heard.messages[0] == f"{file}: missing or damaged; round 3 will be done again"
    assert heard.started == [("analytic+analytic", 2, 5, 6)]


# Golden.


def test_the_golden_run_is_byte_for_byte_the_same(tmp_path: Path, rewrite_golden: bool) -> None:
    original = np.zeros((8, 8, 3), dtype=np.uint8)
    original[:4, :, 0], original[4:, :, 2] = 255, 128
    plan = plan_of(
        originals=(TEXTS[0], save_pixels(tmp_path / "flag.png", original)), models={}, rounds=4, captions=3, images=3, pick_caption="medoid"
    )
    run = carry_out(plan, tmp_path / "run")
    keys = run.keys()
    found = {f"{key.original}-s{key.seed}.jsonl": golden(run.chain_path(key) / "rounds.jsonl") for key in keys}
    if rewrite_golden:
        for file in GOLDEN.glob("*.jsonl"):
            file.unlink()
        for name, content in found.items():
            (GOLDEN / name).write_bytes(content)
    assert found == {file.name: file.read_bytes() for file in GOLDEN.glob("*.jsonl")}


def golden(file: Path) -> bytes:
    lines = file.read_bytes().splitlines(keepends=True)
    return b"".join(re.sub(rb',"seconds":{[^}]*}}\n$', b"}\n", line) for line in lines)


def save_pixels(file: Path, pixels: Any) -> str:
    Image.fromarray(pixels).save(file)
    return str(file)
