"""How a run was made: its plan, recipes and versions, and the command that makes it again."""

from __future__ import annotations

import json
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from imageloop.plan import Plan
from imageloop.plan_files import to_toml
from imageloop.report.licences import Licence, licences_of
from imageloop.report.words import plural

if TYPE_CHECKING:
    from imageloop.report.following import Followed
    from imageloop.store import RunFolder


@dataclass(frozen=True, slots=True)
class Making:
    """What the page says of a run's making."""

    plan: str
    command: str
    recipes: Mapping[str, str]
    rows: tuple[tuple[str, str], ...]
    licences: tuple[Licence, ...]
    imported: bool
    """Whether its rounds were made elsewhere, so that no command makes them again."""


def making_of(run: RunFolder, chains: Sequence[Followed]) -> Making:
    """How the run was made, from its run.json. `chains`: all but its controls."""
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
            *_inferred(chains),
        ),
        tuple(licences_of(info.recipes, info.plan.get("originals", ()))),
        run.imported,
    )


def _inferred(chains: Sequence[Followed]) -> list[tuple[str, str]]:
    """How many rounds were not generated; nothing where all were."""
    count, rounds = sum(chain.counts.inferred for chain in chains), sum(chain.rounds for chain in chains)
    if not count:
        return []
    words = f"{count} of {rounds} {plural(rounds, 'round')}: copies that say so, of chains that were proven to repeat themselves exactly"
    return [("Not generated", words)]


def _json(value: Any) -> str:
    return json.dumps(value, indent=2, ensure_ascii=False, default=str)
