"""Measure a whole run: embed what is new, compute the measures of the table, write the result into the run's folder."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from difflib import get_close_matches
from typing import TYPE_CHECKING

import numpy as np

from imageloop.errors import RunError
from imageloop.interventions import FLOOR
from imageloop.measures import table
from imageloop.measures.chains import ChainData, PairData, Population
from imageloop.measures.definitions import MEASURES, Measure
from imageloop.measures.gathering import Models, gather
from imageloop.measures.readings import Judge
from imageloop.records import ChainKey
from imageloop.roles import Embedder, TextEmbedder

if TYPE_CHECKING:
    import pyarrow as pa

    from imageloop.store import RunFolder

ALL = "all"


def measure_run(
    run: RunFolder,
    embedder: Embedder,
    *,
    eye: Embedder | None = None,
    sentences: TextEmbedder | None = None,
    judge: Judge | None = None,
    measures: Sequence[str] = (ALL,),
) -> pa.Table:
    """The measures named, of all rounds on disk, as a long table (see `table`); writes `measures.parquet` and `.csv` into the run.

    `eye` is a second embedder of pictures, `sentences` one of texts, `judge` reads facts from pictures of the built-in world; measures that
    need one are undefined without it. Only pictures and texts that a model has not seen in this run are embedded, so measuring again costs
    the arithmetic. A value that is undefined has no row; `table.undefined` counts them. Raises RunError on a name that no measure has, and
    where the folder cannot be written.
    """
    wanted = named(measures)
    models = Models(embedder, eye, sentences, judge)
    data = gather(run, models)
    rows = table.Rows()
    for key, chain in data.items():
        _measure_chain(rows, key, chain, wanted)
    for members in _pairs(data):
        _measure_pair(rows, members, wanted)
    measured = rows.table(_provenance(models, wanted))
    table.write(measured, run.path)
    return measured


def named(names: Sequence[str]) -> list[Measure]:
    """The measures of these names in the order of the table; `all` names every one. Raises RunError on an unknown name."""
    if not names:
        raise RunError("--measures names none; type all, or names from `imageloop measures`")
    for name in names:
        if name != ALL and name not in MEASURES:
            near = get_close_matches(name, MEASURES, n=3, cutoff=0.5)
            hint = f"did you mean {' or '.join(near)}?" if near else "`imageloop measures` lists them"
            raise RunError(f"--measures: no measure is called {name!r}; {hint}")
    return [measure for name, measure in MEASURES.items() if ALL in names or name in names]


def _provenance(models: Models, wanted: Sequence[Measure]) -> dict[bytes, bytes]:
    given = {"embedder": models.embedder, "eye": models.eye, "text-embedder": models.sentences}
    recipes = {name: asdict(model.recipe) for name, model in given.items() if model is not None}
    versions = {measure.name: measure.version for measure in wanted}
    return {table.RECIPES: json.dumps(recipes, sort_keys=True).encode(), table.VERSIONS: json.dumps(versions).encode()}


def _measure_chain(rows: table.Rows, key: ChainKey, chain: ChainData, wanted: Sequence[Measure]) -> None:
    numbers = [turn.round for turn in chain.rounds]
    for measure in wanted:
        if measure.per_round:
            rows.add_chain(key, numbers, measure.name, measure.per_round(chain))
        elif measure.per_chain:
            rows.add_chain(key, [table.WHOLE_CHAIN], measure.name, np.array([measure.per_chain(chain)]))


def _pairs(data: Mapping[ChainKey, ChainData]) -> list[PairData]:
    """The chains of each pair and arm."""
    together: dict[tuple[str, str], list[ChainKey]] = {}
    for key in sorted(data):
        together.setdefault((key.pair, key.arm), []).append(key)
    return [
        PairData(tuple(keys), tuple(data[key] for key in keys), tuple(data[key] for key in together.get((pair, FLOOR), ())))
        for (pair, _), keys in sorted(together.items())
    ]


def _measure_pair(rows: table.Rows, pair: PairData, wanted: Sequence[Measure]) -> None:
    name, arm = pair.keys[0].pair, pair.keys[0].arm
    numbers, populations = _populations(pair)
    for measure in wanted:
        if measure.per_population:
            values = np.array([measure.per_population(population) for population in populations])
            rows.add_rounds(name, table.ALL_ORIGINALS, table.ALL_SEEDS, arm, numbers, measure.name, values)
        elif measure.per_pair:
            rows.add(name, table.ALL_ORIGINALS, table.ALL_SEEDS, arm, table.WHOLE_CHAIN, measure.name, measure.per_pair(pair))


def _populations(pair: PairData) -> tuple[list[int], list[Population]]:
    """The rounds that all chains of the pair have, and the chains there: fewer chains would look like chains that become alike."""
    members: dict[int, list[tuple[ChainData, int]]] = {}
    for chain in pair.chains:
        for place, turn in enumerate(chain.rounds):
            members.setdefault(turn.round, []).append((chain, place))
    numbers = sorted(number for number, there in members.items() if len(there) == len(pair.chains))
    return numbers, [
        Population(
            tuple(chain.rounds[place].caption for chain, place in members[number]),
            np.stack([chain.images[place] for chain, place in members[number]]),
        )
        for number in numbers
    ]
