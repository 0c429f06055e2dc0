"""The models of the pair that is running: loaded when first needed, on the device together or in turns, each with its batch."""

from collections.abc import Callable, Iterable
from typing import Any

from imageloop import catalog, watch
from imageloop.casting import Cast, Part
from imageloop.identity import embedder_decides
from imageloop.loop import needs_embedder
from imageloop.models import memory
from imageloop.plan import Plan
from imageloop.roles import Captioner, Embedder, Generator
from imageloop.writer import RunWriter

Loader = Callable[[catalog.Role, str, Plan], Any]
"""Gives the captioner, generator or embedder that a plan names."""


class Lineup:
    """The models of one pair, and no others: the next pair shares some of them, which stay."""

    def __init__(self, plan: Plan, writer: RunWriter, load: Loader, tell: Callable[[str], object], *, size: int, chains: int) -> None:
        """`size` is the side of the run's pictures in pixels, `chains` how many chains a pair has; `tell` takes lines for people."""
        self._plan, self._writer, self._load, self._tell, self._size, self._chains = plan, writer, load, tell, size, chains
        self._loaded: dict[Part, Any] = {}
        self._ready: set[Part] = set()
        self._seat: memory.Seat | None = None

    def keep(self, casts: Iterable[Cast]) -> None:
        """Let go of all models that none of these casts has, and decide whether those that they have fit the device together."""
        parts = sorted({part for cast in casts for part in cast})
        held = {*parts, self._embedder}
        self._loaded = {part: model for part, model in self._loaded.items() if part in held}
        self._ready &= self._loaded.keys()
        embeds = needs_embedder(self._plan) or (self._plan.watch and watch.embeds(self._plan.rules))
        wanted = [*parts, *([self._embedder] if embeds else [])]
        self._sit([catalog.find(part.role, part.spec) for part in wanted])

    def cast(self, cast: Cast) -> tuple[Captioner, Generator]:
        """The two models, loaded now if they are not."""
        for part in cast:
            self._bring(part)
        for part in cast:
            self._make_ready(part)
        captioner, generator = (self._seat.take(self._loaded[part]) if self._seat else self._loaded[part] for part in cast)
        return captioner, generator

    def embedder(self) -> Embedder | None:
        """The embedder, where some pick needs it."""
        return self.watching() if needs_embedder(self._plan) else None

    def watching(self) -> Embedder:
        """The embedder, for the monitor too."""
        self._bring(self._embedder)
        self._make_ready(self._embedder)
        model: Embedder = self._loaded[self._embedder]
        return model

    def chains_a_turn(self, fewest: int, images: int) -> int:
        """How many chains a turn takes, `fewest` being what fills whole batches: where models take turns, as many as it may hold."""
        return memory.chains_a_turn(fewest, 3 * self._size**2, images) if self._seat else fewest

    @property
    def _embedder(self) -> Part:
        return Part("embedder", self._plan.embedder)

    def _sit(self, rows: list[catalog.Row]) -> None:
        plan = self._plan
        seating = memory.seating(rows, device=plan.device, dtype=plan.dtype, offload=plan.offload, quantize=plan.quantize)
        movable = [model for part, model in self._loaded.items() if part.role != "embedder"]
        if seating.how == "swap" and self._seat:
            self._seat.keep(movable)
        elif seating.how == "swap" or self._seat:
            for model in movable:
                memory.move(model, "cpu" if seating.how == "swap" else seating.device)
            self._seat = memory.Seat(seating.device) if seating.how == "swap" else None
        if seating.message:
            self._tell(seating.message)

    def _bring(self, part: Part) -> None:
        """Load a model that is not loaded."""
        if part in self._loaded:
            return
        self._tell(f"loading the {part.role} {part}")
        plan = part.plan(self._plan)
        if plan.batch == "auto":
            recorded = self._recorded_batch(part)
            plan = plan.model_copy(update={"batch": memory.USUAL_BATCH if recorded is None else recorded})
        if self._seat and part.role != "embedder":
            self._seat.make_room()
        self._loaded[part] = self._load(part.role, part.spec, plan)
        if self._seat and part.role != "embedder":
            self._seat.hold(self._loaded[part])

    def _make_ready(self, part: Part) -> None:
        """Find the batch of a model that is to find it, once all others are loaded, and note its recipe."""
        if part in self._ready:
            return
        if self._plan.batch == "auto" and part.role != "embedder" and self._recorded_batch(part) is None:
            self._fit(part)
        if part.role != "embedder" or embedder_decides(self._plan):
            self._writer.use(self._loaded[part].recipe, part.label)
        self._ready.add(part)

    def _fit(self, part: Part) -> None:
        sits = self._seat if hasattr(self._loaded[part], "to") else None
        if sits:
            sits.give(self._loaded[part])
        rows = self._chains * (self._plan.captions if part.role == "captioner" else self._plan.images)
        model = memory.fitted(self._loaded[part], self._size, rows)
        if sits:
            sits.hold(model)
        self._loaded[part] = model
        self._tell(f"{part}: takes batches of {model.recipe.batch}")

    def _recorded_batch(self, part: Part) -> int | None:
        """The batch that the run has the model by already."""
        recorded = self._writer.run.info.recipes.get(f"{part.role}/{part.label}")
        return None if recorded is None else int(recorded["batch"])
