"""The models that a plan asks for by name: loaded with its device, dtype, batch and recipe changes, or only told from one another."""

from collections.abc import Mapping
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from imageloop import catalog
from imageloop.models.budget import Budget
from imageloop.plan import Plan


def load_model(role: catalog.Role, spec: str, plan: Plan, *, budget: Budget | None = None) -> Any:
    """The model of the catalog or of a hub, as the plan wants it. Raises ModelError or DeviceError.

    `budget` is what the served models of a run may send together; without one, each may send what the plan says.
    """
    from imageloop import models

    row, asked = _asked(role, spec, plan)
    if row.family in catalog.SERVED:
        asked["overrides"]["max_requests"] = budget or Budget(plan.max_requests)
    loaders: Mapping[str, Any] = {
        "captioner": models.load_captioner,
        "generator": models.load_generator,
        "embedder": models.load_embedder,
        "text-embedder": models.load_text_embedder,
    }
    return loaders[role](row, **asked)


def request(role: catalog.Role, spec: str, plan: Plan) -> dict[str, Any]:
    """All that decides which model `load_model` gives, as JSON values, found without loading one.

    Weights in a folder are told by their fingerprint. A model of the hub without a revision is told by its name alone: it stands for the
    commit it had when it was last loaded, and `auto` for the device that was then found.
    """
    from imageloop.models import folders

    row, asked = _asked(role, spec, plan)
    folder = folders.folder_of(row) if row.local else folders.packaged_folder(row)
    weights = folders.fingerprint(folder) if folder else ""
    return {**asdict(replace(row, target=Path(row.target).name) if row.local else row), "weights": weights, **asked}


def _asked(role: catalog.Role, spec: str, plan: Plan) -> tuple[catalog.Row, dict[str, Any]]:
    """The row of a model, and the arguments it is loaded with."""
    from imageloop.models import memory

    row = catalog.find(role, spec)
    machine = memory.settings_of_machine(row, offload=plan.offload, quantize=plan.quantize, compile=plan.compile)
    overrides = {**({"size": plan.size} if plan.size and role == "generator" else {}), **machine, **plan.models.get(spec, {})}
    batch = memory.USUAL_BATCH if plan.batch == "auto" else plan.batch
    measures = role in ("embedder", "text-embedder")
    return row, {"device": plan.device, "dtype": "auto" if measures else plan.dtype, "batch": batch, "overrides": overrides}
