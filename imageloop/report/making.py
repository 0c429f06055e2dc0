"""How a run was made: its plan, recipes and versions, and the command that makes it again."""

from __future__ import annotations

import json
import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from imageloop.plan import Plan
from imageloop.plan_files import to_toml

if TYPE_CHECKING:
    from imageloop.store import RunFolder


@dataclass(frozen=True, slots=True)
class Making:
    """What the page says of a run's making."""

    plan: str
    command: str
    recipes: Mapping[str, str]
    rows: tuple[tuple[str, str], ...]
    imported: bool
    """Whether its rounds were made elsewhere, so that no command makes them again."""


def making_of(run: RunFolder) -> Making:
    """How the run was made, from its run.json."""
    info = run.info
    try:
        plan = to_toml(Plan.model_validate(dict(info.plan)))
    except ValidationError:  # a plan of another version is shown as it was stored
        plan = _json(info.plan)
    name = str(info.plan.get("name", "plan"))
    return Making(
        plan,
        f"imageloop run {shlex.quote(f'{name}.toml')}",
        {label: _json(recipe) for label, recipe in info.recipes.items()},
        (
            ("Made", info.created or "unknown"),
            ("Device", info.device or "unknown"),
            ("Commit", info.commit or "not from a checkout"),
            ("Plan hash", info.plan_hash or "unknown"),
            ("Versions", ", ".join(f"{package} {version}" for package, version in info.versions.items()) or "unknown"),
        ),
        run.imported,
    )


def _json(value: Any) -> str:
    return json.dumps(value, indent=2, ensure_ascii=False, default=str)
