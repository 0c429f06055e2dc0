import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from tiny_runs import (
    TEXTS,
    Heard,
    Spy,
    contents,
    plan_of,
    save,
)

from imageloop import catalog
from imageloop.asking import load_model
from imageloop.errors import RunError
from imageloop.plan import Plan
from imageloop.runner import Interrupted, carry_out
from imageloop.store import RunFolder

ROOT = Path(__file__).parent.parent
GOLDEN = Path(__file__).parent / "golden"


pytestmark = pytest.mark.usefixtures("no_waiting_for_the_disk")


# Killed at every call that changes the disk.

EFFECTS = ("write", "fsync", "replace", "unlink", "truncate", "mkdir")


class Killed(BaseException):
    pass


@contextmanager
def killed_at(call: int, monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """The process ends at the n-th call, half way through where it writes; from then on nothing reaches the disk."""
    calls: list[str] = []

    def guarded(name: str, effect: Callable[..., Any]) -> Callable[..., Any]:
        def run(*arguments: Any, **options: Any) -> Any:
            calls.append(name)
            if len(calls) - 1 < call:
                return effect(*arguments, **options)
            if len(calls) - 1 == call and name == "write":
                effect(arguments[0], arguments[1][: len(arguments[1]) // 2])
            raise Killed

        return run

    with monkeypatch.context() as patch:
        for name in EFFECTS:
            patch.setattr(os, name, guarded(name, getattr(os, name)))
        yield calls


def small(folder: Path, originals: tuple[str, ...]) -> RunFolder:
    return carry_out(plan_of(originals=originals, keep="every 2", keep_candidates=True, batch=2), folder)


def test_a_run_killed_at_any_write_goes_on_to_the_same_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    originals = (save(tmp_path / "a.png", 1),)
    whole = contents(small(tmp_path / "whole", originals).path)
    with killed_at(10**6, monkeypatch) as calls:
        small(tmp_path / "counted", originals)
    assert set(calls) == set(EFFECTS) - {"truncate"}
    for call in range(len(calls)):
        folder = tmp_path / f"killed-{call}"
        with killed_at(call, monkeypatch), pytest.raises(Killed):
            small(folder, originals)
        if (folder / "run.json").exists():
            assert_whole(RunFolder.open(folder))
        small(folder, originals)
        assert contents(folder) == whole, f"killed at call {call}, {calls[call]}"


def assert_whole(run: RunFolder) -> None:
    """Contract 4: a line means that its pictures are on disk, whole, as far as the plan keeps them."""
    keys = run.keys()
    for key in keys:
        rounds = run.rounds(key)
        assert len((run.chain_path(key) / "rounds.jsonl").read_bytes().split(b"\n")) - 1 == len(rounds)
        for done in rounds:
            assert done.picture.file or (done.round % 2 and done is not rounds[-1])
            for picture in done.pictures:
                if picture.file:
                    run.picture(key, picture)


def test_a_run_killed_again_while_it_repairs_goes_on_to_the_same_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = contents(small(tmp_path / "whole", TEXTS[:1]).path)
    for call in range(8):
        folder = tmp_path / f"killed-{call}"
        small(folder, TEXTS[:1])
        [file] = folder.glob("chains/*/*/rounds.jsonl")
        file.write_bytes(file.read_bytes()[:-9])
        with killed_at(call, monkeypatch), pytest.raises(Killed):
            small(folder, TEXTS[:1])
        small(folder, TEXTS[:1])
        assert contents(folder) == whole


SCRIPT = """
import sys
from tiny_runs import plan_of
from imageloop.runner import carry_out
try:
    carry_out(plan_of(rounds=60, seeds=2), sys.argv[1])
except KeyboardInterrupt as stop:
    print(stop)
    sys.exit(130)
"""


@contextmanager
def process(folder: Path) -> Iterator[subprocess.Popen[str]]:
    """Another process that works on a run and has finished some rounds."""
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT), str(ROOT / "tests")])}
    with subprocess.Popen([sys.executable, "-c", SCRIPT, str(folder)], stdout=subprocess.PIPE, text=True, env=environment) as started:
        deadline = time.monotonic() + 120
        while not any(file.stat().st_size > 2000 for file in folder.glob("chains/*/*/rounds.jsonl")):
            assert started.poll() is None
            assert time.monotonic() < deadline
            time.sleep(0.002)
        yield started
        started.kill()


def test_a_run_killed_outright_goes_on_to_the_same_end(tmp_path: Path) -> None:
    whole = carry_out(plan_of(rounds=60, seeds=2), tmp_path / "whole")
    with process(tmp_path / "killed") as other:
        with pytest.raises(RunError, match="another process works on this run"):
            carry_out(plan_of(rounds=60, seeds=2), tmp_path / "killed")
        other.kill()
        assert other.wait() == -signal.SIGKILL
    heard = Heard()
    carry_out(plan_of(rounds=60, seeds=2), tmp_path / "killed", progress=heard)
    [(_, _, done, total)] = heard.started
    assert 0 < done < total
    assert contents(tmp_path / "killed") == contents(whole.path)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_run_asked_to_stop_closes_cleanly_and_goes_on(tmp_path: Path, number: signal.Signals) -> None:
    with process(tmp_path / "run") as other:
        other.send_signal(number)
        assert other.wait(timeout=120) == 130
        assert other.stdout is not None
        assert other.stdout.read() == f"stopped by {number.name}; the same command goes on from here\n"
    assert list((tmp_path / "run").rglob("*.part")) == []
    heard = Heard()
    carry_out(plan_of(rounds=3, seeds=2), tmp_path / "run", progress=heard)
    assert [text for text in heard.messages if "loading" not in text] == []


def test_handlers_of_signals_are_put_back(tmp_path: Path) -> None:
    before = signal.getsignal(signal.SIGTERM)
    carry_out(plan_of(), tmp_path / "run")
    assert signal.getsignal(signal.SIGTERM) is before


def test_a_stop_inside_a_model_leaves_every_finished_turn_on_disk(tmp_path: Path) -> None:
    class Stopping(Spy):
        def generate(self, prompts: Sequence[str], seeds: Sequence[int]) -> Any:
            if len(self.calls) == 3:
                signal.raise_signal(signal.SIGINT)
            return super().generate(prompts, seeds)

    def load(role: catalog.Role, spec: str, plan: Plan) -> Any:
        model = load_model(role, spec, plan)
        return Stopping(model) if role == "generator" else model

    with pytest.raises(Interrupted):
        carry_out(plan_of(rounds=9), tmp_path / "run", load=load)
    run = RunFolder.open(tmp_path / "run")
    assert list(map(len, map(run.rounds, run.keys()))) == [3, 3]


def test_a_run_works_in_a_thread_where_no_signal_can_be_caught(tmp_path: Path) -> None:
    thread = threading.Thread(target=carry_out, args=(plan_of(), tmp_path / "run"))
    thread.start()
    thread.join()
    assert len(RunFolder.open(tmp_path / "run").keys()) == 2
