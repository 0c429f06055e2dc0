"""The benchmark itself: one turn, which takes any set of chains one round further, whatever round each of them stands at.

`x_{t-1}` → K captions → the chosen one is the prompt → M pictures → the chosen one is `x_t`. The captioner is given pixels and seeds, the
generator a prompt and seeds, and neither anything else. All chains' candidates share batches of exactly `recipe.batch` rows.
"""

import math
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from itertools import chain as joined
from itertools import islice, pairwise
from typing import Any, Literal, Protocol, TypeVar

import numpy as np
from jaxtyping import Float

from imageloop.arms import Choice, pick, rule_named
from imageloop.errors import ModelError
from imageloop.records import Caption, ChainKey, Original, Pick, Picture, Pixels, Round, SeededCaption, StoredPicture, pixel_hash
from imageloop.roles import Captioner, Embedder, Generator
from imageloop.seeds import Stage, seed_of

Row = TypeVar("Row")
Clock = Callable[[], float]
Vector = Float[np.ndarray, " d"]
Turned = tuple[Round, tuple[Pixels, ...]]
"""A round, and the pixels of all its candidates in order."""


class Settings(Protocol):
    """What a turn takes from a plan."""

    @property
    def seed(self) -> int: ...
    @property
    def captions(self) -> int: ...
    @property
    def images(self) -> int: ...
    @property
    def pick_caption(self) -> str: ...
    @property
    def pick_image(self) -> str: ...


@dataclass(frozen=True, slots=True)
class ChainState:
    """Where a chain stands: `round` rounds are done and `pixels` is the last picture, None before round 1 when a text is the original."""

    key: ChainKey
    original: Original
    round: int
    pixels: Pixels | None
    anchor: Vector | None = None
    """The original's unit vector, from `anchors`; needed where a pick rule sees the original."""

    @property
    def starts_from_text(self) -> bool:
        """Whether the next caption is the original text itself."""
        return self.round == 0 and self.original.text is not None


def turn(
    states: Sequence[ChainState],
    captioner: Captioner,
    generator: Generator,
    embedder: Embedder | None,
    settings: Settings,
    *,
    clock: Clock = time.perf_counter,
) -> list[Turned]:
    """The next round of each chain, in order. Pictures are not stored yet: every `file` is None.

    `embedder` may be None where `needs_embedder(settings)` is False. Raises ModelError when a model breaks its contract.
    """
    times = [clock()]
    captions = _describe(states, captioner, settings)
    times.append(clock())
    texts = [[caption.text for caption in candidates] for candidates in captions]
    caption_picks = _choose(states, texts, settings, settings.pick_caption, "caption-pick", _embedding(embedder, "embed_texts"))
    times.append(clock())
    prompts = [candidates[pick.chosen] for candidates, pick in zip(texts, caption_picks, strict=True)]
    pictures, seeds = _draw(states, prompts, generator, settings)
    times.append(clock())
    pixels = [[picture.pixels for picture in candidates] for candidates in pictures]
    picture_picks = _choose(states, pixels, settings, settings.pick_image, "image-pick", _embedding(embedder, "embed_images"))
    times.append(clock())
    columns = (states, captions, caption_picks, prompts, pictures, seeds, picture_picks, _seconds(times, states))
    rounds = [_round(*row) for row in zip(*columns, strict=True)]
    return [(done, tuple(candidates)) for done, candidates in zip(rounds, pixels, strict=True)]


def needs_embedder(settings: Settings) -> bool:
    """Whether some pick of this plan compares vectors."""
    stages = ((settings.captions, settings.pick_caption), (settings.images, settings.pick_image))
    return any(count > 1 and rule_named(rule).embeds for count, rule in stages)


def anchors(originals: Sequence[Original], embedder: Embedder) -> dict[str, Vector]:
    """The unit vector of each original, by its id, for `ChainState.anchor`."""
    pictures = [original for original in originals if original.pixels is not None]
    texts = [original for original in originals if original.text is not None]
    batch = embedder.recipe.batch
    seen = in_batches(embedder.embed_images, batch, [original.pixels for original in pictures])
    read = in_batches(embedder.embed_texts, batch, [original.text for original in texts])
    return {original.id: vector for original, vector in zip([*pictures, *texts], [*seen, *read], strict=True)}


def in_batches(call: Callable[..., Iterable[Row]], batch: int, *columns: Sequence[Any]) -> list[Row]:
    """One result for each row of the columns, from calls of exactly `batch` rows each: the last row is repeated to fill the last call.

    Raises ModelError when a call answers with another number of rows.
    """
    rows = list(zip(*columns, strict=True))
    results: list[Row] = []
    for start in range(0, len(rows), batch):
        part = rows[start : start + batch]
        padded = part + part[-1:] * (batch - len(part))
        answer = list(call(*map(list, zip(*padded, strict=True))))
        if len(answer) != batch:
            raise ModelError(f"{getattr(call, '__qualname__', call)} was given {batch} rows and answered {len(answer)}; correct the model")
        results += answer[: len(part)]
    return results


def _describe(states: Sequence[ChainState], captioner: Captioner, settings: Settings) -> list[list[SeededCaption]]:
    looking = [state for state in states if not state.starts_from_text]
    seeds = [_seed(settings, state, "caption", k) for state in looking for k in range(settings.captions)]
    images = [_last(state) for state in looking for _ in range(settings.captions)]
    candidates = iter(zip(in_batches(captioner.caption, captioner.recipe.batch, images, seeds), seeds, strict=True))
    return [
        # No model wrote the original text, so it has no seed and counts no tokens.
        [SeededCaption(state.original.text or "", 0, None)]
        if state.starts_from_text
        else [_seeded(caption, seed, captioner) for caption, seed in islice(candidates, settings.captions)]
        for state in states
    ]


def _draw(
    states: Sequence[ChainState], prompts: Sequence[str], generator: Generator, settings: Settings
) -> tuple[list[list[Picture]], list[list[int]]]:
    seeds = [[_seed(settings, state, "image", m) for m in range(settings.images)] for state in states]
    rows = [prompt for prompt in prompts for _ in range(settings.images)]
    pictures = iter(in_batches(generator.generate, generator.recipe.batch, rows, list(joined.from_iterable(seeds))))
    return [list(islice(pictures, settings.images)) for _ in states], seeds


def _choose(
    states: Sequence[ChainState],
    candidates: Sequence[Sequence[Any]],
    settings: Settings,
    name: str,
    stage: Stage,
    embed: Callable[[Sequence[Any]], list[Vector]] | None,
) -> list[Pick]:
    rule = rule_named(name)
    several = [i for i, some in enumerate(candidates) if len(some) > 1] if rule.embeds else []
    if several and embed is None:
        raise ValueError(f"pick rule {name!r} needs an embedder")
    rows = iter(embed([row for i in several for row in candidates[i]]) if embed and several else [])
    vectors = {i: np.stack(list(islice(rows, len(candidates[i])))) for i in several}
    picks = []
    for i, state in enumerate(states):
        anchor = state.anchor if rule.sees_original else None
        picks.append(pick(name, Choice(len(candidates[i]), _seed(settings, state, stage, 0), vectors.get(i), anchor)))
    return picks


def _embedding(embedder: Embedder | None, kind: Literal["embed_images", "embed_texts"]) -> Callable[[Sequence[Any]], list[Vector]] | None:
    return partial(in_batches, getattr(embedder, kind), embedder.recipe.batch) if embedder else None


def _seed(settings: Settings, state: ChainState, stage: Stage, candidate: int) -> int:
    return seed_of(settings.seed, state.original.id, state.key.seed, state.round + 1, stage, candidate)


def _last(state: ChainState) -> Pixels:
    if state.pixels is None:
        raise ValueError(f"{state.key}: no picture to describe after round {state.round}")
    return state.pixels


def _seeded(caption: Caption, seed: int, captioner: Captioner) -> SeededCaption:
    for value in (caption.log_probability, caption.entropy):
        if value is not None and not math.isfinite(value):
            raise ModelError(f"{captioner.recipe.name}: gave a caption with a probability that is not finite; run it with dtype fp32")
    return SeededCaption(seed=seed, **asdict(caption))


def _round(
    state: ChainState,
    captions: Sequence[SeededCaption],
    caption_pick: Pick,
    prompt: str,
    pictures: Sequence[Picture],
    seeds: Sequence[int],
    picture_pick: Pick,
    seconds: Mapping[str, float],
) -> Round:
    return Round(
        round=state.round + 1,
        saw=None if state.starts_from_text else pixel_hash(_last(state)),
        captions=tuple(captions),
        caption_pick=caption_pick,
        prompt=prompt,
        prompt_tokens=dict(pictures[0].prompt_tokens),
        prompt_tokens_read=dict(pictures[0].prompt_tokens_read),
        pictures=tuple(StoredPicture(pixel_hash(p.pixels), seed, None, p.blanked) for p, seed in zip(pictures, seeds, strict=True)),
        picture_pick=picture_pick,
        seconds=seconds,
    )


def _seconds(times: Sequence[float], states: Sequence[ChainState]) -> list[dict[str, float]]:
    describe, pick_caption, draw, pick_image = (after - before for before, after in pairwise(times))
    looking = sum(not state.starts_from_text for state in states)
    shared = {"caption-pick": pick_caption / len(states), "image": draw / len(states), "image-pick": pick_image / len(states)}
    return [{"caption": 0.0 if state.starts_from_text else describe / looking, **shared} for state in states]
