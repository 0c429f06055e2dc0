"""What is written down is so: commands that the documents show exist, files that they name are there, and examples work."""

import ast
import re
import shlex
import tomllib
from importlib.util import find_spec
from pathlib import Path
from textwrap import dedent
from typing import Any

import pytest
import typer
from tiny_runs import plan_of

import imageloop
from imageloop import catalog
from imageloop.cli import app
from imageloop.cli.run import plan_from
from imageloop.plan_files import TABLES, read, shipped

ROOT = Path(__file__).parent.parent
FILES = [ROOT / name for pattern in ("*.md", "*/*.md") for name in ROOT.glob(pattern) if not str(name.relative_to(ROOT)).startswith(".")]
DOCUMENTS = {str(file.relative_to(ROOT)): file.read_text() for file in sorted(FILES)}
README = DOCUMENTS["README.md"]
COMMANDS: Any = typer.main.get_command(app)
READERS_OWN = {"./my-blip", "owner/name@COMMIT"}
"""Models that stand for whatever the reader has."""
SECTIONS = {"Added", "Changed", "Fixed", "Removed", "Numbers"}


def typed(text: str, program: str) -> list[list[str]]:
    """The words after `program` in each command line of a document, in a block of code or in a sentence."""
    plain = re.sub(r"```.*?```", "", text, flags=re.DOTALL)
    code = [*re.findall(r"^ {4}(\S.*)$", plain, re.MULTILINE), *re.findall(r"`([^`]+)`", plain)]
    lines = [" ".join(line.removeprefix(".venv/bin/").split()) for line in code]
    return [shlex.split(line.removeprefix(program), comments=True) for line in lines if line.startswith(f"{program} ")]


IMAGELOOP = [(name, words) for name, text in DOCUMENTS.items() for words in typed(text, "imageloop") if not words[0].startswith("-")]
PYTHON = [(name, words) for name, text in DOCUMENTS.items() for words in typed(text, "python")]


def test_the_readme_shows_every_command() -> None:
    assert {words[0] for words in typed(README, "imageloop") if not words[0].startswith("-")} == set(COMMANDS.commands)


@pytest.mark.parametrize(("name", "words"), IMAGELOOP, ids=lambda part: part if isinstance(part, str) else " ".join(part))
def test_a_command_that_is_shown_can_be_typed(name: str, words: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    command = COMMANDS.commands[words[0]]
    if words[1:] in ([], ["--help"], ["prompts/NAME.toml"]):
        return
    given = command.make_context(words[0], words[1:]).params
    if words[0] == "run":
        changes = {f"{role}s": tuple(given[role]) for role in ("captioner", "generator") if given[role]}
        changes |= {field: given[field] for field in ("rounds", "seeds", "size", "embedder", "batch") if given[field]}
        plan = plan_from(given["what"] or [], changes, given["set"] or [])
        named = [*(("captioner", m) for m in plan.captioners), *(("generator", m) for m in plan.generators), ("embedder", plan.embedder)]
        for role, spec in named:
            assert spec in READERS_OWN or catalog.find(role, spec).role == role


@pytest.mark.parametrize(("name", "words"), PYTHON, ids=lambda part: part if isinstance(part, str) else " ".join(part))
def test_a_script_that_is_shown_is_there_and_takes_what_is_shown(name: str, words: list[str]) -> None:
    if words[:2] == ["-m", "pytest"]:
        assert words[2:3] == ["-m"] or (ROOT / words[2]).is_file()
        return
    found = find_spec(words[1]) if words[0] == "-m" else None
    source = (Path(str(found.origin)) if found else ROOT / words[0]).read_text()
    for option in (word for word in words if re.match(r"--?\w\w", word)):
        counted = f'("{option.removeprefix("--")}", ' in source and "for name, default in (" in source
        assert counted or f'"{option}"' in source
    if words[:2] == ["-m", "imageloop.stickers.train"]:
        assert f'"{words[2]}":' in source


def test_the_readme_trains_every_stage() -> None:
    (stages,) = (
        node.value
        for node in ast.parse((ROOT / "imageloop/stickers/train.py").read_text()).body
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "STAGES"
    )
    shown = [words[2] for words in typed(README, "python") if words[:2] == ["-m", "imageloop.stickers.train"]]
    assert sorted(shown) == sorted(ast.literal_eval(stages))


def test_every_target_of_make_that_is_named_exists() -> None:
    targets = set(re.findall(r"^(\w+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    named = {words[0] for text in DOCUMENTS.values() for words in typed(text, "make")}
    assert named - targets == set()


@pytest.mark.parametrize("name", DOCUMENTS)
def test_files_that_a_document_names_are_there(name: str) -> None:
    text, folder = DOCUMENTS[name], (ROOT / name).parent
    links = [folder / target for target in re.findall(r"\]\(([^)#]+)[^)]*\)", text) if "://" not in target]
    paths = re.findall(r"(?<![\w./<-])((?:imageloop|tests|design|prompts|benchmarks|docs)/[\w./-]*\w)", text)
    beside = [folder / path for path in re.findall(r"`(\w+\.(?:py|md|toml))`", text) if folder != ROOT]
    inside = [file for file in beside if not file.exists() and not any(ROOT.glob(f"imageloop/**/{file.name}"))]
    assert [path for path in [*links, *(ROOT / path for path in paths if "NAME" not in path), *inside] if not path.exists()] == []


def test_the_tree_in_the_readme_is_the_tree() -> None:
    block = README.partition("## The folders")[2].partition("A run is one folder")[0]
    entries = [line for line in block.splitlines() if line.startswith("    ")]
    for line in entries:
        names = re.split(r"\s{2,}", line.strip())[0].split()
        assert [name for name in names if not ((ROOT / name).exists() or (ROOT / "imageloop" / name).exists())] == []


def test_every_design_note_is_half_a_page() -> None:
    assert {
        name: len(text.splitlines()) for name, text in DOCUMENTS.items() if name.startswith("design/") and len(text.splitlines()) > 50
    } == {}


def test_every_plan_that_ships_is_explained() -> None:
    explained = set(re.findall(r"^\| `(\w+\.toml)`", DOCUMENTS["prompts/README.md"], re.MULTILINE))
    assert explained == {file.name for file in shipped().glob("*.toml")}


def test_the_plan_that_the_documents_show_is_one(tmp_path: Path) -> None:
    block = re.search(
        r"(?:^(?: {4}.*)?\n)+", DOCUMENTS["prompts/README.md"][DOCUMENTS["prompts/README.md"].index("    [run]") :], re.MULTILINE
    )
    assert block is not None
    (tmp_path / "holiday.toml").write_text(dedent(block[0]))
    plan = read(tmp_path / "holiday.toml")
    assert (plan.name, len(plan.originals), plan.models) == ("holiday", 5, {"sticker-sana": {"steps": 8}})
    assert set(TABLES) == set(tomllib.loads(dedent(block[0])))


def test_every_dependency_has_its_reason() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    text = DOCUMENTS["design/dependencies.md"]
    rows = re.findall(r"^\| ([\w, -]+) \|", text, re.MULTILINE)
    reasons = {package.strip() for row in rows if row not in ("package", "---") for package in row.split(",")}
    assert reasons == {re.split(r"[<>=]", package)[0] for package in project["dependencies"]}
    assert [p for p in project["optional-dependencies"]["dev"] if re.split(r"[-<>=]", p)[0] not in text] == []


def test_the_changelog_keeps_its_form() -> None:
    first, *parts = re.split(r"^## ", DOCUMENTS["CHANGELOG.md"], flags=re.MULTILINE)
    assert first.startswith("# Changelog\n")
    assert parts
    for part in parts:
        title, _, body = part.partition("\n")
        assert re.fullmatch(r"Unreleased|\d+\.\d+\.\d+ — \d{4}-\d{2}-\d{2}", title)
        assert set(re.findall(r"^### (.*)$", body, re.MULTILINE)) <= SECTIONS
        entries = re.split(r"^- ", re.sub(r"^### .*$", "", body, flags=re.MULTILINE), flags=re.MULTILINE)
        assert entries[0].strip() == ""
        assert [entry for entry in entries[1:] if not entry.strip().endswith(".")] == []


def test_the_python_that_the_readme_shows_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    (code,) = re.findall(r"```python\n(.*?)```", README, re.DOTALL)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(imageloop, "read_plan", lambda file: plan_of(name=Path(file).stem, seeds=2))
    exec(code, {})
    assert capsys.readouterr().out.startswith("analytic+analytic 0 [")
