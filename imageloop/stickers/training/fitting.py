"""The one training loop of all built-in models: restartable, logged, with averaged weights."""

import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import torch
from torch import Tensor, nn

Network = TypeVar("Network", bound=nn.Module)
LossOfStep = Callable[[int], dict[str, Tensor]]


@dataclass(frozen=True, slots=True)
class Schedule:
    """How long and how fast: the learning rate rises over `warmup` steps, stays, and falls to zero over the last `decay` share."""

    steps: int
    learning_rate: float
    warmup: int = 200
    decay: float = 0.3
    averaging: float = 0.999
    weight_decay: float = 0.01

    def rate(self, step: int) -> float:
        start = self.steps * (1 - self.decay)
        falling = 1.0 if step < start else (self.steps - step) / (self.steps - start)
        return self.learning_rate * min(1.0, (step + 1) / self.warmup) * max(0.0, falling)


def generators(seed: int, step: int) -> tuple[np.random.Generator, torch.Generator]:
    """Fresh sources of randomness for a step, so that a resumed training sees what an uninterrupted one would."""
    return np.random.default_rng([seed, step]), torch.Generator().manual_seed(seed * 1_000_003 + step)


def fit(
    model: nn.Module,
    loss_of: LossOfStep,
    schedule: Schedule,
    folder: Path,
    validate: Callable[[Any], dict[str, float]] | None = None,
    save_every: float = 120.0,
) -> None:
    """Train `model` to the end of its schedule; its weights are the averaged ones then.

    `loss_of(step)` gives named scalar losses whose sum is minimised. Continues from `folder/checkpoint.pt` when there is one; writes
    `folder/log.jsonl`, a line every 50 steps and one after each validation (at every save).
    """
    folder.mkdir(parents=True, exist_ok=True)
    optimiser = torch.optim.AdamW(model.parameters(), lr=1.0, betas=(0.9, 0.98), weight_decay=schedule.weight_decay, fused=True)
    average = {name: value.detach().clone() for name, value in model.state_dict().items()}
    step, seconds = _resume(folder, model, optimiser, average)
    last_save, started, shown = time.monotonic(), time.monotonic() - seconds, []
    while step < schedule.steps:
        for group in optimiser.param_groups:
            group["lr"] = schedule.rate(step)
        losses = loss_of(step)
        torch.autograd.backward(torch.stack(list(losses.values())).sum())
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimiser.step()
        optimiser.zero_grad(set_to_none=True)
        step += 1
        _blend(average, model, min(schedule.averaging, step / (step + 20)))
        shown.append({name: float(value.detach()) for name, value in losses.items()})
        if step % 50 == 0:
            means = {name: round(float(np.mean([row[name] for row in shown])), 5) for name in shown[0]}
            _log(folder, {"step": step, "seconds": round(time.monotonic() - started), **means})
            shown = []
        if time.monotonic() - last_save > save_every or step == schedule.steps:
            _save(folder, model, optimiser, average, step, time.monotonic() - started)
            if validate:
                _log(folder, {"step": step, "validation": _validated(model, average, validate)})
            last_save = time.monotonic()
    model.load_state_dict(average)


def averaged(model: Network, folder: Path) -> Network:
    """`model` with the averaged weights of a training's last checkpoint."""
    model.load_state_dict(torch.load(folder / "checkpoint.pt", map_location="cpu", weights_only=True)["average"])
    return model.eval()


def _blend(average: dict[str, Tensor], model: nn.Module, keep: float) -> None:
    with torch.no_grad():
        for name, value in model.state_dict().items():
            if value.is_floating_point():
                average[name].lerp_(value, 1 - keep)
            else:
                average[name].copy_(value)


def _validated(model: nn.Module, average: dict[str, Tensor], validate: Callable[[nn.Module], dict[str, float]]) -> dict[str, float]:
    kept = {name: value.clone() for name, value in model.state_dict().items()}
    model.load_state_dict(average)
    model.eval()
    with torch.no_grad():
        result = validate(model)
    model.train()
    model.load_state_dict(kept)
    return {name: round(value, 4) for name, value in result.items()}


def _save(folder: Path, model: nn.Module, optimiser: torch.optim.Optimizer, average: dict[str, Tensor], step: int, seconds: float) -> None:
    state = {"model": model.state_dict(), "optimiser": optimiser.state_dict(), "average": average, "step": step, "seconds": seconds}
    torch.save(state, folder / "checkpoint.new")
    (folder / "checkpoint.new").replace(folder / "checkpoint.pt")


def _resume(folder: Path, model: nn.Module, optimiser: torch.optim.Optimizer, average: dict[str, Tensor]) -> tuple[int, float]:
    if not (folder / "checkpoint.pt").exists():
        return 0, 0.0
    state: dict[str, Any] = torch.load(folder / "checkpoint.pt", map_location="cpu", weights_only=True)
    model.load_state_dict(state["model"])
    optimiser.load_state_dict(state["optimiser"])
    for name, value in state["average"].items():
        average[name].copy_(value)
    return int(state["step"]), float(state["seconds"])


def _log(folder: Path, row: dict[str, Any]) -> None:
    with (folder / "log.jsonl").open("a") as file:
        file.write(json.dumps(row) + "\n")
