"""The training loop of the built-in models: a training that was stopped goes on as if it had not been."""

import json
from itertools import pairwise
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from imageloop.stickers.training.fitting import LossOfStep, Schedule, averaged, fit, generators

SCHEDULE = Schedule(steps=12, learning_rate=0.1, warmup=3, decay=0.5, averaging=0.9)


def line() -> nn.Linear:
    torch.manual_seed(0)
    return nn.Linear(3, 1)


def loss_for(model: nn.Linear, stop_at: int | None = None) -> LossOfStep:
    def loss_of(step: int) -> dict[str, Tensor]:
        if step == stop_at:
            raise KeyboardInterrupt
        inputs = torch.randn((8, 3), generator=generators(1, step)[1])
        return {"error": (model(inputs) - inputs.sum(1, keepdim=True)).square().mean()}

    return loss_of


def test_a_stopped_training_goes_on_to_the_same_weights(tmp_path: Path) -> None:
    whole, stopped, resumed = line(), line(), line()
    fit(whole, loss_for(whole), SCHEDULE, tmp_path / "whole", save_every=0)
    with pytest.raises(KeyboardInterrupt):
        fit(stopped, loss_for(stopped, stop_at=7), SCHEDULE, tmp_path / "parts", save_every=0)
    fit(resumed, loss_for(resumed), SCHEDULE, tmp_path / "parts", save_every=0)
    assert all(torch.equal(a, b) for a, b in zip(whole.parameters(), resumed.parameters(), strict=True))
    assert torch.equal(averaged(line(), tmp_path / "parts").weight, whole.weight)


def test_a_training_learns_and_logs_its_validation(tmp_path: Path) -> None:
    model = line()
    before = loss_for(model)(0)["error"].item()
    fit(model, loss_for(model), Schedule(steps=100, learning_rate=0.1, warmup=3), tmp_path, lambda trained: {"bias": trained.bias.item()})
    assert loss_for(model)(0)["error"].item() < before / 10
    rows = [json.loads(row) for row in (tmp_path / "log.jsonl").read_text().splitlines()]
    assert [row["step"] for row in rows] == [50, 100, 100]
    assert set(rows[-1]["validation"]) == {"bias"}


def test_the_rate_rises_stays_and_falls_to_nothing() -> None:
    rates = [SCHEDULE.rate(step) for step in range(13)]
    assert rates[:3] == pytest.approx([0.1 / 3, 0.2 / 3, 0.1])
    assert rates[3:7] == pytest.approx([0.1] * 4)
    assert rates[12] == 0
    assert all(a > b for a, b in pairwise(rates[6:]))
