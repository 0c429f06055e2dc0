"""The page's own script and style, put together from their parts, and the policy that lets in nothing else."""

from __future__ import annotations

import base64
import hashlib
from importlib import resources

PARTS = (
    "state",
    "loading",
    "shot",
    "words",
    "alarms",
    "stage",
    "scrubber",
    "wall",
    "film",
    "candidates",
    "curves",
    "timeline",
    "map",
    "filter",
    "link",
    "going",
    "main",
)
"""The modules of the script, in the order in which they are read."""
STYLES = ("style", "stage", "signs")
# On disk the data files are 'self' to one browser and a file: to another; neither may come from a network.
POLICY = (
    "default-src 'none'; img-src 'self' file:; script-src '{script}' 'self' file:; style-src '{style}'; base-uri 'none'; form-action 'none'"
)


def script() -> str:
    """The whole script, in a function of its own."""
    parts = "\n".join(_read(f"script/{name}.js") for name in PARTS)
    return f'(() => {{\n"use strict";\n{parts}}})();\n'


def style() -> str:
    """The whole style."""
    return "".join(_read(f"{name}.css") for name in STYLES)


def policy() -> str:
    """The Content-Security-Policy of the page: this script, this style, and files beside it."""
    return POLICY.format(script=_digest(script()), style=_digest(style()))


def _read(name: str) -> str:
    return resources.files("imageloop.report").joinpath("templates", *name.split("/")).read_text(encoding="utf-8")


def _digest(text: str) -> str:
    return f"sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}"
