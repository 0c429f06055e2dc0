"""The catalog as it is printed: at the widths of terminals, as JSON, and for one role."""

import json
from io import StringIO
from pathlib import Path

import pytest
from rich.console import Console

from imageloop.catalog import ROWS, Row
from imageloop.cli import exit_code
from imageloop.cli.listing import as_json, is_here, kind, prompt_limit, show


def printed(width: int) -> list[str]:
    screen = StringIO()
    show(ROWS, Console(file=screen, width=width, markup=False, highlight=False))
    return [line.rstrip() for line in screen.getvalue().splitlines()]


def row_of(name: str) -> Row:
    return next(row for row in ROWS if row.name == name)


def test_a_wide_screen_has_one_line_a_model() -> None:
    lines = printed(200)
    assert len(lines) == 1 + len(ROWS) + 2
    (flux,) = [line for line in lines if line.startswith("flux-schnell ")]
    here = "yes" if is_here(row_of("flux-schnell")) else "no"
    assert flux.split() == [
        "flux-schnell",
        "generator",
        "gated",
        here,
        "16.86B",
        "40.5",
        "1024",
        "256",
        "Apache-2.0",
        "black-forest-labs/FLUX.1-schnell",
    ]


@pytest.mark.parametrize("width", [80, 120])
def test_a_narrow_screen_has_two_lines_a_model_and_cuts_nothing_off(width: int) -> None:
    lines = printed(width)
    assert max(map(len, lines)) <= width
    assert "…" not in "".join(lines)
    for row in ROWS:
        starts = [i for i, line in enumerate(lines) if line.split()[:1] == [row.name] and not line.startswith(" ")]
        below = [lines[i + 1] for i in starts]
        assert any(line.strip().endswith(row.licence) and (row.local or row.target in line) for line in below)
    roles = dict.fromkeys(row.role for row in ROWS)
    assert [line.split()[0] for line in lines if line.endswith("kind")] == [f"{role}s" for role in roles]


def test_what_a_model_needs_is_said_by_its_kind(monkeypatch: pytest.MonkeyPatch) -> None:
    names = ("analytic", "sticker-sana", "sd15", "sd35-medium", "moondream2")
    assert [kind(row_of(name)) for name in names] == ["built in", "built in", "hub", "gated", "needs a flag"]
    monkeypatch.setattr("imageloop.cli.listing.find_spec", lambda _: None)
    assert (kind(row_of("minilm")), is_here(row_of("minilm"))) == ("hub", False)
    monkeypatch.setattr("imageloop.cli.listing.find_spec", lambda _: object())
    assert (kind(row_of("minilm")), is_here(row_of("minilm"))) == ("package", True)


def test_a_model_is_here_once_its_weights_are_not_with_its_configuration_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path))
    snapshot = tmp_path / "models--laion--CLIP-ViT-B-32-laion2B-s34B-b79K" / "snapshots" / "abc"
    snapshot.mkdir(parents=True)
    (snapshot / "open_clip_config.json").write_text("{}")
    assert not is_here(row_of("clip-b32"))
    (snapshot / "open_clip_model.safetensors").write_bytes(b"")
    assert is_here(row_of("clip-b32"))


def test_the_prompt_limit_is_the_rows_or_that_of_clip() -> None:
    assert [prompt_limit(row_of(name)) for name in ("sdxl", "flux-schnell", "sticker-sana", "blip-base")] == [77, 256, 40, None]


def test_numbers_for_programs_are_whole() -> None:
    fields = as_json(row_of("sd-turbo"))
    assert (fields["parameters"], fields["gigabytes"], fields["prompt_limit"], fields["kind"]) == (1_289_952_427, 3.096, 77, "hub")
    json.dumps([as_json(row) for row in ROWS], allow_nan=False)


def test_one_role_can_be_asked_for(capsys: pytest.CaptureFixture[str]) -> None:
    assert exit_code(["models", "--role", "generator", "--json"]) == 0
    assert {row["role"] for row in json.loads(capsys.readouterr().out)} == {"generator"}


def test_a_role_that_no_model_has_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    assert exit_code(["models", "--role", "genrator"]) == 1
    assert capsys.readouterr().err == "imageloop: --role genrator: no model has that role; did you mean generator?\n"
    assert exit_code(["models", "--role", "x"]) == 1
    assert capsys.readouterr().err.endswith("no model has that role; use captioner, generator, embedder or text-embedder\n")
