"""imageloop: what happens when a picture is described by a model, the description is drawn by another, and so on, round after round.

plan = imageloop.read_plan("prompts/surfer.toml")
run = imageloop.run(plan)                    # as `imageloop run` does it, without measures and page
run = imageloop.load("outputs/surfer")       # read only
imageloop.compare(["outputs/pairs"])         # pairs, arms or runs side by side, from measures on disk
"""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from imageloop.comparison import By, Comparison
    from imageloop.plan import Plan
    from imageloop.store import RunFolder

__all__ = ["compare", "load", "read_plan", "run"]


def read_plan(path: str | Path) -> "Plan":
    """The plan in a TOML file. Raises PlanError."""
    from imageloop.plan_files import read

    return read(path)


def run(plan: "Plan", folder: str | Path | None = None) -> "RunFolder":
    """Carry out a plan into a folder (by default `outputs/<name>`), or go on with it where that folder exists; gives the run.

    Raises what is in `imageloop.errors`.
    """
    from imageloop.runner import carry_out

    return carry_out(plan, Path(folder) if folder else Path("outputs") / plan.name)


def load(folder: str | Path) -> "RunFolder":
    """The run in a folder, read only. Raises RunError when it holds none."""
    from imageloop.store import RunFolder

    return RunFolder.open(folder)


def compare(
    folders: Sequence[str | Path],
    *,
    by: "By" = "pair",
    measure: str | None = None,
    round: int | None = None,
    allow_different: bool = False,
) -> "Comparison":
    """The pairs, arms or runs of some folders side by side, as `comparison.compare_runs`; `imageloop measure` made their measures.

    Raises RunError when a folder holds no run or no measures, or the runs differ in more than what is compared.
    """
    from imageloop.comparison import compare_runs
    from imageloop.measures import table

    runs = [load(folder) for folder in folders]
    tables = [table.read(run.path) for run in runs]
    return compare_runs(runs, tables, by=by, measure=measure, round=round, allow_different=allow_different)
