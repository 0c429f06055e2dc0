"""What makes two plans or two recipes the same experiment, and what differs when they are not."""

import hashlib
from collections.abc import Mapping, Sequence
from types import SimpleNamespace
from typing import Any

from imageloop.loop import needs_embedder
from imageloop.records import canonical
from imageloop.watch import acting, embeds

GROWS = ("rounds", "seeds", "originals", "arms")
"""Fields of a plan that may grow: every chain that is there already stays as it is."""
OUTPUT = ("name", "keep", "keep_candidates", "controls", "max_requests")
"""Fields of a plan that say what is made beside its chains, where results go, which pictures stay and what it may cost."""
FOUND = ("device", "dtype", "batch")
"""Fields whose `auto` stands for what a machine has; the recipes hold what was found, and are compared before any new round."""

REACH = ("parallel", "timeout", "tries", "key_variable")
"""Settings of a served model that say how its server is reached, and change no output."""


def plan_changes(old: Mapping[str, Any], new: Mapping[str, Any]) -> list[str]:
    """How a plan differs from the one that made a run, a text for each field; empty when the run can go on."""
    old, new = _reduced(old), _reduced(new)
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
    """The new plan, with at least the rounds, seeds, originals and arms of the old one."""
    both = {field: [*old[field], *(text for text in new[field] if text not in old[field])] for field in ("originals", "arms")}
    return {
        **new,
        "rounds": max(old["rounds"], new["rounds"]),
        "seeds": max(old["seeds"], new["seeds"]),
        **both,
    }


def run_hash(plan: Mapping[str, Any], recipes: Mapping[str, Any]) -> str:
    """16 hex digits of the SHA-256 over the recipes and all of the plan that changes results."""
    plan = _reduced(plan)
    fields = {field: plan[field] for field in _fields(plan, plan)}
    return hashlib.sha256(canonical({"plan": fields, "recipes": recipes}).encode()).hexdigest()[:16]


def _reduced(plan: Mapping[str, Any]) -> dict[str, Any]:
    """The plan without what changes no chain, and without what was not there in plans of an earlier version, where it is the default."""
    rules = acting(plan.get("rules", {})) if plan.get("watch", True) else {}
    without = {key: value for key, value in plan.items() if key not in ("rules", "watch") and (key, value) != ("noise", "new")}
    return {**_without_reach(without), **({"rules": rules} if rules else {})}


def _without_reach(plan: Mapping[str, Any]) -> dict[str, Any]:
    models = {name: {key: value for key, value in own.items() if key not in REACH} for name, own in plan.get("models", {}).items()}
    return {**plan, **({"models": {name: own for name, own in models.items() if own}} if models else {})}


def embedder_decides(plan: Any) -> bool:
    """Whether what a plan's embedder makes of pictures and texts changes chains: a pick compares vectors, or a rule that acts does."""
    return needs_embedder(plan) or (getattr(plan, "watch", True) and embeds(acting(getattr(plan, "rules", {}))))


def _fields(old: Mapping[str, Any], new: Mapping[str, Any]) -> list[str]:
    settings = [SimpleNamespace(**plan) for plan in (old, new)]
    unused = () if any(map(embedder_decides, settings)) else ("embedder",)
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
