"""Tiny runs of the analytic pair, and everything they leave on disk in a form that can be compared."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from imageloop import catalog
from imageloop.loop import ChainState, turn
from imageloop.models import analytic
from imageloop.plan import Plan
from imageloop.records import ChainKey, Original, Pixels, Recipe, Round
from imageloop.store import RunFolder
from imageloop.writer import RunWriter

STATES = 6
WORLD = {
    "prior": [1 / STATES] * STATES,
    "likelihood": [[0.5 if i == j else 0.5 / (STATES - 1) for j in range(STATES)] for i in range(STATES)],
}
"""Six hypotheses, so that two chains agree by chance seldom."""
TEXTS = ("text:a surfer under a palm tree", "text:a moai at night", "text:two red flowers")


def plan_of(**changes: Any) -> Plan:
    fields: dict[str, Any] = {
        "originals": TEXTS[:2],
        "captioners": ("analytic",),
        "generators": ("analytic",),
        "embedder": "analytic",
        "rounds": 3,
        "seeds": 1,
        "captions": 2,
        "images": 2,
        "pick_caption": "closest",
        "pick_image": "random",
        "batch": 4,
        "size": 8,
        "models": {"analytic": WORLD},
        "controls": "none",
        "watch": False,
    }
    return Plan(**{**fields, **changes})


def model(role: catalog.Role, batch: int = 4, **settings: Any) -> Any:
    row = catalog.find(role, "analytic")
    load = {"captioner": analytic.load_captioner, "generator": analytic.load_generator, "embedder": analytic.load_embedder}[role]
    return load(row, batch=batch, overrides={**WORLD, **settings})


def noise(seed: int, size: int = 8) -> Pixels:
    return np.random.default_rng(seed).integers(0, 256, (size, size, 3), dtype=np.uint8)


def picture(name: str, seed: int) -> Original:
    return Original(name, pixels=noise(seed))


def key_of(original: Original, seed: int = 0) -> ChainKey:
    return ChainKey("analytic", "analytic", original.id, seed)


def save(file: Path, seed: int) -> str:
    Image.fromarray(noise(seed)).save(file)
    return str(file)


def contents(folder: Path) -> dict[str, Any]:
    """Every file of a run by its path; without the times, which no two runs share."""
    files: dict[str, Any] = {}
    for file in sorted(path for path in folder.rglob("*") if path.is_file() and path.name != ".lock"):
        name = str(file.relative_to(folder))
        if file.name == "rounds.jsonl":
            files[name] = [{**json.loads(line), "seconds": None} for line in file.read_text().splitlines()]
        elif file.name == "run.json":
            files[name] = {**json.loads(file.read_text()), "created": None}
        else:
            files[name] = file.read_bytes()
    return files


def chains(run: RunFolder) -> dict[str, Any]:
    return {name: content for name, content in contents(run.path).items() if name.startswith("chains")}


@dataclass
class Spy:
    """A model that notes everything it is given."""

    model: Any
    calls: list[tuple[str, tuple[list[Any], ...]]] = field(default_factory=list)

    @property
    def recipe(self) -> Recipe:
        recipe: Recipe = self.model.recipe
        return recipe

    def _noted(self, name: str, *columns: Sequence[Any]) -> Any:
        self.calls.append((name, tuple(list(column) for column in columns)))
        return getattr(self.model, name)(*columns)

    def caption(self, images: Sequence[Pixels], seeds: Sequence[int]) -> Any:
        return self._noted("caption", images, seeds)

    def generate(self, prompts: Sequence[str], seeds: Sequence[int]) -> Any:
        return self._noted("generate", prompts, seeds)

    def fits(self, prompt: str) -> bool:
        fits: bool = self.model.fits(prompt)
        return fits

    def embed_images(self, images: Sequence[Pixels]) -> Any:
        return self._noted("embed_images", images)

    def embed_texts(self, texts: Sequence[str]) -> Any:
        return self._noted("embed_texts", texts)

    def truncated(self, texts: Sequence[str]) -> Any:
        return self.model.truncated(texts)


SEEN = picture("seen-00000001", 1)
SAID = Original("said-00000002", text="a surfer\r\nunder a palm — 棕榈\n")
CAPTIONER, GENERATOR, EMBEDDER = model("captioner"), model("generator"), model("embedder")


def opened(folder: Path, held: tuple[Original, ...] = (SEEN, SAID), /, **changes: Any) -> RunWriter:
    return RunWriter.open(folder, plan_of(**changes).model_dump(mode="json"), held)


def go_on(writer: RunWriter, original: Original, rounds: int, seed: int = 0, first: int | None = None) -> None:
    """Appends rounds to a chain, as the runner does."""
    plan = plan_of(pick_caption="random", images=3)
    stand = writer.resume(key_of(original, seed))
    state = ChainState(key_of(original, seed), original, stand.rounds, stand.pixels if stand.rounds else original.pixels)
    for _ in range(rounds):
        [(done_round, pictures)] = turn([state], CAPTIONER, GENERATOR, None, plan)
        writer.append(state.key, done_round, pictures, GENERATOR.recipe.hash)
        state = replace(state, round=done_round.round, pixels=pictures[done_round.picture_pick.chosen])


def stand(folder: Path, original: Original = SEEN) -> tuple[int, list[str]]:
    """Where a chain stands when the run is opened again, and what is told."""
    with opened(folder) as writer:
        writer.told()
        return writer.resume(key_of(original))[0], writer.told()


def made(folder: Path, rounds: int = 3, /, **changes: Any) -> RunFolder:
    with opened(folder, **changes) as writer:
        go_on(writer, SEEN, rounds)
    return RunFolder.open(folder)


def contents_raw(folder: Path) -> dict[str, bytes]:
    return {str(file): file.read_bytes() for file in folder.rglob("*") if file.is_file()}


@dataclass
class Heard:
    """Progress that is noted."""

    started: list[tuple[str, int, int, int]] = field(default_factory=list)
    turns: list[list[int]] = field(default_factory=list)
    messages: list[str] = field(default_factory=list)
    dropped: list[int] = field(default_factory=list)

    def pair_started(self, pair: str, chains: int, done: int, total: int) -> None:
        self.started.append((pair, chains, done, total))

    def turn_done(self, pair: str, rounds: Sequence[Round], seconds: float) -> None:
        self.turns.append([done.round for done in rounds])

    def rounds_dropped(self, pair: str, rounds: int) -> None:
        self.dropped.append(rounds)

    def message(self, text: str) -> None:
        self.messages.append(text)
