"""The judge: reads the facts of a scene from a picture. It only measures; no chain ever calls it."""

import hashlib
import json
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from imageloop.stickers.scenes import CONCEPTS

if TYPE_CHECKING:
    from imageloop.stickers.judge_network import JudgeNetwork

WEIGHTS = Path(__file__).parent / "weights" / "judge"
NOTHING = len(CONCEPTS)


@dataclass(frozen=True, slots=True)
class Reading:
    """What the judge sees: objects by place (only places where it sees one), and the most likely background, style and tint."""

    objects: dict[str, str]
    background: str
    style: str
    tint: str


class Judge:
    """The trained judge, from the weights that ship with the package; its network is loaded when it first reads."""

    def __init__(self, folder: Path = WEIGHTS) -> None:
        self._folder = folder
        self.fingerprint = hashlib.sha256(
            b"".join((folder / name).read_bytes() for name in ("config.json", "model.safetensors"))
        ).hexdigest()[:16]
        """The first 16 hex digits of the SHA-256 over its files."""

    def read(self, images: NDArray[np.uint8]) -> list[Reading]:
        """What each of the pictures (n, 64, 64, 3) shows."""
        from imageloop.stickers.judge_network import read

        return read(self._network, images)

    @cached_property
    def _network(self) -> "JudgeNetwork":
        from safetensors.torch import load_file

        from imageloop.stickers.judge_network import JudgeNetwork

        network = JudgeNetwork(json.loads((self._folder / "config.json").read_text())["widths"])
        network.load_state_dict({name: value.float() for name, value in load_file(self._folder / "model.safetensors").items()})
        return network.eval()
