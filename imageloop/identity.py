"""What makes two plans or two recipes the same experiment, and what differs when they are not."""

import hashlib
from collections.abc import Mapping, Sequence
from types import SimpleNamespace
from typing import Any

from imageloop.loop import needs_embedder
from imageloop.records import canonical

GROWS = ("rounds", "seeds", "originals")
"""Fields of a plan that may grow: every chain that is there already stays as it is."""
OUTPUT = ("name", "keep", "keep_candidates")
"""Fields of a plan that say where results go and which pictures stay, and change none."""
FOUND = ("device", "dtype")
"""Fields whose `auto` stands for what a machine has; the recipes hold what was found, and are compared before any new round."""


def plan_changes(old: Mapping[str, Any], new: Mapping[str, Any]) -> list[str]:
    """How a plan differs from the one that made a run, a text for each field; empty when the run can go on."""
    return [
        text
        for field in _fields(old, new)
        if (text := _change(field, old, new)) and not (field in FOUND and "auto" in (old.get(field), new.get(field)))
    ]


def changes(old: Mapping[str, Any], new: Mapping[str, Any]) -> list[str]:
    """How two records of JSON values differ, a text for each field; nested fields are named `a.b`."""
    before, after = _flat(old), _flat(new)
    return [text for field in {**before, **after} if (text := _change(field, before, after))]


def listed(texts: Sequence[str], most: int = 4) -> str:
    """The first few changes in one line."""
    more = f" and {len(texts) - most} more" if len(texts) > most else ""
    return "; ".join(texts[:most]) + more


def grown(old: Mapping[str, Any], new: Mapping[str, Any]) -> dict[str, Any]:
    """The new plan, with at least the rounds, seeds and originals of the old one."""
    originals = [*old["originals"], *(spec for spec in new["originals"] if spec not in old["originals"])]
    return {
        **new,
        "rounds": max(old["rounds"], new["rounds"]),
        "seeds": max(old["seeds"], new["seeds"]),
        "originals": originals,
    }


def run_hash(plan: Mapping[str, Any], recipes: Mapping[str, Any]) -> str:
    """16 hex digits of the SHA-256 over the recipes and all of the plan that changes results."""
    fields = {field: plan[field] for field in _fields(plan, plan)}
    return hashlib.sha256(canonical({"plan": fields, "recipes": recipes}).encode()).hexdigest()[:16]


def _fields(old: Mapping[str, Any], new: Mapping[str, Any]) -> list[str]:
    settings: list[Any] = [SimpleNamespace(**plan) for plan in (old, new)]
    unused = () if any(map(needs_embedder, settings)) else ("embedder",)
    return [field for field in {**old, **new} if field not in (*GROWS, *OUTPUT, *unused)]


def _change(field: str, old: Mapping[str, Any], new: Mapping[str, Any]) -> str | None:
    if field in old and field in new and canonical(old[field]) == canonical(new[field]):
        return None
    return f"{field} was {_shown(old, field)}, is {_shown(new, field)}"


def _shown(record: Mapping[str, Any], field: str) -> str:
    text = canonical(record[field]) if field in record else "not there"
    return text if len(text) <= 60 else f"{text[:59]}…"


def _flat(record: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for key, value in record.items():
        flat |= _flat(value, f"{prefix}{key}.") if isinstance(value, Mapping) else {f"{prefix}{key}": value}
    return flat
