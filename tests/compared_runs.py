"""Runs whose measures are made up, so that what a comparison must find is known."""

import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa

from imageloop.comparison import Comparison, compare_runs
from imageloop.measures import MEASURES, table
from imageloop.records import ChainKey, Pick, Round, SeededCaption
from imageloop.store import RunFolder

PAIRS = ("eye+brush", "eye+pen", "ear+brush", "ear+pen")
Value = Callable[[ChainKey, int], float | None]


LEVEL = {"eye+brush": 0.8, "eye+pen": 0.6, "ear+brush": 0.5, "ear+pen": 0.3}


def wiggle(key: ChainKey) -> float:
    """The same for all pairs: originals far apart, seeds a little."""
    return 0.02 * int(key.original.removeprefix("original-")) + 0.003 * key.seed


def by_pair(key: ChainKey, number: int) -> float:
    return LEVEL[key.pair] + wiggle(key) - 0.01 * number


def compared(*made: Any, **options: Any) -> Comparison:
    runs, tables = zip(*made, strict=True)
    return compare_runs(runs, tables, **options)


def made_up(
    folder: Path,
    value: Value,
    *,
    pairs: Sequence[str] = PAIRS,
    arms: Sequence[str] = ("plain",),
    originals: int = 8,
    seeds: int = 2,
    rounds: int = 3,
    measures: Mapping[str, Value] | None = None,
    plan: Mapping[str, Any] | None = None,
    recipes: Mapping[str, Mapping[str, Any]] | None = None,
    embedder: Mapping[str, Any] | None = None,
    looks: Sequence[str] = (),
    vendi: float | None = None,
) -> tuple[RunFolder, pa.Table]:
    """A run on disk, with `clip_image_similarity` as given and measures of the same kind; arms in `looks` saw the original."""
    keys = [
        ChainKey(*pair.split("+"), f"original-{i}", seed, arm)
        for pair in pairs
        for arm in arms
        for i in range(originals)
        for seed in range(seeds)
    ]
    rows = table.Rows()
    for name, of in {"clip_image_similarity": value, **(measures or {})}.items():
        for key in keys:
            numbers = range(1, rounds + 1) if MEASURES[name].per_round else [table.WHOLE_CHAIN]
            for number in numbers:
                if (found := of(key, number)) is not None:
                    rows.add_chain(key, [number], name, [found])
    if vendi is not None:
        for pair in pairs:
            rows.add(pair, table.ALL_ORIGINALS, table.ALL_SEEDS, "plain", rounds, "vendi_score", vendi)
    for key in keys:
        chain = folder / "chains" / key.pair / f"{key.original}-s{key.seed}{'' if key.arm == 'plain' else f'@{key.arm}'}"
        chain.mkdir(parents=True)
        chain.joinpath("rounds.jsonl").write_text("".join(line(t, key.arm in looks) for t in range(1, rounds + 1)))
    models = {
        f"{role}/{name}": {"name": name, "steps": 4}
        for pair in pairs
        for role, name in zip(("captioner", "generator"), pair.split("+"), strict=True)
    }
    fields = {"originals": ["folder/"], "rounds": rounds, "seeds": seeds, "seed": 0, "captions": 1, "images": 1, "embedder": "clip"}
    info = {"plan": {**fields, **(plan or {})}, "recipes": {**models, **(recipes or {})}, "plan_hash": "", "versions": {}, "commit": None}
    folder.joinpath("run.json").write_text(json.dumps({**info, "device": "cpu", "created": ""}))
    by = {"embedder": {"name": "clip", "device": "cpu", "batch": 4, **(embedder or {})}}
    versions = {name: MEASURES[name].version for name in ("clip_image_similarity", *(measures or {}))}
    made = rows.table({table.RECIPES: json.dumps(by).encode(), table.VERSIONS: json.dumps(versions).encode()})
    table.write(made, folder)
    return RunFolder.open(folder), table.read(folder)


def line(number: int, looked: bool) -> str:
    acts = ({"arm": "reanchor", "saw_original": True},) if looked else ()
    done = Round(
        round=number,
        saw=None,
        captions=(SeededCaption("a dog", 2, 1),),
        caption_pick=Pick("first", 0),
        prompt="a dog",
        prompt_tokens={},
        prompt_tokens_read={},
        pictures=(),
        picture_pick=Pick("first", 0),
        acts=acts,
        seconds={"caption": 0.1, "image": 0.3},
    )
    return json.dumps(done.to_json()) + "\n"
