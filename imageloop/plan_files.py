"""A plan as a TOML file with the tables [run], [loop], [models] and [watch].

[run]    name, originals, rounds, seeds, seed, arms, controls, watch, keep, keep_candidates
[loop]   captions, images, pick_caption, pick_image, size, noise
[models] captioners, generators, embedder, batch, device, dtype, offload, quantize, compile, max_requests; and [models.NAME], the recipe
         fields to change of that model
[watch]  the rules of the monitor (`watch.KINDS`) that are not as they are by default
"""

import tomllib
from collections.abc import Mapping
from importlib import resources
from pathlib import Path
from typing import Any

from imageloop import watch as monitor_rules
from imageloop.errors import PlanError
from imageloop.originals import kind_of
from imageloop.plan import Plan, checked, did_you_mean, refuse_stray_overrides, toml_value

TABLES: Mapping[str, tuple[str, ...]] = {
    "run": ("name", "originals", "rounds", "seeds", "seed", "arms", "controls", "watch", "keep", "keep_candidates"),
    "loop": ("captions", "images", "pick_caption", "pick_image", "size", "noise"),
    "models": ("captioners", "generators", "embedder", "batch", "device", "dtype", "offload", "quantize", "compile", "max_requests"),
    "watch": (),
}


def read(path: str | Path) -> Plan:
    """The plan in a TOML file. Paths among its originals and models are taken from the file's own folder; without a name it has the file's.

    Raises PlanError, in one line that names file, table and key.
    """
    file = Path(path)
    tables = _parse(file)
    fields: dict[str, Any] = {"name": file.stem}
    for table, content in tables.items():
        fields |= _fields_of(file, table, content)
    if "originals" not in fields:
        raise PlanError(f'{file}: [run] has no originals; name at least one: originals = ["my-photo.jpg"]')
    plan = checked(fields, lambda field: f"{file}: [watch]" if field == "rules" else f"{file}: [{_table_of(field)}] {field}")
    refuse_stray_overrides(plan, lambda name: f"{file}: [models.{name}]")
    return _from_folder(plan, file.parent)


def find(spec: str) -> Plan:
    """`read`, but a bare file name that is not in the current folder is looked for among the plans that come with the package."""
    file = Path(spec)
    return read(shipped() / file if len(file.parts) == 1 and not file.exists() and (shipped() / file).exists() else file)


def shipped() -> Path:
    """The folder of plans that come with the package: beside it in a checkout, inside it once installed."""
    inside = Path(str(resources.files("imageloop"))) / "prompts"
    beside = Path(__file__).resolve().parent.parent / "prompts"
    for folder in (inside, beside):
        if (folder / "surfer.toml").is_file():
            return folder
    raise PlanError(f"{inside}: the plans that come with imageloop are missing; install it again: pip install --force-reinstall imageloop")


def to_toml(plan: Plan) -> str:
    """The plan as a TOML file that `read` turns back into the same plan."""
    lines: list[str] = []
    for table, keys in TABLES.items():
        lines += [f"[{table}]", *(f"{key} = {toml_value(value)}" for key in keys if (value := getattr(plan, key)) is not None), ""]
    lines[-1:-1] = [f"{name} = {toml_value(rule)}" for name, rule in monitor_rules.differing(plan.rules).items()]
    for name, values in plan.models.items():
        lines += [f"[models.{toml_value(name)}]", *(f"{toml_value(key)} = {toml_value(value)}" for key, value in values.items()), ""]
    return "\n".join(lines)


def _parse(file: Path) -> dict[str, Any]:
    try:
        tables = tomllib.loads(file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise PlanError(
            f"{file}: no such plan; those that come with imageloop: {', '.join(sorted(p.name for p in shipped().glob('*.toml')))}"
        ) from None
    except OSError as error:
        raise PlanError(f"{file}: cannot be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise PlanError(f"{file}: is not UTF-8 text; a plan is a TOML file") from None
    except tomllib.TOMLDecodeError as error:
        raise PlanError(f"{file}: is not valid TOML: {error}") from None
    for table, content in tables.items():
        if table not in TABLES:
            home = f"; it belongs in [{_table_of(table)}]" if _table_of(table) else did_you_mean(table, TABLES, bracketed=True)
            raise PlanError(f"{file}: a plan has no {'table' if isinstance(content, dict) else 'key'} '{table}'{home}")
        if not isinstance(content, dict):
            raise PlanError(f"{file}: [{table}] must be a table: a line [{table}] with its keys below it")
    return tables


def _fields_of(file: Path, table: str, content: Mapping[str, Any]) -> dict[str, Any]:
    if table == "watch":
        return {"rules": dict(content)}
    overrides = {key: value for key, value in content.items() if table == "models" and isinstance(value, dict)}
    fields = {key: value for key, value in content.items() if key not in overrides}
    for key in fields:
        if key not in TABLES[table]:
            home = f"; it belongs in [{_table_of(key)}]" if _table_of(key) else did_you_mean(key, TABLES[table])
            raise PlanError(f"{file}: [{table}] has no key '{key}'{home}")
    return fields | {"models": overrides} if overrides else fields


def _from_folder(plan: Plan, folder: Path) -> Plan:
    def model(spec: str) -> str:
        if not spec.startswith(("./", "../")) or folder == Path():
            return spec
        return str(folder / spec) if folder.is_absolute() else f"./{folder / spec}"

    originals = tuple(str(folder / spec) if kind_of(spec, folder) == "path" else spec for spec in plan.originals)
    return plan.model_copy(
        update={
            "originals": originals,
            "captioners": tuple(map(model, plan.captioners)),
            "generators": tuple(map(model, plan.generators)),
            "embedder": model(plan.embedder),
            "models": {model(name): values for name, values in plan.models.items()},
        }
    )


def _table_of(key: str) -> str | None:
    return next((table for table, keys in TABLES.items() if key in keys), None)
