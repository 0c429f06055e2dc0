"""How a model is found: `find` turns what a user types into a row of `catalog_rows`, or into a row of its own for a folder or a hub id."""

import hashlib
import json
import re
from collections.abc import Sequence
from difflib import get_close_matches
from pathlib import Path
from typing import Any, cast, get_args

from imageloop.addresses import EXAMPLES, is_address, read_address
from imageloop.catalog_rows import FAMILY_OF_ROLE, PIPELINE_PINS, ROWS, WEIGHTS, Family, Role, Row
from imageloop.errors import ModelError

__all__ = ["PIPELINE_PINS", "ROWS", "SERVED", "WEIGHTS", "Family", "Role", "Row", "find", "label", "rows_of"]

SERVED = tuple(EXAMPLES)
"""Families whose models run on a server: what they draw or say is paid for, and none of it runs here."""


def find(role: Role, spec: str) -> Row:
    """The row for what a user typed: a name of `ROWS`, a folder, or a hub id `owner/name[@revision]`.

    A prefix `diffusers:`, `transformers:` or `open_clip:` says which library reads the model; `open_clip:ARCHITECTURE/TAG` names one of
    open_clip's own. A folder's library is read from its configuration. `openai:URL#MODEL` and `a1111:URL` name a model that a server runs.
    Raises ModelError with what to type instead.
    """
    if is_address(spec):
        return _served(role, spec)
    for row in ROWS:
        if row.name == spec and row.role == role:
            return row
    other = next((row for row in ROWS if row.name == spec), None)
    if other is not None:
        of_role = [row for row in ROWS if row.role == role]
        names = ", ".join(row.name for row in of_role if row.local or row.family == "analytic") or of_role[0].name
        raise ModelError(f"{spec}: this is {_article(other.role)}, not {_article(role)}; name {_article(role)} instead, e.g. {names}")
    family, _, rest = spec.rpartition(":")
    named = _family(spec, family, role) if family else None
    path = Path(rest).expanduser()
    if path.is_dir() or rest.startswith((".", "~", "/")) or path.is_absolute():
        return _folder(role, spec, path, named)
    match = re.fullmatch(r"([A-Za-z0-9][\w.-]*/[A-Za-z0-9][\w.-]*)(?:@([\w.\-/]+))?", rest)
    if match is None:
        raise ModelError(_unknown(role, spec))
    return Row(spec, role, named or FAMILY_OF_ROLE[role], match[1], match[2] or "")


def rows_of(role: str | None) -> list[Row]:
    """The rows of a role, or all without one. Raises ModelError for a role that no model has."""
    roles = list(dict.fromkeys(row.role for row in ROWS))
    if role is not None and role not in roles:
        near = get_close_matches(role, roles, n=1)
        raise ModelError(f"--role {role}: no model has that role; {f'did you mean {near[0]}?' if near else f'use {_either(roles)}'}")
    return [row for row in ROWS if role in (None, row.role)]


def label(spec: str) -> str:
    """What a model is called in paths and tables: letters, digits, `.`, `_` and `-` only. Folders of one name stay apart by a hash."""
    if is_address(spec):
        return read_address(spec).label
    rest = spec.rpartition(":")[2].partition("@")[0]
    path = Path(rest)
    if rest.startswith((".", "~", "/")) or path.is_absolute() or len(path.parts) > 2:
        return f"{_slug(path.name)}-{hashlib.sha256(spec.encode()).hexdigest()[:6]}"
    return _slug(spec)


def _served(role: Role, spec: str) -> Row:
    address = read_address(spec)
    settings: dict[tuple[Role, str], dict[str, Any]] = {
        ("captioner", "openai"): {"instruction": "short"},
        ("generator", "openai"): {"size": 1024},
        ("generator", "a1111"): {"size": 512},
    }
    if (role, address.protocol) not in settings:
        kinds = {other for other, protocol in settings if protocol == address.protocol}
        raise ModelError(f"{spec}: {address.protocol} serves no {role}, only a {' or a '.join(sorted(kinds))}; name another model")
    return Row(spec, role, cast(Family, address.protocol), f"{address.url}#{address.model}", settings=settings[role, address.protocol])


def _either(words: Sequence[str]) -> str:
    return f"{', '.join(words[:-1])} or {words[-1]}"


def _slug(text: str) -> str:
    return re.sub(r"[^A-Za-z0-9._-]+", "-", text).strip("-.") or "model"


def _article(role: Role) -> str:
    return f"{'an' if role == 'embedder' else 'a'} {role}"


def _family(spec: str, prefix: str, role: Role) -> Family:
    allowed: dict[Role, tuple[Family, ...]] = {
        "captioner": ("transformers",),
        "generator": ("diffusers",),
        "embedder": ("open_clip", "transformers"),
        "text-embedder": ("transformers",),
    }
    for family in allowed[role]:
        if prefix == family:
            return family
    if prefix in get_args(Family):
        raise ModelError(f"{spec}: {prefix} loads no {role}; type {allowed[role][0]}:{spec.rpartition(':')[2]}")
    raise ModelError(f"{spec}: no library is called {prefix!r} here; use one of {', '.join(f'{f}:' for f in allowed[role])}")


def _folder(role: Role, spec: str, path: Path, named: Family | None) -> Row:
    if not path.is_dir():
        raise ModelError(f"{spec}: there is no such folder; give the folder that holds model_index.json or config.json")
    found = _read_family(spec, path)
    holds: dict[Family, tuple[Role, ...]] = {
        "diffusers": ("generator",),
        # Models of sentence-transformers list their modules, of which the first is a text model of transformers.
        "transformers": ("text-embedder",) if (path / "modules.json").is_file() else ("captioner", "embedder", "text-embedder"),
        "open_clip": ("embedder",),
    }
    if role not in holds[found]:
        raise ModelError(f"{spec}: the folder holds {_article(holds[found][0])} ({found}), not {_article(role)}")
    if named is not None and named != found:
        raise ModelError(f"{spec}: the folder is made for {found}; type {found}:{path}")
    return Row(spec, role, found, str(path), local=True)


def _read_family(spec: str, path: Path) -> Family:
    marks: dict[str, Family] = {"model_index.json": "diffusers", "open_clip_config.json": "open_clip", "config.json": "transformers"}
    for file, family in marks.items():
        if (path / file).is_file():
            try:
                config = json.loads((path / file).read_text(encoding="utf-8"))
            except ValueError as error:
                raise ModelError(f"{path / file}: not readable as JSON ({error}); save the model again") from None
            if family == "transformers" and "model_type" not in config:
                raise ModelError(f"{path / file}: names no model_type, so it is no model of transformers; give the whole pipeline's folder")
            return family
    raise ModelError(f"{spec}: no model in this folder; it needs model_index.json (diffusers), config.json or open_clip_config.json")


def _unknown(role: Role, spec: str) -> str:
    names = sorted({row.name for row in ROWS if row.role == role})
    near = get_close_matches(spec, names, n=3, cutoff=0.5) or [name for name in names if spec.lower() in name or name in spec.lower()][:3]
    hint = f"did you mean {' or '.join(near)}?" if near else f"`imageloop models` lists the names, e.g. {', '.join(names[:3])}"
    return f"{spec}: no {role} is called that; {hint} A folder is given by its path, a hub model as owner/name"
