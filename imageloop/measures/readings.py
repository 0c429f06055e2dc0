"""The facts of a run of the sticker world: the scenes its chains start from, and its pictures as a judge reads them, each read once.

`cache/judge-<fingerprint>/<n>.npz` lies beside the embeddings, in the same form: `keys` are pixel hashes, `vectors` labels (`facts.py`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import numpy as np
from jaxtyping import Bool, Float

from imageloop.errors import OriginalError, RunError
from imageloop.loop import in_batches
from imageloop.measures.concepts import WORDS, WORLD, ChainConcepts, Vocabulary, concepts_of
from imageloop.measures.embeddings import PART, Cache
from imageloop.measures.facts import LABELS, NOTHING, PLACES, ChainFacts, facts_of, facts_read, facts_said
from imageloop.originals import STICKERS, scene_picture, scenes_named
from imageloop.records import ChainKey, Pixels, Round, pixel_hash
from imageloop.stickers.scenes import BACKGROUNDS, CONCEPTS, SIZE, STYLES, TINTS, Scene

if TYPE_CHECKING:
    from imageloop.store import RunFolder

BATCH = 64
"""Pictures the judge is given at once, always: its results do not depend on how many there are."""
BUILT_IN = "sticker-"
"""How the names of the generators begin that draw in the sticker world."""


class Reading(Protocol):
    """What a judge sees in one picture; `imageloop.stickers.judge.Reading` is one."""

    @property
    def objects(self) -> Mapping[str, str]: ...
    @property
    def background(self) -> str: ...
    @property
    def style(self) -> str: ...
    @property
    def tint(self) -> str: ...


class Judge(Protocol):
    """Reads facts from pictures of the sticker world; `imageloop.stickers.judge.Judge` is one."""

    @property
    def fingerprint(self) -> str:
        """Changes with the weights; letters and digits."""
        ...

    def read(self, images: np.ndarray[tuple[int, ...], np.dtype[np.uint8]], /) -> Sequence[Reading]:
        """A reading of each of the pictures (n, 64, 64, 3)."""
        ...


def scenes_of(run: RunFolder) -> dict[str, Scene]:
    """The scene behind each original that is one, by the original's id: of those that the run's plan names, the one with its very pixels.

    A photo, a text, and a scene that this version of the package draws otherwise, have none.
    """
    pictures = {name: original.pixels for name, original in run.originals.items() if original.pixels is not None}
    by_pixels = {pixel_hash(pixels): name for name, pixels in pictures.items()}
    sizes = {len(pixels) for pixels in pictures.values()}
    found = {}
    for scene in _scenes_planned(run.info.plan.get("originals", ())):
        for size in sizes:
            name = by_pixels.get(pixel_hash(scene_picture(scene, size)))
            if name is not None:
                found[name] = scene
    return found


def _scenes_planned(specs: Sequence[object]) -> list[Scene]:
    scenes: list[Scene] = []
    for spec in specs:
        if isinstance(spec, str) and spec.startswith(STICKERS):
            try:
                scenes += scenes_named(spec)
            except OriginalError:
                continue  # another version of the package knew it, and drew it otherwise
    return scenes


def in_the_world(run: RunFolder, key: ChainKey) -> bool:
    """Whether the chain's generator draws in the sticker world, so that a caption means what the grammar says."""
    return str(run.info.recipes.get(f"generator/{key.generator}", {}).get("name", "")).startswith(BUILT_IN)


def concepts_of_run(run: RunFolder) -> dict[ChainKey, ChainConcepts]:
    """What became of the concepts of each chain's first caption: facts for chains of the sticker world, content words for others."""
    chains = {key: tuple(run.rounds(key)) for key in run.keys()}  # noqa: SIM118, a run folder is no mapping
    return {key: concepts_of([turn.caption for turn in rounds], vocabulary_of(run, key)) for key, rounds in chains.items() if rounds}


def vocabulary_of(run: RunFolder, key: ChainKey) -> Vocabulary:
    """How the captions of a chain are read."""
    return WORLD if in_the_world(run, key) else WORDS


def wants_judge(run: RunFolder) -> bool:
    """Whether the run has chains whose pictures a judge can compare with the truth."""
    scenes = scenes_of(run)
    return any(key.original in scenes and in_the_world(run, key) for key in run.keys())  # noqa: SIM118, a run folder is no mapping


def facts_of_run(run: RunFolder, judge: Judge | None = None) -> dict[ChainKey, ChainFacts]:
    """`facts_of_chains` of all rounds on disk."""
    return facts_of_chains(run, {key: tuple(run.rounds(key)) for key in run.keys()}, judge)  # noqa: SIM118, a run folder is no mapping


def facts_of_chains(run: RunFolder, chains: Mapping[ChainKey, Sequence[Round]], judge: Judge | None = None) -> dict[ChainKey, ChainFacts]:
    """The facts of each chain that starts from a scene and whose generator draws in the sticker world.

    With a judge, pictures that it has not read in this run are read, and the readings kept on disk; without one, those of the last
    judge are taken as far as they go. Raises RunError where they cannot be written.
    """
    scenes = scenes_of(run)
    own = {key: rounds for key, rounds in chains.items() if rounds and key.original in scenes and in_the_world(run, key)}
    if not own:
        return {}
    cache = Cache(_folder(run, judge))
    if judge is not None:
        _read(cache, judge, _pictures(run, own))
    starts = {pixel_hash(pixels): scene for name, scene in scenes.items() if (pixels := run.originals[name].pixels) is not None}
    truth = {pixels: facts_of(scene) for pixels, scene in starts.items()}
    return {key: _chain_facts(scenes[key.original], rounds, cache, truth) for key, rounds in own.items()}


def _folder(run: RunFolder, judge: Judge | None) -> Path:
    if judge is not None:
        return run.path / "cache" / f"judge-{judge.fingerprint}"
    made = sorted(run.path.glob("cache/judge-*"), key=lambda folder: folder.stat().st_mtime_ns)
    return made[-1] if made else run.path / "cache" / "judge-none"


def _pictures(run: RunFolder, chains: Mapping[ChainKey, Sequence[Round]]) -> dict[str, Callable[[], Pixels]]:
    return {
        picture.pixels: partial(run.picture, key, picture)
        for key, rounds in chains.items()
        for turn in rounds
        if (picture := turn.picture) is not None and picture.file is not None
    }


def _read(cache: Cache, judge: Judge, pictures: Mapping[str, Callable[[], Pixels]]) -> None:
    """Read the pictures that the cache lacks; one that is missing, broken or of another size stays without a label."""
    wanted = [pixels for pixels in pictures if pixels not in cache.vectors]
    for start in range(0, len(wanted), PART):
        whole = {name: pixels for name in wanted[start : start + PART] if (pixels := _whole(pictures[name])) is not None}
        if whole:
            readings = in_batches(lambda images: judge.read(np.stack(images)), BATCH, list(whole.values()))
            cache.add(list(whole), np.stack([label(reading) for reading in readings]))


def _whole(read: Callable[[], Pixels]) -> Pixels | None:
    try:
        pixels = read()
    except RunError:
        return None
    return pixels if pixels.shape == (SIZE, SIZE, 3) else None


def label(reading: Reading) -> Float[np.ndarray, " l"]:
    """A reading as numbers; `facts_read` turns them into facts."""
    objects = [CONCEPTS.index(reading.objects[place]) if place in reading.objects else NOTHING for place in PLACES]
    return np.array([*objects, BACKGROUNDS.index(reading.background), STYLES.index(reading.style), TINTS.index(reading.tint)], np.float32)


def _chain_facts(scene: Scene, rounds: Sequence[Round], cache: Cache, truth: Mapping[str, Bool[np.ndarray, " f"]]) -> ChainFacts:
    drawn = cache.rows([None if turn.picture is None else turn.picture.pixels for turn in rounds], LABELS)
    shown = cache.rows([turn.saw for turn in rounds], LABELS)
    seen, seen_known = facts_read(shown), np.isfinite(shown).all(axis=1)
    for place, turn in enumerate(rounds):
        if turn.saw is not None and turn.saw in truth:
            seen[place], seen_known[place] = truth[turn.saw], True
    known = np.isfinite(drawn).all(axis=1)
    places = np.where(known[:, None], drawn[:, : len(PLACES)], NOTHING).astype(np.int64)
    captions, prompts = facts_said([turn.caption for turn in rounds]), facts_said([turn.prompt for turn in rounds])
    return ChainFacts(scene, seen, seen_known, captions, prompts, facts_read(drawn), known, places)
