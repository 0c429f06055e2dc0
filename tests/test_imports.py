"""The rules of the house that a machine can check: imports point down, and only models and training import what is heavy."""

import ast
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parent.parent / "imageloop"
RANKS = {
    "errors": 0,
    "records": 1,
    "seeds": 1,
    "stickers": 1,
    "roles": 2,
    "picks": 2,
    "moment": 2,
    "interventions": 2,
    "watch": 2,
    "arms": 2,
    "loop": 3,
    "disk": 4,
    "identity": 4,
    "provenance": 4,
    "originals": 4,
    "plan": 4,
    "plan_files": 4,
    "addresses": 4,
    "catalog": 4,
    "catalog_rows": 3,
    "instructions": 5,
    "store": 4,
    "writer": 4,
    "measures": 4,
    "comparison": 5,
    "doctor": 5,
    "models": 5,
    "casting": 5,
    "monitor": 5,
    "forward": 5,
    "importing": 5,
    "asking": 6,
    "lineup": 6,
    "runner": 6,
    "report": 6,
    "": 7,
    "cli": 8,
    "__main__": 9,
}
"""From the bottom up; a module may import from its own rank and below. The empty name is the package itself."""
WORLD = ("stickers", "stickers.artwork", "stickers.captions", "stickers.scenes")
"""The light half of stickers; the other half trains, judges and evaluates."""
HEAVY = {"torch", "torchvision", "diffusers", "transformers", "accelerate", "open_clip"}
MODULES = sorted(PACKAGE.rglob("*.py"))


def name_of(file: Path) -> str:
    """`imageloop/cli/run.py` → `cli.run`; a package's `__init__.py` has the package's name, and imageloop's own the empty one."""
    parts = file.relative_to(PACKAGE).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


NAMES = {name_of(file) for file in MODULES}


def is_training(name: str) -> bool:
    return name.partition(".")[0] == "stickers" and name not in WORLD


def rank(name: str) -> int:
    if is_training(name):
        return RANKS["runner"]
    return RANKS[name.partition(".")[0]]


def imported(node: ast.stmt) -> list[str]:
    """What an import statement names, in full."""
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    if isinstance(node, ast.ImportFrom) and node.module:
        return [f"{node.module}.{alias.name}" for alias in node.names]
    return []


def own(target: str) -> str | None:
    """The module of this package that an import names, or None: `imageloop.cli.run.run` → `cli.run`."""
    if target != "imageloop" and not target.startswith("imageloop."):
        return None
    inner = target.removeprefix("imageloop").removeprefix(".")
    while inner not in NAMES:
        inner = inner.rpartition(".")[0]
    return inner


def at_import(tree: ast.Module) -> Iterator[ast.stmt]:
    """Every statement that runs when the module is imported: not those in functions, nor those for type checkers only."""
    waiting: list[ast.AST] = list(tree.body)
    while waiting:
        node = waiting.pop()
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
            continue
        if isinstance(node, ast.If) and ast.unparse(node.test) in ("TYPE_CHECKING", "typing.TYPE_CHECKING"):
            waiting += node.orelse
            continue
        if isinstance(node, ast.stmt):
            yield node
        waiting += ast.iter_child_nodes(node)


def test_every_module_has_a_rank() -> None:
    assert {name.partition(".")[0] for name in NAMES} <= RANKS.keys()


@pytest.mark.parametrize("file", MODULES, ids=lambda file: name_of(file) or "imageloop")
def test_imports_point_down(file: Path) -> None:
    name = name_of(file)
    targets = [own(target) for node in ast.walk(ast.parse(file.read_text())) if isinstance(node, ast.stmt) for target in imported(node)]
    assert [target for target in targets if target is not None and rank(target) > rank(name)] == []


@pytest.mark.parametrize("file", MODULES, ids=lambda file: name_of(file) or "imageloop")
def test_only_models_and_training_import_what_is_heavy(file: Path) -> None:
    name = name_of(file)
    if name.startswith("models.") or is_training(name):
        return
    roots = {target.partition(".")[0] for node in at_import(ast.parse(file.read_text())) for target in imported(node)}
    assert roots & HEAVY == set()


def test_no_two_modules_import_each_other() -> None:
    below = {
        name_of(file): {inner for node in at_import(ast.parse(file.read_text())) for t in imported(node) if (inner := own(t))}
        - {name_of(file)}
        for file in MODULES
    }
    while settled := [name for name, targets in below.items() if not targets & below.keys()]:
        for name in settled:
            del below[name]
    assert below == {}


@pytest.mark.parametrize("arguments", [["--help"], ["run", "--help"], ["doctor", "--help"], ["models"]])
def test_looking_around_imports_nothing_heavy(arguments: list[str]) -> None:
    code = f"import sys; from imageloop.cli import exit_code; exit_code({arguments}); sys.stderr.write(repr({HEAVY} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False, cwd=PACKAGE.parent)
    assert (done.returncode, done.stderr) == (0, "set()")


def test_help_answers_in_half_a_second() -> None:
    def seconds() -> float:
        start = time.perf_counter()
        subprocess.run([sys.executable, "-m", "imageloop", "--help"], capture_output=True, check=True, cwd=PACKAGE.parent)
        return time.perf_counter() - start

    assert min(seconds() for _ in range(5)) < 0.5
