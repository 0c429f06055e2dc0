"""From a run's folder to what measures are computed from: each chain with the embeddings of all it saw and said."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import Float

from imageloop.errors import RunError
from imageloop.interventions import FLOOR
from imageloop.measures.chains import ChainData, Vectors
from imageloop.measures.clipscore import PREFIX
from imageloop.measures.concepts import concepts_of
from imageloop.measures.embeddings import Cache, embed_pictures, embed_texts, keep_brightness, keep_truncation, text_key
from imageloop.measures.readings import Judge, facts_of_chains, vocabulary_of
from imageloop.measures.similarity import chance
from imageloop.records import ChainKey, Original, Pixels, Round, pixel_hash
from imageloop.roles import Embedder, TextEmbedder

if TYPE_CHECKING:
    from imageloop.store import RunFolder

Chains = Mapping[ChainKey, tuple[Round, ...]]


@dataclass(frozen=True, slots=True)
class Models:
    """What measures: the embedder of pictures and texts, and, where asked for, a second eye, a sentence embedder and a judge of facts."""

    embedder: Embedder
    eye: Embedder | None = None
    sentences: TextEmbedder | None = None
    judge: Judge | None = None


def gather(run: RunFolder, models: Models) -> dict[ChainKey, ChainData]:
    """Each chain that has rounds, by its key; what a model has not seen in this run is embedded first.

    Raises RunError where an original is missing or the cache cannot be written, and ModelError from the models.
    """
    chains: Chains = {key: rounds for key in run.keys() if (rounds := tuple(run.rounds(key)))}  # noqa: SIM118, a run folder is no mapping
    starts = _Starts.of(run, chains)
    readers = picture_readers(run, run.originals.values(), chains)
    main = _pictures_by(run, models.embedder, readers)
    said = {turn.caption for rounds in chains.values() for turn in rounds}
    candidates = {caption.text for rounds in chains.values() for turn in rounds for caption in turn.captions}
    embed_texts(main.cache, models.embedder, said | candidates | {PREFIX + text for text in said} | set(starts.texts.values()))
    cut = _cut(run, models.embedder, said)
    plain = {key: _chain(key, rounds, main, starts, cut) for key, rounds in chains.items()}
    eye = None if models.eye is None else _pictures_by(run, models.eye, readers)
    facts = facts_of_chains(run, chains, models.judge)
    light = _brightness(run, chains, starts, readers)
    found = {}
    for key, chain in plain.items():
        control = plain.get(replace(key, arm=FLOOR))
        found[key] = replace(
            chain,
            floor_images=control.images if control and key.arm != FLOOR else None,
            eye_images=None if eye is None else eye.rows(_hashes(chain.rounds)),
            eye_original=None if eye is None else eye.rows([starts.pictures.get(key.original)])[0],
            brightness=light[key],
            concepts=concepts_of(chain.captions, vocabulary_of(run, key)),
            facts=facts.get(key),
        )
    return _with_chance(_with_sentences(run, found, models.sentences, said))


@dataclass(frozen=True, slots=True)
class _Starts:
    """What chains start from: the pixel hash or the text of each original, by its id."""

    pictures: Mapping[str, str]
    texts: Mapping[str, str]

    @classmethod
    def of(cls, run: RunFolder, chains: Chains) -> _Starts:
        used = sorted({key.original for key in chains})
        for name in used:
            if name not in run.originals:
                raise RunError(f"original {name} is missing from the run; run the plan again to put it back")
        originals = [run.originals[name] for name in used]
        pictures = {original.id: pixel_hash(original.pixels) for original in originals if original.pixels is not None}
        return cls(pictures, {original.id: original.text for original in originals if original.text is not None})


@dataclass(frozen=True, slots=True)
class _Space:
    """What one model has made of the run."""

    cache: Cache

    def rows(self, keys: Sequence[str | None]) -> Vectors:
        """A row of NaN for what it has not seen, and for None."""
        return self.cache.rows(keys, len(next(iter(self.cache.vectors.values()), ())))

    def texts(self, texts: Sequence[str]) -> Vectors:
        return self.rows([text_key(text) for text in texts])


def picture_readers(run: RunFolder, originals: Iterable[Original], chains: Chains) -> dict[str, Callable[[], Pixels]]:
    """How to read every different picture of these originals and chains, by pixel hash."""
    readers: dict[str, Callable[[], Pixels]] = {}
    for original in originals:
        if (pixels := original.pixels) is not None:
            readers[pixel_hash(pixels)] = partial(_given, pixels)
    for key, rounds in chains.items():
        for turn in rounds:
            if (picture := turn.picture) is not None and picture.file is not None:
                readers.setdefault(picture.pixels, partial(run.picture, key, picture))
    return readers


def _given(pixels: Pixels) -> Pixels:
    return pixels


def _pictures_by(run: RunFolder, model: Embedder, readers: Mapping[str, Callable[[], Pixels]]) -> _Space:
    cache = Cache(run.path / "cache" / model.recipe.hash)
    embed_pictures(cache, model, readers)
    return _Space(cache)


def _cut(run: RunFolder, model: TextEmbedder, texts: Iterable[str]) -> dict[str, bool]:
    """Whether the model reads only the beginning of each text."""
    cache = Cache(run.path / "cache" / f"{model.recipe.hash}-cut")
    keep_truncation(cache, model, texts)
    return {text: bool(cache.vectors[text_key(text)][0]) for text in texts}


def _hashes(rounds: Sequence[Round]) -> list[str | None]:
    return [turn.picture.pixels if turn.picture else None for turn in rounds]


def _chain(key: ChainKey, rounds: tuple[Round, ...], main: _Space, starts: _Starts, cut: Mapping[str, bool]) -> ChainData:
    captions = [turn.caption for turn in rounds]
    picture, text = starts.pictures.get(key.original), starts.texts.get(key.original)
    several = any(len(turn.captions) > 1 for turn in rounds)
    return ChainData(
        rounds,
        main.rows(_hashes(rounds)),
        main.texts(captions),
        main.rows([picture])[0],
        main.rows([text and text_key(text)])[0],
        main.rows(sorted(set(starts.pictures.values()) - {picture}) if picture else []),
        main.texts(sorted(set(starts.texts.values()) - {text}) if text is not None else []),
        shown=main.rows([turn.saw for turn in rounds]),
        prefixed_texts=main.texts([PREFIX + caption for caption in captions]),
        candidate_texts=tuple(main.texts([caption.text for caption in turn.captions]) for turn in rounds) if several else (),
        texts_cut=tuple(cut[caption] for caption in captions),
    )


def _brightness(
    run: RunFolder, chains: Chains, starts: _Starts, readers: Mapping[str, Callable[[], Pixels]]
) -> dict[ChainKey, Float[np.ndarray, " 2"]]:
    """Of each chain's original and last picture."""
    ends = {key: (starts.pictures.get(key.original), _hashes(rounds[-1:])[0]) for key, rounds in chains.items()}
    wanted = {name: readers[name] for both in ends.values() for name in both if name is not None and name in readers}
    cache = Cache(run.path / "cache" / "brightness")
    keep_brightness(cache, wanted)
    return {key: cache.rows(both, 1)[:, 0] for key, both in ends.items()}


def _with_chance(chains: Mapping[ChainKey, ChainData]) -> dict[ChainKey, ChainData]:
    """The chance level of each round is that of the pair: a single chain's is high just where the chain resembles another original."""
    together: dict[tuple[str, str, bool], list[ChainKey]] = {}
    for key, chain in chains.items():
        together.setdefault((key.pair, key.arm, bool(np.isnan(chain.original_image).all())), []).append(key)
    found: dict[ChainKey, ChainData] = {}
    for keys in together.values():
        values = np.full((len(keys), max(chains[key].rounds[-1].round for key in keys)), np.nan)
        for row, key in zip(values, keys, strict=True):
            row[[turn.round - 1 for turn in chains[key].rounds]] = chance(chains[key].images, chains[key].others)
        known = np.isfinite(values)
        level = np.where(known, values, 0).sum(axis=0) / np.where(known.any(axis=0), known.sum(axis=0), np.nan)
        found |= {key: replace(chains[key], chance=level[[turn.round - 1 for turn in chains[key].rounds]]) for key in keys}
    return {key: found[key] for key in chains}


def _with_sentences(
    run: RunFolder, chains: dict[ChainKey, ChainData], model: TextEmbedder | None, said: set[str]
) -> dict[ChainKey, ChainData]:
    if model is None:
        return chains
    cache = Cache(run.path / "cache" / model.recipe.hash)
    embed_texts(cache, model, said)
    space, cut = _Space(cache), _cut(run, model, said)
    return {
        key: replace(chain, sentences=space.texts(chain.captions), sentences_cut=tuple(cut[caption] for caption in chain.captions))
        for key, chain in chains.items()
    }
