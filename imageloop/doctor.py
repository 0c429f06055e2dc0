"""What this machine can run, and what is broken, each with its fix.

Nothing is changed and nothing is fetched. Packages are imported one by one, since a broken one is what is looked for.
"""

import importlib
import os
import platform
import re
import shutil
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, requires, version
from pathlib import Path
from types import ModuleType
from typing import Literal

from imageloop.catalog import ROWS

Load = Callable[[str], ModuleType]
Find = Callable[[str], str | None]
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
        extras(),
        torch_and_torchvision(load),
        *devices(load, variables),
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


def extras() -> Check:
    """Which optional packages are not installed; each is asked for by what needs it."""
    try:
        lines = requires("imageloop") or []
    except PackageNotFoundError:
        return Check("extras", "note", "imageloop runs from its folder, so its extras are not known", "pip install --editable .")
    wanted: dict[str, list[str]] = {}
    for line in lines:
        match = re.match(r"([\w.-]+).*;.*extra\s*==\s*['\"]([\w-]+)['\"]", line)
        if match and match[2] != "dev" and not _installed(match[1]):
            wanted.setdefault(match[2], []).append(match[1])
    if not wanted:
        return Check("extras", "well", "all installed")
    missing = ", ".join(f"{extra} ({', '.join(names)})" for extra, names in wanted.items())
    return Check("extras", "note", f"not installed: {missing}", f"where you need them: pip install 'imageloop[{','.join(wanted)}]'")


def _installed(name: str) -> bool:
    try:
        version(name)
    except PackageNotFoundError:
        return False
    return True


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


def devices(load: Load, variables: Mapping[str, str], find: Find = shutil.which) -> list[Check]:
    """What can be computed on: CUDA devices, Apple's GPU, else the CPU; and why a GPU is not seen. `find` looks for a program."""
    try:
        torch = load("torch")
    except (ImportError, OSError, RuntimeError):
        return []
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        available = torch.cuda.is_available()
    if available:
        return [_gpu(torch, number) for number in range(torch.cuda.device_count())]
    if torch.backends.mps.is_available():
        return [Check("mps", "well", "Apple GPU")]
    why = _unseen(torch, " ".join(str(warning.message) for warning in said), variables, bool(find("nvidia-smi")))
    if why:
        return [why]
    return [
        Check("device", "note", f"no GPU that torch can use; {torch.get_num_threads()} CPU threads: the built-in models are made for this")
    ]


def _unseen(torch: ModuleType, said: str, variables: Mapping[str, str], driver: bool) -> Check | None:
    """Why torch sees no CUDA device where there may be one."""
    old = re.search(r"driver on your system is too old \(found version (\d+)\)", said)
    if old:
        knows = f"{int(old[1]) // 1000}.{int(old[1]) % 1000 // 10}"
        found = f"the driver knows CUDA {knows}, and torch {torch.__version__} is built for CUDA {torch.version.cuda}"
        return Check("cuda", "broken", found, "update the NVIDIA driver, or install a torch for that CUDA: pytorch.org/get-started/locally")
    if not driver:
        return None
    if torch.version.cuda is None:
        found = f"a driver is installed, but torch {torch.__version__} is built without CUDA"
        return Check("cuda", "broken", found, "install torch and torchvision for CUDA in one command: pytorch.org/get-started/locally")
    if "CUDA_VISIBLE_DEVICES" in variables:
        found = f"CUDA_VISIBLE_DEVICES={variables['CUDA_VISIBLE_DEVICES']} lets torch see no GPU"
        return Check("cuda", "broken", found, "unset CUDA_VISIBLE_DEVICES, or set it to a number that nvidia-smi shows")
    return Check(
        "cuda", "broken", f"a driver is installed but torch sees no GPU{': ' * bool(said)}{said[:200]}", "see what nvidia-smi says"
    )


def _gpu(torch: ModuleType, number: int) -> Check:
    """One CUDA device: whether this torch has code for it, and how much of its memory is free."""
    gpu, built = torch.cuda.get_device_properties(number), torch.cuda.get_arch_list()
    found = f"cuda:{number} {gpu.name}, {gpu.total_memory / GIGABYTE:.0f} GB"
    least = min((int(name[3:]) for name in built if re.fullmatch(r"sm_\d+", name)), default=0)
    if gpu.major * 10 + gpu.minor < least:
        older = f"{found}; torch {torch.__version__} has no code for it (sm_{gpu.major}{gpu.minor}, the oldest is sm_{least})"
        return Check("cuda", "broken", older, "use --device cpu, or install an older torch: pytorch.org/get-started/previous-versions")
    free = torch.cuda.mem_get_info(number)[0]
    if free < gpu.total_memory / 2:
        return Check("cuda", "note", f"{found}, {free / GIGABYTE:.0f} GB free", "nvidia-smi shows which program holds the rest")
    return Check("cuda", "well", f"{found}, {free / GIGABYTE:.0f} GB free")


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
