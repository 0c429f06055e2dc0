"""`imageloop compare`: what is printed, written and drawn."""

import json
from io import BytesIO, StringIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from compared_runs import PAIRS, made_up
from PIL import Image
from rich.console import Console

from imageloop.cli import exit_code, results, standings
from imageloop.comparison import PairDifference, compare_runs, write_comparison
from imageloop.comparison.figures import figures_of
from imageloop.measures import Estimate
from imageloop.measures.paired import Difference
from imageloop.measures.power import Needed
from imageloop.records import ChainKey

LEVEL = {"eye+brush": 0.8, "eye+pen": 0.6, "ear+brush": 0.5, "ear+pen": 0.3}


def by_pair(key: ChainKey, number: int) -> float:
    return LEVEL[key.pair] + 0.02 * int(key.original[-1]) + 0.003 * key.seed - 0.01 * number + (0.1 if key.arm != "plain" else 0)


@pytest.fixture(autouse=True)
def _measured_already(monkeypatch: pytest.MonkeyPatch) -> None:
    from imageloop.measures import table

    monkeypatch.setattr(results, "up_to_date_measures", lambda run, say: table.read(run.path))


def printed(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    assert exit_code(["compare", *arguments]) == 0
    return capsys.readouterr().out


def test_the_command_prints_ranks_matrix_blame_and_differences(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    made_up(tmp_path / "a", by_pair)
    out = printed(capsys, str(tmp_path / "a"))
    assert out.startswith(
        "4 pairs on 8 originals × 2 seeds: similarity to the original after round 3 (clip_image_similarity, higher is better)"
    )
    lines = [" ".join(line.split()) for line in out.splitlines()]
    assert "1 eye+brush 0.84 [0.80, 0.88] – 0.14" in lines
    assert "eye 0.84 [0.80, 0.88] 0.64 [0.60, 0.68]" in lines
    assert any(line.startswith("captioner ") and "█" in line for line in lines)
    assert "1 − 2 +0.20 [0.20, 0.20] 0.047 more than chance" in lines
    assert f"files {tmp_path / 'a' / 'compare'}" in lines
    assert sorted(file.name for file in (tmp_path / "a" / "compare").iterdir()) == ["compare.csv", "compare.json", "figures"]


def test_json_on_stdout_is_what_is_written(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    made_up(tmp_path / "a", by_pair)
    out = json.loads(printed(capsys, str(tmp_path / "a"), "--json", "--out", str(tmp_path / "there")))
    files = [Path(file) for file in out.pop("files")]
    assert all(file.is_file() and file.is_relative_to(tmp_path / "there") for file in files)
    assert out == json.loads((tmp_path / "there" / "compare.json").read_text())
    assert [entry["label"] for entry in out["entries"]] == ["eye+brush", "eye+pen", "ear+brush", "ear+pen"]


def test_the_same_runs_give_the_same_files(tmp_path: Path) -> None:
    run, table = made_up(tmp_path / "a", by_pair)
    written = [write_comparison(compare_runs([run], [table]), tmp_path / name) for name in ("one", "two")]
    assert [file.read_bytes() for file in written[0]] == [file.read_bytes() for file in written[1]]


def test_refusal_is_one_line_on_stderr(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    made_up(tmp_path / "a", by_pair)
    made_up(tmp_path / "b", by_pair, plan={"seed": 7})
    assert exit_code(["compare", str(tmp_path / "a"), str(tmp_path / "b")]) == 1
    error = capsys.readouterr()
    assert (error.out, error.err.count("\n")) == ("", 1)
    assert "seed was 0, is 7; if you mean it, add --allow-different" in error.err
    assert "compared although different: b against a: seed was 0, is 7" in printed(
        capsys, str(tmp_path / "a"), str(tmp_path / "b"), "--allow-different"
    )


def test_a_folder_that_is_no_run_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert exit_code(["compare", str(tmp_path)]) == 1
    assert "holds no run.json" in capsys.readouterr().err


def test_arms_are_numbered_and_those_that_saw_the_original_are_marked(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    made_up(tmp_path / "a", by_pair, pairs=PAIRS[:1], arms=("plain", "reanchor(every=5)"), looks=["reanchor(every=5)"])
    out = printed(capsys, str(tmp_path / "a"), "--by", "arm")
    lines = [" ".join(line.split()) for line in out.splitlines()]
    assert out.startswith("2 arms on 8 originals")
    assert any(line.startswith("1 reanchor(every=5) * 0.94") for line in lines)
    assert "1 − 2 +0.10 [0.10, 0.10] 0.0078 more than chance" in lines


def test_many_differences_are_cut_short_in_print_only(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pairs = [f"c{i}+g" for i in range(8)]
    made_up(tmp_path / "a", lambda key, number: 0.1 * int(key.captioner[1]) + 0.01 * int(key.original[-1]), pairs=pairs)
    out = printed(capsys, str(tmp_path / "a"))
    assert out.count(" − ") == standings.MOST_DIFFERENCES
    assert "note: 8 more differences are in the files" in out
    assert (tmp_path / "a/compare/compare.csv").read_text().count("\ndifference,") == 28


def test_what_is_decided_is_printed_before_what_is_not() -> None:
    open_ones = [one(p_corrected=0.2 + 0.01 * i) for i in range(standings.MOST_DIFFERENCES)]
    last = one(p_corrected=0.001, decided=True, needed=None)
    unknown = one(p_corrected=None)
    assert standings.shown([unknown, *open_ones, last]) == [*open_ones[:-1], last]
    assert standings.shown([unknown, last]) == [unknown, last]


@pytest.mark.parametrize("width", [80, 120])
def test_every_table_fits_the_terminal(tmp_path: Path, width: int) -> None:
    names = ("sticker-blip+sticker-sana", "sticker-blip+sticker-sprint", "sticker-git+sticker-sana", "sticker-git+sticker-sprint")
    level = dict(zip(names, (0.8, 0.78, 0.5, 0.3), strict=True))
    made = made_up(tmp_path / "a", lambda key, number: level[key.pair] + 0.1 * (hash((key.seed, number)) % 7) / 7, pairs=names, rounds=12)
    console = Console(width=width, record=True, file=StringIO(), markup=False, highlight=False)
    for table in standings.tables(compare_runs([made[0]], [made[1]])):
        console.print(table)
    lines = console.export_text().splitlines()
    assert max(map(len, lines)) <= width
    assert all(any(name in line for line in lines) for name in names)  # no name is broken over two lines


@pytest.mark.parametrize(("pairs", "files"), [(PAIRS, 4), (PAIRS[:1], 2)])
def test_figures_are_drawn_where_there_is_something_to_draw(tmp_path: Path, pairs: tuple[str, ...], files: int) -> None:
    run, table = made_up(tmp_path / "a", by_pair, pairs=pairs)
    made = figures_of(compare_runs([run], [table]))
    assert len(made) == files
    for name, content in made.items():
        if name.endswith("png"):
            with Image.open(BytesIO(content)) as image:
                assert np.asarray(image.convert("L")).std() > 10
        else:
            assert content.startswith(b"<?xml")
            assert all(side in content.decode() for pair in pairs for side in pair.split("+"))


def test_dollars_in_a_name_are_no_formula(tmp_path: Path) -> None:
    run, table = made_up(tmp_path / "a", lambda key, number: 0.5, pairs=("$x_$+$\\frac$", "b+$\\frac$"))
    assert b"frac" in figures_of(compare_runs([run], [table]))["matrix.svg"]


def test_what_is_undefined_is_a_dash_or_a_reason(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    def flat(key: ChainKey, number: int) -> float:
        return 0.5 + 0.01 * int(key.original[-1])

    made_up(tmp_path / "a", flat, pairs=PAIRS[:2], rounds=12)
    lines = [" ".join(line.split()) for line in printed(capsys, str(tmp_path / "a")).splitlines()]
    assert "1 flat – – – – – 0.4" in lines
    assert "1 − 2 +0.00 [0.00, 0.00] 1 undecided, and too small to plan for" in lines


def one(**changes: Any) -> Any:
    difference = Difference(Estimate(0.1, None, None, 1), None, True, 1, 1)
    fields = {"difference": difference, "p_corrected": 0.2, "decided": False, "needed": Needed(40, 1, 0.1), **changes}
    return PairDifference("a", "b", **fields)


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({}, "undecided; needs 40 originals × 1 seed"),
        ({"decided": True}, "more than chance"),
        ({"needed": Needed(None, 1, 0.1)}, "undecided, and too small to plan for"),
        ({"needed": None}, "undecided"),
        ({"p_corrected": None}, "one original decides nothing"),
        ({"p_corrected": None, "difference": Difference(Estimate(0.1, None, None, 8), None, True, 8, 1)}, "no interval, so undecided"),
    ],
)
def test_a_difference_is_decided_in_words(changes: dict[str, Any], text: str) -> None:
    assert standings.decision(one(**changes)) == text
