"""The same noise in every round, on a real pipeline with random weights: what is inferred is what would have been generated."""

from pathlib import Path

import numpy as np
import pytest
from conftest import Saver
from test_rounds import plan_of, told

from imageloop.runner import carry_out
from imageloop.store import RunFolder

pytestmark = pytest.mark.architectures


def pixels(run: RunFolder) -> list[np.ndarray]:
    return [run.picture(key, turn.picture) for key in run.keys() for turn in run.rounds(key)]  # noqa: SIM118


def test_what_is_inferred_is_what_would_have_been_generated(checkpoint: Saver, tmp_path: Path) -> None:
    pair = ("git", "sana-sprint")
    plan = plan_of(checkpoint("captioner", pair[0]), checkpoint("generator", pair[1]), pair)
    plan = plan.model_copy(update={"noise": "fixed", "rounds": 8, "embedder": "analytic"})
    quick = carry_out(plan, tmp_path / "quick")
    whole = carry_out(plan.model_copy(update={"watch": False}), tmp_path / "whole")
    assert told(quick) == told(whole)
    assert all(np.array_equal(one, two) for one, two in zip(pixels(quick), pixels(whole), strict=True))
    assert sum(turn.inferred for key in quick.keys() for turn in quick.rounds(key)) > 0  # noqa: SIM118
    assert not any(turn.inferred for key in whole.keys() for turn in whole.rounds(key))  # noqa: SIM118
