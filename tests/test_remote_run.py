"""A whole run on served models: through the command, with a server that fails in the middle."""

import json
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from scripted_server import Reply, Request, Server, said, serving, truth
from tiny_runs import chains

from imageloop.cli import exit_code
from imageloop.errors import ForeignRun, ModelError
from imageloop.measures import table
from imageloop.measures.pairs import summary
from imageloop.plan import Plan
from imageloop.runner import carry_out
from imageloop.store import RunFolder


@pytest.fixture(autouse=True)
def no_key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)


COUNTS = {"size": 16, "rounds": 2, "seeds": 3, "captions": 2, "images": 2, "batch": 4}


def run(server: Server, folder: Path, *more: str) -> int:
    models = ["--captioner", server.openai, "--generator", server.openai, "--embedder", "analytic", "--controls", "none"]
    counts = [word for name, count in COUNTS.items() for word in (f"--{name}", str(count))]
    return exit_code(["run", "a surfer", "a palm tree", *models, *counts, "--out", str(folder), *more])


def carried_out(server: Server, folder: Path, **changes: Any) -> RunFolder:
    """The same without measures and page."""
    models: Any = {"captioners": (server.openai,), "generators": (server.openai,), "embedder": "analytic", "controls": "none"}
    return carry_out(Plan(originals=("a surfer", "a palm tree"), **{**models, **COUNTS, **changes}), folder)


def test_a_run_that_a_server_stopped_goes_on_to_the_same_end(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    with serving() as server:
        assert run(server, tmp_path / "whole") == 0
        # Round 1 starts from the text, so 6 chains ask for 2 × 6 captions and 4 × 6 pictures, and pay for no row that pads a batch.
        assert len(server.requests) == 36
        whole = chains(RunFolder.open(tmp_path / "whole"))
        server.requests.clear()

        def failing(request: Request) -> Reply:
            return Reply(status=503) if len(server.requests) > 20 else truth(request)

        server.always = failing
        server.script = []
        assert run(server, tmp_path / "stopped", "--set", f"{server.openai}.tries=1") == 1
        said = capfd.readouterr().err.splitlines()[-1]
        assert said == (
            f"imageloop: {server.openai}: the server answered 503; every finished round is kept: type the same command to go on"
        )
        halfway = chains(RunFolder.open(tmp_path / "stopped"))
        assert halfway != whole
        assert any(name.endswith("rounds.jsonl") for name in halfway)
        server.always = None
        # How the server is reached changes no output, so the run goes on with other tries and another pace.
        assert run(server, tmp_path / "stopped", "--set", f"{server.openai}.parallel=1", "--set", f"{server.openai}.timeout=60") == 0
    assert chains(RunFolder.open(tmp_path / "stopped")) == whole


def test_another_question_is_another_run(tmp_path: Path) -> None:
    with serving() as server:
        carried_out(server, tmp_path / "run", rounds=1)
        with pytest.raises(ForeignRun, match="is a run of another plan: models was"):
            carried_out(server, tmp_path / "run", models={server.openai: {"send_seed": False}})


def test_a_served_run_says_what_is_not_known_of_it(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    with serving(always=None) as server:
        server.script = [Reply(status=503, headers={"Retry-After": "0"})]
        assert run(server, tmp_path / "run") == 0
    said = capfd.readouterr()
    told = said.out + said.err
    assert "in 12 of 12 rounds nobody knows how much of the prompt the generator read" in told
    assert "in 1 of 12 rounds a server had to be asked again" in told
    run_folder = RunFolder.open(tmp_path / "run")
    rounds = [turn for key in run_folder.keys() for turn in run_folder.rounds(key)]  # noqa: SIM118, a run folder is no mapping
    assert [turn.truncated for turn in rounds] == [None] * 12
    assert sorted(turn.retries for turn in rounds) == [0] * 11 + [1]
    measured = table.read(tmp_path / "run")
    assert len(table.select(measured, measure="truncated_share")) == 0
    assert table.undefined(measured)["truncated_share"] == 6
    assert "asked again 1 time" in (tmp_path / "run" / "report" / "index.html").read_text()


def test_a_run_holds_addresses_and_recipes_and_safe_names(tmp_path: Path) -> None:
    with serving() as server:
        carried_out(server, tmp_path / "run")
        info: Any = json.loads((tmp_path / "run" / "run.json").read_text())
        recipes = [recipe for recipe in info["recipes"].values() if recipe["family"] == "openai"]
        assert {recipe["role"] for recipe in recipes} == {"captioner", "generator"}
        assert {(recipe["target"], recipe["device"], recipe["dtype"]) for recipe in recipes} == {
            (f"{server.root}/v1#m", "remote", "served")
        }
    assert all(recipe["settings"]["reproducible"] is False for recipe in recipes)
    [pair] = (tmp_path / "run" / "chains").iterdir()
    captioner, _, generator = pair.name.partition("+")
    assert captioner == generator
    assert captioner.startswith("m-")


def test_a_run_stops_at_its_requests_and_goes_on_with_more(tmp_path: Path) -> None:
    with serving() as server:
        whole = chains(carried_out(server, tmp_path / "whole"))
        server.requests.clear()
        # Captions and pictures count together. One at a time, as what is under way when another row fails may or may not be sent.
        with pytest.raises(ModelError, match="all 20 requests that --max-requests allows are sent"):
            carried_out(server, tmp_path / "run", max_requests=20, models={server.openai: {"parallel": 1}})
        assert len(server.requests) == 20
        assert chains(carried_out(server, tmp_path / "run", max_requests=100)) == whole


def test_a_run_on_served_models_loads_no_torch_and_tries_out_no_batch(tmp_path: Path) -> None:
    with serving() as server:
        models = f"captioners=({server.openai!r},), generators=({server.openai!r},), embedder='analytic', controls='none'"
        counts = "size=16, rounds=2, seeds=1, batch='auto'"
        lines = [
            "import sys",
            "from imageloop.plan import Plan",
            "from imageloop.runner import carry_out",
            f"carry_out(Plan(originals=('a surfer',), {models}, {counts}), {str(tmp_path / 'run')!r})",
            "sys.exit('torch' in sys.modules)",
        ]
        done = subprocess.run([sys.executable, "-c", "\n".join(lines)], capture_output=True, text=True, check=False)
        # No batch is tried out at somebody's cost: a picture, then a caption and a picture.
        assert len(server.requests) == 3
    assert done.returncode == 0, done.stderr


def test_ctrl_c_does_not_wait_for_a_slow_server(tmp_path: Path) -> None:
    with serving(always=Reply(delay=120)) as server:
        words = ["run", "a surfer", "--captioner", server.openai, "--generator", server.openai, "--embedder", "analytic", "--size", "16"]
        command = [sys.executable, "-m", "imageloop", *words, "--out", str(tmp_path / "run")]
        with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
            while not server.requests:
                assert process.poll() is None
                time.sleep(0.02)
            process.send_signal(signal.SIGINT)
            start = time.monotonic()
            assert process.wait() == 130
            assert time.monotonic() - start < 60
            assert process.stderr is not None
            last = process.stderr.read().splitlines()[-1]
    assert last == "imageloop: stopped; every finished round is kept: type the same command to go on"


def test_a_caption_of_uncounted_tokens_is_stored_and_shown(tmp_path: Path) -> None:
    def uncounted(request: Request) -> Reply:
        if request.path.endswith("completions"):
            return Reply({key: value for key, value in said(request.body).items() if key != "usage"})
        return truth(request)

    with serving(always=uncounted) as server:
        assert run(server, tmp_path / "run") == 0
    folder = RunFolder.open(tmp_path / "run")
    assert {caption.tokens for turn in folder.rounds(folder.keys()[0])[1:] for caption in turn.captions} == {None}
    assert "None token" not in (tmp_path / "run" / "report" / "index.html").read_text()


def test_chains_are_counted_where_nobody_knows_what_was_read() -> None:
    rows = table.Rows()
    for seed in range(3):
        rows.add("m+m", "surfer", seed, "plain", 1, "word_entropy", 2.0)
    [pair] = summary(rows.table())
    assert (pair.chains, pair.originals, pair.rounds, pair.truncated_share) == (3, 1, 1, None)
