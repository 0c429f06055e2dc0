"""The table of measures as people read it: the page in docs/, and the commands that list and name measures."""

import json
from pathlib import Path

import pytest

from imageloop.cli import exit_code, results
from imageloop.measures import MEASURES, measure_run, table
from imageloop.measures.docs import page
from tests.paper_run import PaperEmbedder
from tests.tiny_runs import made

DOCS = Path(__file__).parent.parent / "docs" / "measures.md"


def test_the_page_of_measures_is_current() -> None:
    assert DOCS.read_text(encoding="utf-8") == page(), "make it again with: python -m imageloop.measures.docs"


def test_the_page_has_an_entry_for_every_measure_and_names_no_other() -> None:
    assert [line[4:] for line in page().splitlines() if line.startswith("### ")] == [
        name for scope in ("round", "chain", "all chains at a round", "pair") for name, row in MEASURES.items() if row.scope == scope
    ]


def test_the_table_of_measures_is_printed_and_is_json(capsys: pytest.CaptureFixture[str]) -> None:
    assert exit_code(["measures"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines[1:]] == list(MEASURES)
    assert exit_code(["measures", "--json"]) == 0
    rows = json.loads(capsys.readouterr().out)
    assert [row["name"] for row in rows] == list(MEASURES)
    assert {(row["name"], row["high"]) for row in rows} >= {("clipscore_hessel", 2.5), ("word_entropy", None)}


@pytest.mark.usefixtures("no_waiting_for_the_disk")
def test_measures_that_are_named_are_printed_with_what_is_undefined(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run = made(tmp_path)
    asked = ["measure", str(run.path), "--measures", "word_entropy, decay_half_life", "--json"]
    assert exit_code(asked) == 0
    printed = json.loads(capsys.readouterr().out)
    assert [(row["measure"], row["round"]) for row in printed["values"]] == [("word_entropy", 3)]
    assert printed["undefined"] == {"decay_half_life": 1}
    assert exit_code(asked[:-1]) == 0
    out = capsys.readouterr().out
    assert "decay_half_life is undefined in 1 places" in out
    assert "analytic+analytic" in out


@pytest.mark.usefixtures("no_waiting_for_the_disk")
def test_an_unknown_measure_is_refused_before_a_model_is_loaded(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("imageloop.asking.load_model", lambda *_: pytest.fail("a model was loaded"))
    assert exit_code(["measure", str(made(tmp_path).path), "--measures", "word_entropi"]) == 1
    assert "did you mean word_entropy" in capsys.readouterr().err


@pytest.mark.usefixtures("no_waiting_for_the_disk")
def test_measures_by_another_embedder_are_told_and_kept(tmp_path: Path) -> None:
    run = made(tmp_path)
    said: list[str] = []
    first = results.up_to_date_measures(run, said.append)
    assert said == ["measuring"]
    assert results.up_to_date_measures(run, said.append) == first
    assert said == ["measuring"]
    measured = measure_run(run, PaperEmbedder())
    assert results.up_to_date_measures(run, said.append) == measured
    assert said[1:] == [f"measured by paper, not by the plan's analytic; by that: imageloop measure {run.path}"]


@pytest.mark.usefixtures("no_waiting_for_the_disk")
def test_some_measures_or_older_definitions_are_made_again(tmp_path: Path) -> None:
    run = made(tmp_path)
    measure_run(run, PaperEmbedder(), measures=("word_entropy",))
    said: list[str] = []
    assert set(table.versions(results.up_to_date_measures(run, said.append))) == set(MEASURES)
    assert said == ["measuring", f"by analytic alone; to measure as before: imageloop measure {run.path} --embedder paper"]
