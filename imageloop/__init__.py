"""imageloop: what happens when a picture is described by a model, the description is drawn by another, and so on, round after round.

plan = imageloop.read_plan("prompts/surfer.toml")
run = imageloop.run(plan)                    # as `imageloop run` does it, without measures and page
run = imageloop.load("outputs/surfer")       # read only
"""

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from imageloop.plan import Plan
    from imageloop.store import RunFolder

__all__ = ["load", "read_plan", "run"]


def read_plan(path: str | Path) -> "Plan":
    """The plan in a TOML file. Raises PlanError."""
    from imageloop.plan import read

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
