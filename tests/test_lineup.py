"""Which models of a pair are loaded, where they lie and what their batch is, on models that note it."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from test_memory import Moved
from tiny_runs import plan_of

from imageloop import catalog
from imageloop.casting import Cast, Part
from imageloop.errors import ForeignRun
from imageloop.lineup import Lineup
from imageloop.models import memory
from imageloop.models.memory import Seating
from imageloop.originals import load_originals
from imageloop.plan import Plan
from imageloop.records import Recipe
from imageloop.writer import RunWriter

MODELS = {"captioners": ("blip-base", "blip-large"), "generators": ("sd15",), "embedder": "clip-b32"}
FIRST = Cast(Part("captioner", "blip-base"), Part("generator", "sd15"))
SECOND = Cast(Part("captioner", "blip-large"), Part("generator", "sd15"))
PICTURES = [np.zeros((8, 8, 3), np.uint8)] * 4
Made = Callable[..., Lineup]


@pytest.fixture
def log() -> list[str]:
    return []


@pytest.fixture
def made(tmp_path: Path, log: list[str]) -> Iterator[Made]:
    """A lineup of noting models in one run; `most` is the largest batch that fits, by name."""
    writers: list[RunWriter] = []

    def lineup(most: dict[str, int] | None = None, **changes: Any) -> Lineup:
        plan = plan_of(**{"models": {}, "pick_caption": "first", "pick_image": "first", **MODELS, **changes})
        if not writers:
            writers.append(RunWriter.open(tmp_path / "run", plan.model_dump(mode="json"), load_originals(plan.originals, 8)))

        def load(role: catalog.Role, spec: str, given: Plan) -> Moved:
            assert isinstance(given.batch, int)
            return Moved(spec, role, given.batch, (most or {}).get(spec, 64), log)

        return Lineup(plan, writers[-1], load, log.append, size=8, chains=12)

    yield lineup
    while writers:
        writers.pop().close()


def seats(monkeypatch: pytest.MonkeyPatch, *how: str) -> None:
    """What is decided for one pair after the other."""
    decisions = iter(how)
    monkeypatch.setattr(memory, "seating", lambda rows, **_: Seating(next(decisions), "cuda:0", "weighed"))  # type: ignore[arg-type]


def test_models_that_fit_together_are_loaded_once_and_never_moved(made: Made, log: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    seats(monkeypatch, "both", "both")
    lineup = made()
    for cast in (FIRST, FIRST, SECOND):
        if cast is SECOND or not log:
            lineup.keep([cast])
        captioner, generator = lineup.cast(cast)
        captioner.caption(PICTURES, [1, 2, 3, 4])
        generator.generate(["a"] * 4, [1, 2, 3, 4])
    assert [text for text in log if " to " in text] == []
    assert [text for text in log if text.startswith("loading")] == [
        "loading the captioner blip-base",
        "loading the generator sd15",
        "loading the captioner blip-large",
    ]
    assert lineup.chains_a_turn(4, 1) == 4


def test_models_that_do_not_fit_take_turns_and_room_is_made_before_one_is_loaded(
    made: Made, log: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    seats(monkeypatch, "swap", "swap")
    lineup = made()
    lineup.keep([FIRST])
    captioner, generator = lineup.cast(FIRST)
    captioner.caption(PICTURES, [1, 2, 3, 4])
    generator.generate(["a"] * 4, [1, 2, 3, 4])
    lineup.keep([SECOND])
    lineup.cast(SECOND)
    assert log == [
        *("weighed", "loading the captioner blip-base", "loading the generator sd15", "blip-base to cpu"),
        *("sd15 to cpu", "blip-base to cuda:0", "blip-base caption 4", "blip-base to cpu", "sd15 to cuda:0", "sd15 generate 4"),
        *("weighed", "loading the captioner blip-large", "sd15 to cpu"),
    ]


def test_where_the_next_pair_fits_what_lay_aside_comes_back(made: Made, log: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    seats(monkeypatch, "swap", "both", "swap")
    lineup = made()
    lineup.keep([FIRST])
    lineup.cast(FIRST)
    log.clear()
    lineup.keep([SECOND])
    assert log == ["sd15 to cuda:0", "weighed"]
    lineup.cast(SECOND)
    log.clear()
    lineup.keep([SECOND])
    assert sorted(log) == ["blip-large to cpu", "sd15 to cpu", "weighed"]


def test_a_model_that_changed_on_disk_between_two_pairs_is_refused(made: Made, monkeypatch: pytest.MonkeyPatch) -> None:
    lineup = made(device="cpu")
    for cast in (FIRST, SECOND):
        lineup.keep([cast])
        lineup.cast(cast)
    lineup.keep([FIRST])
    monkeypatch.setattr(Moved, "recipe", property(lambda self: Recipe(self.role, self.name, "x", "x", "2", "fp32", "cpu", self.batch)))
    with pytest.raises(ForeignRun, match=r"captioner blip-base was another there: .*revision was .1., is .2."):
        lineup.cast(FIRST)


def test_a_turn_between_swaps_takes_many_chains(made: Made, monkeypatch: pytest.MonkeyPatch) -> None:
    seats(monkeypatch, "swap")
    lineup = made()
    lineup.keep([FIRST])
    assert lineup.chains_a_turn(4, 2) == memory.chains_a_turn(4, 3 * 8 * 8, 2) > 4


def test_the_embedder_never_moves(made: Made, log: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    seats(monkeypatch, "swap")
    lineup = made(pick_image="closest")
    lineup.keep([FIRST])
    lineup.embedder()
    lineup.cast(FIRST)
    assert "loading the embedder clip-b32" in log
    assert [text for text in log if "clip-b32 to" in text] == []
    assert made().embedder() is None


def test_an_automatic_batch_is_found_when_both_models_are_loaded_and_recorded(made: Made, log: list[str]) -> None:
    lineup = made({"blip-base": 9, "sd15": 3}, batch="auto")
    lineup.keep([FIRST])
    captioner, generator = lineup.cast(FIRST)
    assert (captioner.recipe.batch, generator.recipe.batch) == (8, 2)
    assert log[:2] == ["loading the captioner blip-base", "loading the generator sd15"]
    assert [text for text in log if "takes" in text] == ["blip-base: takes batches of 8", "sd15: takes batches of 2"]


def test_a_run_goes_on_with_the_batch_it_found_whatever_fits_now(made: Made, log: list[str]) -> None:
    first = made({"blip-base": 9, "sd15": 3}, batch="auto")
    first.keep([FIRST])
    first.cast(FIRST)
    log.clear()
    again = made({}, batch="auto")
    again.keep([FIRST])
    assert [model.recipe.batch for model in again.cast(FIRST)] == [8, 2]
    assert log == ["loading the captioner blip-base", "loading the generator sd15"]


def test_another_batch_than_the_recorded_one_is_another_recipe(made: Made) -> None:
    first = made({"blip-base": 9, "sd15": 3}, batch="auto")
    first.keep([FIRST])
    first.cast(FIRST)
    other = made(batch=4)
    other.keep([FIRST])
    with pytest.raises(ForeignRun, match="batch was 8, is 4"):
        other.cast(FIRST)


def test_models_in_turns_find_their_batch_on_the_device(made: Made, log: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    seats(monkeypatch, "swap")
    lineup = made({"blip-base": 4, "sd15": 16}, batch="auto")
    lineup.keep([FIRST])
    lineup.cast(FIRST)
    tried = [text for text in log if not text.startswith(("loading", "weighed"))]
    assert tried == [
        *("blip-base to cpu", "sd15 to cpu", "blip-base to cuda:0", "blip-base caption 16", "blip-base caption 8", "blip-base caption 4"),
        *("blip-base: takes batches of 4", "blip-base to cpu", "sd15 to cuda:0", "sd15 generate 16", "sd15: takes batches of 16"),
    ]
