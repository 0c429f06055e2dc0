"""What runs must share to be compared: everything that changes a number and is not the thing compared."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from imageloop.arms import PLAIN
from imageloop.comparison.found import By
from imageloop.identity import FOUND, GROWS, OUTPUT, changes
from imageloop.measures import table as long

if TYPE_CHECKING:
    import pyarrow as pa

    from imageloop.store import RunFolder

IN_RECIPES = (*FOUND, "captioners", "generators", "models", "batch", "offload", "quantize", "compile")
"""Fields of a plan that are about models: their recipes hold what came of them, and those are compared where both runs use the model."""
OF_RUNS = ("captions", "images", "pick_caption", "pick_image", "size", "embedder")
"""Fields of a plan that may be the very thing compared when whole runs are."""
WHERE = ("device", "batch")
"""Fields of a recipe that say where the embedder of the measures worked."""

MEASURED = "embedder of the measures"
"""Stands among the models that tell runs apart."""


def differing(runs: Sequence[RunFolder], tables: Sequence[pa.Table], names: Sequence[str], by: By) -> list[str]:
    """What differs between each run and the first beyond the thing compared, as texts; empty when they can be compared."""
    first, *others = zip(runs, tables, names, strict=True)
    texts = []
    for run, table, name in others:
        found = [*_plans(first[0], run, by), *([] if by == "run" else _recipes(first[0], run)), *_measures(first[1], table)]
        texts += [f"{name} against {first[2]}: {text}" for text in found]
    return texts


def apart(runs: Sequence[RunFolder], tables: Sequence[pa.Table]) -> set[str]:
    """Models, as `role/label`, whose recipe is not the same in all the runs that use them: those runs' chains are not of one kind.

    `MEASURED` is among them where not all were measured by one embedder.
    """
    recipes: dict[str, Mapping[str, Any]] = {}
    found = set()
    for run, table in zip(runs, tables, strict=True):
        for model, recipe in {**run.info.recipes, MEASURED: _embedder(table)}.items():
            if changes(recipes.setdefault(model, recipe), recipe):
                found.add(model)
    return found


def _plans(first: RunFolder, run: RunFolder, by: By) -> list[str]:
    left, right = (dict(folder.info.plan) for folder in (first, run))
    free = {*GROWS, *OUTPUT, *IN_RECIPES, *(() if _picks(left) or _picks(right) else ("embedder",)), *(OF_RUNS if by == "run" else ())}
    return changes({key: left[key] for key in left if key not in free}, {key: right[key] for key in right if key not in free})


def _picks(plan: Mapping[str, Any]) -> bool:
    """Whether the plan's embedder may have chosen between candidates, and not only measured."""
    return max(plan.get("captions", 1), plan.get("images", 1)) > 1 or list(plan.get("arms", [PLAIN])) != [PLAIN]


def _recipes(first: RunFolder, run: RunFolder) -> list[str]:
    left, right = first.info.recipes, run.info.recipes
    both = [model for model in left if model in right]
    return [f"{model}: {text}" for model in both for text in changes(left[model], right[model])]


def _measures(first: pa.Table, table: pa.Table) -> list[str]:
    before, after = long.versions(first), long.versions(table)
    versions = changes({name: before[name] for name in before if name in after}, {name: after[name] for name in after if name in before})
    by = changes(_embedder(first), _embedder(table))
    return [f"{MEASURED}: {text}" for text in by] + [f"version of the measure {text}" for text in versions]


def _embedder(table: pa.Table) -> Mapping[str, Any]:
    """What decides the numbers in the recipe of the embedder that measured a run."""
    return {key: value for key, value in long.recipes(table).get("embedder", {}).items() if key not in WHERE}
