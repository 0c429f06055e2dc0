"""Each family's checkpoint is built once a session, when the first test asks for it."""

from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Literal

import pytest
import tiny_captioners
import tiny_embedders
import tiny_generators
import torch

Saver = Callable[[Literal["captioner", "generator", "embedder"], str], Path]


@pytest.fixture(scope="session")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Saver:
    """`checkpoint(role, family)` is the folder of a tiny random model of that family."""
    savers = {"captioner": tiny_captioners.save, "generator": tiny_generators.save, "embedder": tiny_embedders.save}
    folders = {role: tmp_path_factory.mktemp(role) for role in savers}

    @cache
    def saved(role: Literal["captioner", "generator", "embedder"], family: str) -> Path:
        return savers[role](family, folders[role])

    return saved


@pytest.fixture(autouse=True, scope="session")
def one_thread() -> Iterator[None]:
    """Tiny models run fastest on one thread."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)
