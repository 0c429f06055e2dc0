"""Which software made a run: versions of the packages that matter, and the commit of a checkout. Imports none of them."""

import platform
import shutil
import subprocess
from functools import cache
from importlib import metadata
from pathlib import Path

PACKAGES = (
    "imageloop",
    "torch",
    "torchvision",
    "diffusers",
    "transformers",
    "tokenizers",
    "accelerate",
    "safetensors",
    "open_clip_torch",
    "numpy",
    "pillow",
)


def versions() -> dict[str, str]:
    """The version of Python and of each package that is installed."""
    return dict(_versions())


@cache
def _versions() -> dict[str, str]:
    found = {"python": platform.python_version()}
    for package in PACKAGES:
        try:
            found[package] = metadata.version(package)
        except metadata.PackageNotFoundError:
            continue
    return found


@cache
def commit() -> str | None:
    """The commit of the checkout this package runs from, with `-dirty` when files differ from it; None outside a checkout."""
    checkout = Path(__file__).resolve().parent.parent
    git = shutil.which("git")
    if git is None or not (checkout / ".git").exists():
        return None
    command = [git, "-C", str(checkout), "describe", "--always", "--dirty", "--abbrev=40", "--exclude=*"]
    answer = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603
    return answer.stdout.strip() or None
