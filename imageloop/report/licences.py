"""What a run's models and artwork may be used for: their licences, as far as they are known here."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from imageloop.catalog import ROWS, SERVED, Row
from imageloop.originals import STICKERS
from imageloop.report.words import shown

ARTWORK = (
    ("Noto Emoji (style “cartoon”)", "Google Inc.", "Apache-2.0", "github.com/googlefonts/noto-emoji"),
    ("Twemoji (style “sticker”)", "Twitter, Inc and other contributors", "CC BY 4.0", "github.com/twitter/twemoji"),
    ("Fluent Emoji, high contrast (style “ink”)", "Microsoft Corporation", "MIT", "github.com/microsoft/fluentui-emoji"),
)
"""The sets that the sticker world's pictures are made from; the same as in the file NOTICE."""
WORLD = "sticker-"
"""How the names of models begin that were trained on the sticker world."""

ROLES = ("captioner", "generator", "embedder", "text-embedder")


@dataclass(frozen=True, slots=True)
class Licence:
    """What something is, and under which licence."""

    what: str
    role: str
    licence: str
    source: str = ""


def licences_of(recipes: Mapping[str, Mapping[str, Any]], originals: Iterable[object]) -> list[Licence]:
    """The licence of each model that a run's recipes name, then of the artwork where the sticker world is in the run.

    `originals`: what the plan starts from. The licence of a model that the catalogue does not hold, or that a server runs, is not known.
    """
    models = [_model(label, recipe) for label, recipe in sorted(recipes.items(), key=lambda item: (_place(item[0]), item[0]))]
    names = [str(recipe.get("name", "")) for recipe in recipes.values()]
    stickers = any(name.startswith(WORLD) for name in names) or any(str(one).startswith(STICKERS) for one in originals)
    return [*models, *(Licence(f"{what}, {who}", "artwork", licence, link) for what, who, licence, link in ARTWORK if stickers)]


def _place(label: str) -> int:
    role = label.partition("/")[0]
    return ROLES.index(role) if role in ROLES else len(ROLES)


def _model(label: str, recipe: Mapping[str, Any]) -> Licence:
    role, _, name = label.partition("/")
    name, family = shown(str(recipe.get("name", name))), str(recipe.get("family", ""))
    row = _row(role, recipe)
    if row is not None:
        return Licence(name, role, row.licence or "not stated on its page", _page(row))
    if family == "imported":
        return Licence(name, role, "not known: its rounds were made elsewhere")
    if family in SERVED:
        return Licence(name, role, "not known: a server runs it")
    return Licence(name, role, f"not known here: ask where {shown(str(recipe.get('target', 'it'))) or 'it'} comes from")


def _row(role: str, recipe: Mapping[str, Any]) -> Row | None:
    """The catalogue's row of that name and library, or of that place on the hub."""
    family, name, target = (str(recipe.get(field, "")) for field in ("family", "name", "target"))
    own = [row for row in ROWS if row.role == role and row.family == family]
    exact = next((row for row in own if row.name == name and (row.target == target or row.local or not row.target)), None)
    return exact or next((row for row in own if target and not row.local and row.target == target), None)


def _page(row: Row) -> str:
    repository = row.repository or ("" if row.local or row.family == "analytic" else row.target)
    return f"huggingface.co/{repository}" if repository.count("/") == 1 else ""
