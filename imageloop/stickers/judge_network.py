"""The network of the judge, and how it reads a picture."""

from collections.abc import Sequence
from typing import NamedTuple, cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional as F

from imageloop.stickers.judge import NOTHING, Reading
from imageloop.stickers.scenes import BACKGROUNDS, CENTRES, CONCEPTS, STYLES, TINTS


class FactLogits(NamedTuple):
    """Logits: objects (n, places, concepts + nothing), backgrounds, styles, tints (n, classes)."""

    objects: Tensor
    background: Tensor
    style: Tensor
    tint: Tensor


class Block(nn.Module):
    """Two convolutions with a shortcut; halves the picture when it widens it."""

    def __init__(self, before: int, after: int, stride: int) -> None:
        super().__init__()
        self.first = nn.Conv2d(before, after, 3, stride, 1, bias=False)
        self.first_norm = nn.BatchNorm2d(after)
        self.second = nn.Conv2d(after, after, 3, 1, 1, bias=False)
        self.second_norm = nn.BatchNorm2d(after)
        self.shortcut = nn.Conv2d(before, after, 1, stride, bias=False) if stride > 1 or before != after else nn.Identity()

    def forward(self, picture: Tensor) -> Tensor:
        inner = F.silu(self.first_norm(self.first(picture)))
        return F.silu(self.second_norm(self.second(inner)) + self.shortcut(picture))


class FactHeads(nn.Module):
    """Facts from a map of features (n, width, 8×8): one soft window a place, and one over everything."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.windows = nn.Parameter(_windows())
        self.objects = nn.Sequential(nn.Linear(width, 192), nn.SiLU(), nn.Linear(192, NOTHING + 1))
        self.background = nn.Linear(width, len(BACKGROUNDS))
        self.style = nn.Linear(width, len(STYLES))
        self.tint = nn.Linear(width, len(TINTS))

    def forward(self, features: Tensor) -> FactLogits:
        seen = torch.einsum("pw,nfw->npf", self.windows.softmax(dim=1), features)
        whole = seen[:, -1]
        return FactLogits(self.objects(seen[:, :-1]), self.background(whole), self.style(whole), self.tint(whole))


class JudgeNetwork(nn.Module):
    """A small residual network. `forward` takes pictures (n, 3, 64, 64) in [-1, 1]."""

    def __init__(self, widths: Sequence[int] = (32, 64, 128, 128)) -> None:
        super().__init__()
        self.stem = nn.Conv2d(3, widths[0], 5, 2, 2)
        self.blocks = nn.Sequential(
            Block(widths[0], widths[0], 1), Block(widths[0], widths[1], 2), Block(widths[1], widths[2], 2), Block(widths[2], widths[3], 1)
        )
        self.heads = FactHeads(widths[3])

    def forward(self, pictures: Tensor) -> FactLogits:
        return cast(FactLogits, self.heads(self.blocks(F.silu(self.stem(pictures))).flatten(2)))


def _windows() -> Tensor:
    """Logits over the 8×8 map for each place, Gaussian around its centre, and flat for the whole."""
    grid = torch.arange(8) * 8 + 4
    rows = [-((grid[None, :] - x) ** 2 + (grid[:, None] - y) ** 2).flatten() / 128 for x, y in CENTRES.values()]
    return torch.stack([*rows, torch.zeros(64)]).float()


@torch.inference_mode()
def read(network: JudgeNetwork, images: NDArray[np.uint8]) -> list[Reading]:
    """What each of the pictures (n, 64, 64, 3) shows, by this network, 64 at a time."""
    readings = []
    for start in range(0, len(images), 64):
        batch = torch.from_numpy(np.ascontiguousarray(images[start : start + 64])).permute(0, 3, 1, 2).float() / 127.5 - 1
        objects, *rest = (logits.argmax(dim=-1) for logits in network(batch))
        for row, background, style, tint in zip(objects, *rest, strict=True):
            found = {place: CONCEPTS[c] for place, c in zip(CENTRES, row.tolist(), strict=True) if c != NOTHING}
            readings.append(Reading(found, BACKGROUNDS[int(background)], STYLES[int(style)], TINTS[int(tint)]))
    return readings
