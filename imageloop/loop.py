"""The benchmark itself: one turn, which takes any set of chains one round further, whatever round each of them stands at.

`x_{t-1}` → K captions → the chosen one is the prompt → M pictures → the chosen one is `x_t`. The captioner is given pixels and seeds, the
generator a prompt and seeds, and neither anything else. What an arm changes about a round is in its state's `act`. All chains'
candidates share batches of exactly `recipe.batch` rows.
"""

import math
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from functools import partial
from itertools import chain as joined
from itertools import islice, pairwise
from typing import Any, Literal, Protocol, TypeVar

import numpy as np
from jaxtyping import Float

from imageloop.arms import arm_of
from imageloop.errors import ModelError
from imageloop.moment import NOTHING, Act
from imageloop.picks import Choice, pick, rule_named
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
    @property
    def arms(self) -> Sequence[str]: ...
    @property
    def noise(self) -> str: ...


@dataclass(frozen=True, slots=True)
class ChainState:
    """Where a chain stands: `round` rounds are done and `pixels` is the last picture, None before round 1 when a text is the original."""

    key: ChainKey
    original: Original
    round: int
    pixels: Pixels | None
    anchor: Vector | None = None
    """The original's unit vector, from `anchors`; needed where a pick rule sees the original."""
    first_caption: str | None = None
    """`y_1`, once there is one."""
    act: Act = NOTHING
    """What the chain's arm does to the next round."""

    @property
    def given(self) -> str | None:
        """The next caption where no captioner is asked: the arm's, or the text the chain starts from."""
        if self.act.caption is not None:
            return self.act.caption
        return self.original.text if self.round == 0 and self.act.picture is None else None

    @property
    def shown(self) -> Pixels:
        """The picture the captioner is shown. Raises ValueError where there is none."""
        pixels = self.pixels if self.act.picture is None else self.act.picture
        if pixels is None:
            raise ValueError(f"{self.key}: no picture to describe after round {self.round}")
        return pixels


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
    rules = [state.act.pick_caption or settings.pick_caption for state in states]
    caption_picks = _choose(states, captions, settings, rules, "caption-pick", _embedding(embedder, "embed_texts"))
    times.append(clock())
    kept = [candidates[pick.chosen].text for candidates, pick in zip(captions, caption_picks, strict=True)]
    prompts = [state.act.prompt(text, generator.fits) if state.act.prompt else text for state, text in zip(states, kept, strict=True)]
    pictures, seeds = _draw(states, prompts, generator, settings)
    times.append(clock())
    pixels = [[picture.pixels for picture in candidates] for candidates in pictures]
    rules = [state.act.pick_image or settings.pick_image for state in states]
    picture_picks = _choose(states, pixels, settings, rules, "image-pick", _embedding(embedder, "embed_images"))
    times.append(clock())
    columns = (states, captions, caption_picks, prompts, pictures, seeds, picture_picks, _seconds(times, states))
    rounds = [_round(*row) for row in zip(*columns, strict=True)]
    return [(done, tuple(candidates)) for done, candidates in zip(rounds, pixels, strict=True)]


def needs_embedder(settings: Settings) -> bool:
    """Whether some pick of this plan, or of one of its arms, compares vectors."""
    stages = [(settings.captions, settings.pick_caption), (settings.images, settings.pick_image)]
    stages += [pick for arm in settings.arms for pick in arm_of(arm).picks]
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
    looking = [(state, k) for state in states if state.given is None for k in range(state.act.captions or settings.captions)]
    seeds = [_seed(settings, state, "caption", k) for state, k in looking]
    images = [state.shown for state, _ in looking]
    candidates = iter(zip(in_batches(captioner.caption, captioner.recipe.batch, images, seeds), seeds, strict=True))
    return [
        # No model wrote a given text, so it has no seed and counts no tokens.
        [SeededCaption(state.given, 0, None)]
        if state.given is not None
        else [_seeded(caption, seed, captioner) for caption, seed in islice(candidates, state.act.captions or settings.captions)]
        for state in states
    ]


def _draw(
    states: Sequence[ChainState], prompts: Sequence[str], generator: Generator, settings: Settings
) -> tuple[list[list[Picture]], list[list[int]]]:
    seeds = [[_seed(settings, state, "image", m) for m in range(state.act.images or settings.images)] for state in states]
    rows = [prompt for prompt, of_one in zip(prompts, seeds, strict=True) for _ in of_one]
    pictures = iter(in_batches(generator.generate, generator.recipe.batch, rows, list(joined.from_iterable(seeds))))
    return [list(islice(pictures, len(of_one))) for of_one in seeds], seeds


def _choose(
    states: Sequence[ChainState],
    candidates: Sequence[Sequence[Any]],
    settings: Settings,
    names: Sequence[str],
    stage: Stage,
    embed: Callable[[Sequence[Any]], list[Vector]] | None,
) -> list[Pick]:
    rules = [rule_named(name) for name in names]
    several = [i for i, some in enumerate(candidates) if len(some) > 1 and rules[i].embeds]
    if several and embed is None:
        raise ValueError(f"pick rule {names[several[0]]!r} needs an embedder")
    rows = iter(embed([_bare(row) for i in several for row in candidates[i]]) if embed and several else [])
    vectors = {i: np.stack(list(islice(rows, len(candidates[i])))) for i in several}
    picks = []
    for i, state in enumerate(states):
        anchor = state.anchor if rules[i].sees_original else None
        choice = Choice(len(candidates[i]), _seed(settings, state, stage, 0), vectors.get(i), anchor)
        picks.append(pick(names[i], replace(choice, **_said(candidates[i])) if rules[i].captions_only else choice))
    return picks


def _bare(candidate: SeededCaption | Pixels) -> str | Pixels:
    return candidate.text if isinstance(candidate, SeededCaption) else candidate


def _said(captions: Sequence[SeededCaption]) -> dict[str, Any]:
    probabilities = tuple(caption.log_probability for caption in captions)
    return {"log_probabilities": probabilities, "words": tuple(len(caption.text.split()) for caption in captions)}


def _embedding(embedder: Embedder | None, kind: Literal["embed_images", "embed_texts"]) -> Callable[[Sequence[Any]], list[Vector]] | None:
    return partial(in_batches, getattr(embedder, kind), embedder.recipe.batch) if embedder else None


def _seed(settings: Settings, state: ChainState, stage: Stage, candidate: int) -> int:
    number = 1 if settings.noise == "fixed" else state.round + 1
    return seed_of(settings.seed, state.original.id, state.key.seed, number, stage, candidate)


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
        saw=None if state.given is not None else pixel_hash(state.shown),
        captions=tuple(captions),
        caption_pick=caption_pick,
        prompt=prompt,
        prompt_tokens=dict(pictures[0].prompt_tokens),
        prompt_tokens_read=dict(pictures[0].prompt_tokens_read),
        pictures=tuple(
            StoredPicture(pixel_hash(p.pixels), seed, None, p.blanked, p.retries) for p, seed in zip(pictures, seeds, strict=True)
        ),
        picture_pick=picture_pick,
        acts=state.act.notes,
        seconds=seconds,
    )


def _seconds(times: Sequence[float], states: Sequence[ChainState]) -> list[dict[str, float]]:
    describe, pick_caption, draw, pick_image = (after - before for before, after in pairwise(times))
    looking = sum(state.given is None for state in states)
    shared = {"caption-pick": pick_caption / len(states), "image": draw / len(states), "image-pick": pick_image / len(states)}
    return [{"caption": describe / looking if state.given is None else 0.0, **shared} for state in states]
