"""From a plan to its comparison, through everything between."""

import json
from pathlib import Path

import pytest
from tiny_runs import plan_of, save

from imageloop.cli import exit_code
from imageloop.runner import carry_out


def test_a_run_without_measures_is_measured_and_its_arms_compared(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    originals = tuple(save(tmp_path / f"{i}.png", i) for i in range(6))
    plan = plan_of(originals=originals, arms=("plain", "reanchor(every=1)"), pick_caption="first", pick_image="first", seeds=2)
    run = carry_out(plan, tmp_path / "run")
    assert exit_code(["compare", str(run.path), "--by", "arm", "--json"]) == 0
    heard = capsys.readouterr()
    assert f"{run.path}: measuring" in heard.err
    found = json.loads(heard.out)
    entries = {entry["arm"]: entry for entry in found["entries"]}
    assert entries.keys() == {"plain", "reanchor(every=1)"}
    assert (entries["plain"]["saw_original"], entries["reanchor(every=1)"]["saw_original"]) == (False, True)
    assert (found["round"], found["originals"], found["seeds"]) == (3, 6, 2)
    (difference,) = found["differences"]
    assert (difference["left"], difference["right"]) == ("reanchor(every=1)", "plain")
    assert difference["difference"]["originals"] == 6
    # The same chains met the same noise, so the means differ by exactly the mean difference.
    apart = entries["reanchor(every=1)"]["value"]["mean"] - entries["plain"]["value"]["mean"]
    assert difference["difference"]["estimate"]["mean"] == pytest.approx(apart)
    assert exit_code(["compare", str(run.path)]) == 0
    heard = capsys.readouterr()
    assert "measuring" not in heard.err
    assert "note: one pair: there is nothing to compare it with" in heard.out
