"""The judge's training: cross-entropy on every fact, on pictures as drawn and as the autoencoder gives them back."""

from collections.abc import Sequence
from pathlib import Path
from typing import cast

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from imageloop.stickers.judge import NOTHING
from imageloop.stickers.judge_network import FactLogits, JudgeNetwork, read
from imageloop.stickers.scenes import BACKGROUNDS, CENTRES, CONCEPTS, STYLES, TINTS, Scene, draw, sample
from imageloop.stickers.training.fitting import Schedule, fit, generators
from imageloop.stickers.training.pictures import Pictures, decoded

SEED = 4
BATCH = 96


def targets(scenes: list[Scene]) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Class numbers: objects by place (n, places), backgrounds, styles, tints (n)."""
    objects = torch.full((len(scenes), len(CENTRES)), NOTHING)
    places = list(CENTRES)
    for row, scene in enumerate(scenes):
        for concept, place in zip(scene.objects, scene.places, strict=True):
            objects[row, places.index(place)] = CONCEPTS.index(concept)
    return (
        objects,
        torch.tensor([BACKGROUNDS.index(scene.background) for scene in scenes]),
        torch.tensor([STYLES.index(scene.style) for scene in scenes]),
        torch.tensor([TINTS.index(scene.tint) for scene in scenes]),
    )


def fact_losses(seen: FactLogits, truth: Sequence[Tensor]) -> Tensor:
    """Cross-entropies of objects (summed over places), background, style and tint."""
    objects = F.cross_entropy(seen.objects.float().flatten(0, 1), truth[0].flatten(), label_smoothing=0.02) * len(CENTRES)
    return torch.stack([objects, *(F.cross_entropy(logits.float(), answer) for logits, answer in zip(seen[1:], truth[1:], strict=True))])


def train(folder: Path, steps: int) -> None:
    torch.manual_seed(SEED)
    model = JudgeNetwork().to(memory_format=torch.channels_last)
    pictures = Pictures(folder.parent)

    @torch.compile
    def losses(batch: Tensor, objects: Tensor, background: Tensor, style: Tensor, tint: Tensor) -> Tensor:
        with torch.autocast("cpu", torch.bfloat16):
            seen = model(batch)
        return fact_losses(seen, (objects, background, style, tint))

    def loss_of(step: int) -> dict[str, Tensor]:
        rng, torch_rng = generators(SEED, step)
        batch, scenes = pictures.batch(rng, BATCH)
        batch = batch + 0.05 * torch.randn(batch.shape, generator=torch_rng)
        return dict(zip(("objects", "background", "style", "tint"), losses(batch, *targets(scenes)), strict=True))

    fit(model, loss_of, Schedule(steps, 2e-3), folder, lambda trained: validate(cast(JudgeNetwork, trained), folder))


def validate(model: nn.Module, folder: Path) -> dict[str, float]:
    rng = np.random.default_rng(98)
    scenes = [sample(rng, "heldout") for _ in range(300)]
    drawn = [draw(scene, rng) for scene in scenes]
    result = {}
    for name, images in (("drawn", np.stack(drawn)), ("decoded", decoded(drawn, folder.parent))):
        readings = read(cast(JudgeNetwork, model), images)
        found = [
            reading.objects.get(p) == o
            for s, reading in zip(scenes, readings, strict=True)
            for o, p in zip(s.objects, s.places, strict=True)
        ]
        result[f"object_{name}"] = float(np.mean(found))
        for fact in ("background", "style", "tint"):
            result[f"{fact}_{name}"] = float(np.mean([getattr(s, fact) == getattr(r, fact) for s, r in zip(scenes, readings, strict=True)]))
    return result
