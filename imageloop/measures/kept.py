"""What an embedder has made of a run stays known by its recipe, so that measuring again loads no model.

`cache/<recipe hash>/made.json` holds what was asked for (`request`) and the recipe of the model that was loaded for it.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from importlib.metadata import PackageNotFoundError, version
from typing import Any, NoReturn

from imageloop.disk import told, write_whole
from imageloop.records import Pixels, Recipe, canonical
from imageloop.store import RunFolder

FILE = "made.json"


class NotKept(Exception):
    """Something is wanted that the cache lacks: the model has to be loaded."""


@dataclass(frozen=True, slots=True)
class KeptEmbedder:
    """An embedder in name only: all that it is asked for must lie in the cache."""

    recipe: Recipe

    def embed_images(self, images: Sequence[Pixels]) -> NoReturn:  # noqa: ARG002, the contract of an embedder
        raise NotKept(self.recipe.name)

    def embed_texts(self, texts: Sequence[str]) -> NoReturn:  # noqa: ARG002, the contract of an embedder
        raise NotKept(self.recipe.name)

    def truncated(self, texts: Sequence[str]) -> NoReturn:  # noqa: ARG002, the contract of an embedder
        raise NotKept(self.recipe.name)


def kept_embedder(run: RunFolder, request: Mapping[str, Any]) -> KeptEmbedder:
    """The embedder that was last loaded for a request while this run was measured. Raises NotKept where there is none.

    One made with other versions of its libraries than are installed does not count.
    """
    files = sorted(run.path.glob(f"cache/*/{FILE}"), key=lambda file: file.stat().st_mtime_ns, reverse=True)
    for file in files:
        try:
            made = json.loads(file.read_text(encoding="utf-8"))
            recipe = Recipe(**made["recipe"])
            if canonical(made["request"]) == canonical(request) and _installed(recipe.settings.get("versions", {})):
                return KeptEmbedder(recipe)
        except (OSError, ValueError, KeyError, TypeError, AttributeError):
            continue  # a broken note: the model is loaded and writes it anew
    raise NotKept(str(request))


def keep(run: RunFolder, request: Mapping[str, Any], recipe: Recipe) -> None:
    """Note which recipe a request came to. Raises RunError where it cannot be written."""
    folder = run.path / "cache" / recipe.hash
    with told(folder):
        folder.mkdir(parents=True, exist_ok=True)
    write_whole(folder / FILE, canonical({"request": request, "recipe": asdict(recipe)}).encode())


def _installed(versions: Mapping[str, str]) -> bool:
    try:
        return all(version(library) == wanted for library, wanted in versions.items())
    except PackageNotFoundError:
        return False
