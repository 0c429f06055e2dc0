"""What this machine can run, and what is broken, each with its fix.

Nothing is changed and nothing is fetched. Packages are imported one by one, since a broken one is what is looked for.
"""

import importlib
import os
import platform
import re
import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, requires, version
from pathlib import Path
from types import ModuleType
from typing import Literal

from imageloop.catalog import ROWS

Load = Callable[[str], ModuleType]
GIGABYTE = 1_000_000_000
PACKAGES = (
    "torch", "torchvision", "diffusers", "transformers", "accelerate", "open_clip_torch", "safetensors", "pillow", "numpy", "scipy",
    "pydantic", "typer", "rich", "pyarrow", "jinja2", "matplotlib", "jaxtyping",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that was looked at."""

    name: str
    state: Literal["well", "note", "broken"]
    found: str
    fix: str = ""
    """What to do about it; empty when it is well."""


def examine(load: Load = importlib.import_module, environment: Mapping[str, str] | None = None, folder: Path | None = None) -> list[Check]:
    """Every check, in the order a person should mend things. `load` imports, `folder` is where runs would be written."""
    variables = os.environ if environment is None else environment
    return [
        python(),
        packages(),
        torch_and_torchvision(load),
        *devices(load),
        memory(),
        disk(Path() if folder is None else folder),
        weights(),
        cache(variables),
        offline(variables),
    ]


def python() -> Check:
    """The interpreter."""
    found = f"{platform.python_version()} on {platform.system()} {platform.machine()}, {os.cpu_count()} cores"
    return Check("python", "well", found)


def packages() -> Check:
    """Whether every package that imageloop needs is installed, and new enough."""
    missing, old = [], []
    for name in PACKAGES:
        try:
            installed, least = version(name), _least().get(_plain(name), "0")
        except PackageNotFoundError:
            missing.append(name)
            continue
        if _numbers(installed) < _numbers(least):
            old.append(f"{name} {installed} (needs {least})")
    if missing or old:
        wanted = [*missing, *(f"'{text.split()[0]}>={text.split()[-1][:-1]}'" for text in old)]
        found = "; ".join(filter(None, [f"missing: {', '.join(missing)}" * bool(missing), f"too old: {', '.join(old)}" * bool(old)]))
        return Check("packages", "broken", found, f"pip install --upgrade {' '.join(wanted)}")
    return Check(
        "packages", "well", f"all {len(PACKAGES)} installed, diffusers {version('diffusers')}, transformers {version('transformers')}"
    )


def torch_and_torchvision(load: Load) -> Check:
    """Whether torch imports, and torchvision was built for it: two indexes give two builds, and open_clip then cannot be imported."""
    try:
        torch = load("torch")
    except (ImportError, OSError, RuntimeError) as error:
        return Check("torch", "broken", f"torch cannot be imported: {_line(error)}", "pip install --force-reinstall torch torchvision")
    together = "pip uninstall -y torch torchvision, then install both in one command from one index: pip install torch torchvision"
    try:
        vision = load("torchvision")
    except (ImportError, OSError, RuntimeError, AttributeError) as error:
        return Check("torch", "broken", f"torch {torch.__version__}, but torchvision does not fit it: {_line(error)}", together)
    return Check("torch", "well", f"torch {torch.__version__} with torchvision {vision.__version__}")


def devices(load: Load) -> list[Check]:
    """What can be computed on: CUDA devices, Apple's GPU, else the CPU."""
    try:
        torch = load("torch")
    except (ImportError, OSError, RuntimeError):
        return []
    if torch.cuda.is_available():
        names = [torch.cuda.get_device_properties(i) for i in range(torch.cuda.device_count())]
        return [Check("cuda", "well", f"cuda:{i} {gpu.name}, {gpu.total_memory / GIGABYTE:.0f} GB") for i, gpu in enumerate(names)]
    if torch.backends.mps.is_available():
        return [Check("mps", "well", "Apple GPU")]
    if torch.version.cuda and shutil.which("nvidia-smi"):
        return [
            Check(
                "cuda",
                "broken",
                "a driver is installed but torch sees no GPU",
                "update the driver, or unset CUDA_VISIBLE_DEVICES; see nvidia-smi",
            )
        ]
    return [
        Check("device", "note", f"no GPU that torch can use; {torch.get_num_threads()} CPU threads: the built-in models are made for this")
    ]


def memory() -> Check:
    """The machine's memory, against what the built-in models need."""
    total = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") if hasattr(os, "sysconf") else 0
    if not total:
        return Check("memory", "note", "how much there is cannot be read on this system")
    if total < 3 * GIGABYTE:
        return Check(
            "memory",
            "broken",
            f"{total / GIGABYTE:.1f} GB",
            "the built-in models need about 3 GB: close other programs or use another machine",
        )
    return Check("memory", "well", f"{total / GIGABYTE:.0f} GB")


def disk(folder: Path) -> Check:
    """Whether runs can be written under `folder`, and the room there."""
    outputs = folder / "outputs" if (folder / "outputs").is_dir() else folder
    free = shutil.disk_usage(outputs).free
    if not os.access(outputs, os.W_OK):
        return Check("disk", "broken", f"{outputs.resolve()} cannot be written", "run in a folder of your own, or give --out")
    if free < GIGABYTE:
        return Check(
            "disk", "broken", f"{free / GIGABYTE:.2f} GB free at {outputs.resolve()}", "free some space, or give --out on another disk"
        )
    return Check("disk", "well", f"{free / GIGABYTE:.0f} GB free at {outputs.resolve()}")


def weights() -> Check:
    """Whether the built-in models' weights are there."""
    built_in = [row for row in ROWS if row.local]
    missing = [row.name for row in built_in if not any(Path(row.target).rglob("*.safetensors"))]
    if missing:
        return Check(
            "weights", "broken", f"missing: {', '.join(missing)}", "install imageloop again: pip install --force-reinstall imageloop"
        )
    return Check("weights", "well", f"{len(built_in)} built-in models")


def cache(variables: Mapping[str, str]) -> Check:
    """Where models from the hub are kept, the room there, and the variables that decide it; a token is never shown."""
    folder = cache_folder(variables)
    standing = folder
    while not standing.exists():
        standing = standing.parent
    said = [f"{name}={'(set)' if 'TOKEN' in name else value}" for name, value in sorted(variables.items()) if name.startswith("HF_")]
    free = shutil.disk_usage(standing).free
    found = "; ".join([f"{folder}, {free / GIGABYTE:.0f} GB free", *said])
    if not os.access(standing, os.W_OK):
        return Check("cache", "broken", f"{found}; it cannot be written", "set HF_HOME to a folder of your own")
    if free < 10 * GIGABYTE:
        return Check("cache", "note", found, "most models of the hub need 1 to 40 GB: set HF_HOME to a folder on a larger disk")
    return Check("cache", "well", found)


def offline(variables: Mapping[str, str]) -> Check:
    """Whether the environment forbids fetching models."""
    names = [name for name in ("HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE") if variables.get(name, "").upper() in ("1", "ON", "YES", "TRUE")]
    if names:
        return Check(
            "offline",
            "note",
            f"{' and '.join(names)} set: only models in the cache can be named",
            f"to fetch others: unset {' '.join(names)}",
        )
    return Check("offline", "well", "models may be fetched from the hub")


def cache_folder(variables: Mapping[str, str]) -> Path:
    """Where the hub's library keeps models, as its environment variables say."""
    home = variables.get("HF_HOME") or Path(variables.get("XDG_CACHE_HOME") or "~/.cache") / "huggingface"
    return Path(variables.get("HF_HUB_CACHE") or Path(home) / "hub").expanduser()


def _least() -> dict[str, str]:
    """The least version of each package that imageloop's own metadata asks for; empty where it is not installed."""
    try:
        lines = requires("imageloop") or []
    except PackageNotFoundError:
        return {}
    found = (re.match(r"([\w.-]+)\s*>=\s*([\d.]+)", line) for line in lines)
    return {_plain(match[1]): match[2] for match in found if match}


def _plain(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def _numbers(text: str) -> tuple[int, ...]:
    return tuple(int(number) for number in re.findall(r"\d+", text.partition("+")[0])[:3])


def _line(error: BaseException) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0][:200]
