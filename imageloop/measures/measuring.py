"""Measure a whole run: embed what is new, compute every measure of the table, write the result into the run's folder."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import Float

from imageloop.errors import RunError
from imageloop.measures import table
from imageloop.measures.chains import ChainData, Population
from imageloop.measures.definitions import MEASURES
from imageloop.measures.embeddings import Cache, embed_pictures, embed_texts, text_key
from imageloop.records import ChainKey, Original, Pixels, Round, pixel_hash
from imageloop.roles import Embedder

if TYPE_CHECKING:
    import pyarrow as pa

    from imageloop.store import RunFolder


def measure_run(run: RunFolder, embedder: Embedder) -> pa.Table:
    """Every measure of every round on disk, as a long table (see `table`); writes `measures.parquet` and `measures.csv` into the run.

    Only pictures and texts that the embedder has not seen in this run are embedded, so measuring again costs the arithmetic. A value that
    is undefined has no row; `table.undefined` counts them. Raises RunError where the folder cannot be written.
    """
    chains = {key: tuple(run.rounds(key)) for key in run.keys()}  # noqa: SIM118, a run folder is no mapping
    cache = Cache(run.path / "cache" / embedder.recipe.hash)
    embed_pictures(cache, embedder, _pictures(run, chains))
    texts = {turn.caption for rounds in chains.values() for turn in rounds}
    embed_texts(cache, embedder, texts | {original.text for original in run.originals.values() if original.text is not None})
    data = _gather(run.originals, chains, cache)
    rows = table.Rows()
    for key, chain in data.items():
        _measure_chain(rows, key, chain)
    _measure_populations(rows, data)
    measured = rows.table()
    table.write(measured, run.path)
    return measured


def _pictures(run: RunFolder, chains: Mapping[ChainKey, tuple[Round, ...]]) -> dict[str, Callable[[], Pixels]]:
    """How to read every different picture of the run, by pixel hash."""
    readers: dict[str, Callable[[], Pixels]] = {}
    for original in run.originals.values():
        if (pixels := original.pixels) is not None:
            readers[pixel_hash(pixels)] = partial(_given, pixels)
    for key, rounds in chains.items():
        for turn in rounds:
            if turn.picture.file is not None:
                readers.setdefault(turn.picture.pixels, partial(run.picture, key, turn.picture))
    return readers


def _given(pixels: Pixels) -> Pixels:
    return pixels


def _gather(originals: Mapping[str, Original], chains: Mapping[ChainKey, tuple[Round, ...]], cache: Cache) -> dict[ChainKey, ChainData]:
    """Each chain that has rounds, with its embeddings and those of the other originals in use."""
    width = len(next(iter(cache.vectors.values()), ()))
    used = sorted({key.original for key, rounds in chains.items() if rounds})
    for name in used:
        if name not in originals:
            raise RunError(f"original {name} is missing from the run; run the plan again to put it back")
    image_of = {name: None if (pixels := originals[name].pixels) is None else pixel_hash(pixels) for name in used}
    text_of = {name: None if (text := originals[name].text) is None else text_key(text) for name in used}

    def others(name: str, keys: Mapping[str, str | None]) -> Float[np.ndarray, "k d"]:
        return cache.rows(sorted({key for other, key in keys.items() if key and other != name and key != keys[name]}), width)

    return {
        key: ChainData(
            rounds,
            cache.rows([turn.picture.pixels for turn in rounds], width),
            cache.rows([text_key(turn.caption) for turn in rounds], width),
            cache.rows([image_of[key.original]], width)[0],
            cache.rows([text_of[key.original]], width)[0],
            others(key.original, image_of),
            others(key.original, text_of),
        )
        for key, rounds in chains.items()
        if rounds
    }


def _measure_chain(rows: table.Rows, key: ChainKey, chain: ChainData) -> None:
    for name, measure in MEASURES.items():
        if measure.per_round:
            for turn, value in zip(chain.rounds, measure.per_round(chain), strict=True):
                rows.add_chain(key, turn.round, name, float(value))
        elif measure.per_chain:
            rows.add_chain(key, table.WHOLE_CHAIN, name, measure.per_chain(chain))


def _measure_populations(rows: table.Rows, data: Mapping[ChainKey, ChainData]) -> None:
    together: dict[tuple[str, str, int], list[tuple[ChainData, int]]] = {}
    for key in sorted(data):
        for place, turn in enumerate(data[key].rounds):
            together.setdefault((key.pair, key.arm, turn.round), []).append((data[key], place))
    for (pair, arm, number), members in sorted(together.items()):
        population = Population(
            tuple(chain.rounds[place].caption for chain, place in members),
            np.stack([chain.images[place] for chain, place in members]),
        )
        for name, measure in MEASURES.items():
            if measure.per_population:
                rows.add(pair, table.ALL_ORIGINALS, table.ALL_SEEDS, arm, number, name, measure.per_population(population))
