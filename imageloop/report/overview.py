"""What the page must know of a run before it looks at any round: its originals and its chains."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from imageloop.errors import RunError
from imageloop.report.alarms import Signs, signs_of, told
from imageloop.report.blocks import BLOCK, clipped
from imageloop.report.panels import is_control, pair_label
from imageloop.report.thumbnails import COLUMNS, Cell
from imageloop.report.words import shown
from imageloop.store import read_text

if TYPE_CHECKING:
    from imageloop.report.following import Followed
    from imageloop.report.going import Going
    from imageloop.store import RunFolder


def overview(run: RunFolder, chains: Sequence[Followed], going: Going | None = None) -> dict[str, Any]:
    """The run as the page gets it; grows with the number of chains, not of rounds. `going`: how far it is, while it goes on."""
    names = list(dict.fromkeys(chain.key.original for chain in chains))
    signs = signs_of(run)
    return {
        "running": None if going is None else asdict(going),
        "block": BLOCK,
        "columns": COLUMNS,
        "originals": {name: _original(run, name) for name in names},
        "chains": [_chain(run, chain, signs) for chain in chains],
        **({"together": {pair_label(*group): told(some) for group, some in signs.of_pairs.items()}} if signs.of_pairs else {}),
    }


def _original(run: RunFolder, name: str) -> dict[str, str]:
    if (run.path / "originals" / f"{name}.png").is_file():
        return {"name": shown(name), "file": f"../originals/{quote(name)}.png"}
    file = run.path / "originals" / f"{name}.txt"
    try:
        return {"name": shown(name), "text": clipped(read_text(file))}
    except RunError:
        return {"name": shown(name), "absent": "the original cannot be read" if file.is_file() else "the original is missing"}


def _chain(run: RunFolder, chain: Followed, signs: Signs) -> dict[str, Any]:
    key, cell = chain.key, chain.cell or Cell()
    alarms = signs.of_chains.get(key, ())
    some = {"inferred": chain.counts.inferred, "words": chain.words_only, "alarms": told(alarms), "alarmed": len(alarms)}
    place = chain.folder.relative_to(run.path).as_posix()
    return {
        "name": shown(place.partition("/")[2]),
        "data": chain.into.name,
        "folder": f"../{quote(place)}/",
        "pair": pair_label(key.pair, key.arm),
        "captioner": shown(key.captioner),
        "generator": shown(key.generator),
        "original": key.original,
        "seed": key.seed,
        "arm": shown(key.arm),
        "control": is_control(key.arm),
        "rounds": chain.rounds,
        "cell": cell.side,
        "small": cell.small,
        "flagged": chain.counts.flagged,
        "looked": chain.counts.looked,
        **{name: value for name, value in some.items() if value},
    }
