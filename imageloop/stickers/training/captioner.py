"""What the two captioners' trainings share: batches of pictures with phrased captions, the loss, the validation."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F
from transformers import PreTrainedTokenizerBase

from imageloop.stickers.captions import describe, parse
from imageloop.stickers.judge_network import FactHeads
from imageloop.stickers.scenes import draw, sample
from imageloop.stickers.training import autoencoder
from imageloop.stickers.training.fitting import Schedule, fit, generators
from imageloop.stickers.training.judge import fact_losses, targets
from imageloop.stickers.training.pictures import Pictures, decoded
from imageloop.stickers.training.text import MAX_TOKENS

BATCH = 64


class Trainee(nn.Module):
    """A captioner with fact heads on its picture tokens; the heads speed up learning to see and are dropped afterwards."""

    captioner: Any

    def __init__(self, captioner: nn.Module, width: int) -> None:
        super().__init__()
        self.captioner = captioner
        self.heads = FactHeads(width)


Forward = Callable[[Any, Tensor, Tensor], tuple[Tensor, Tensor]]
"""(captioner, pictures, token ids) → picture tokens (n, 65, width) and next-token logits (n, tokens, words)."""


def train_captioner(
    trainee: Trainee, forward: Forward, tokenizer: PreTrainedTokenizerBase, seed: int, schedule: Schedule, folder: Path
) -> None:
    pictures = Pictures(folder.parent)
    pad = tokenizer.pad_token_id

    @torch.compile
    def losses(batch: Tensor, ids: Tensor, *truth: Tensor) -> Tensor:
        with torch.autocast("cpu", torch.bfloat16):
            tokens, logits = forward(trainee.captioner, batch, ids)
            seen = trainee.heads(tokens[:, 1:].transpose(1, 2))
        words = F.cross_entropy(logits[:, :-1].float().flatten(0, 1), ids[:, 1:].flatten(), ignore_index=pad)
        return torch.stack([words * 4, 0.5 * fact_losses(seen, truth).sum()])

    def loss_of(step: int) -> dict[str, Tensor]:
        rng, torch_rng = generators(seed, step)
        batch, scenes = pictures.batch(rng, BATCH)
        batch = batch + 0.03 * torch.randn(batch.shape, generator=torch_rng)
        texts = [describe(scene, rng) for scene in scenes]
        ids = tokenizer(texts, padding="max_length", max_length=MAX_TOKENS, truncation=True, return_tensors="pt").input_ids
        return dict(zip(("words", "facts"), losses(batch, ids, *targets(scenes)), strict=True))

    fit(trainee, loss_of, schedule, folder, lambda trained: validate(trained, tokenizer, folder.parent))


def validate(trainee: Trainee, tokenizer: PreTrainedTokenizerBase, folder: Path) -> dict[str, float]:
    """Share of facts right in greedy captions of held-out scenes, as drawn and passed through the autoencoder."""
    rng = np.random.default_rng(97)
    scenes = [sample(rng, "heldout") for _ in range(96)]
    drawn = [draw(scene, rng) for scene in scenes]
    result = {}
    for name, images in (("drawn", np.stack(drawn)), ("decoded", decoded(drawn, folder))):
        ids = trainee.captioner.generate(pixel_values=autoencoder.to_tensor(images), max_new_tokens=MAX_TOKENS, do_sample=False)
        facts = [parse(text) for text in tokenizer.batch_decode(ids, skip_special_tokens=True)]
        result[f"object_{name}"] = float(np.mean([o in f.objects for s, f in zip(scenes, facts, strict=True) for o in s.objects]))
        for fact in ("background", "style", "tint"):
            result[f"{fact}_{name}"] = float(np.mean([getattr(s, fact) == getattr(f, fact) for s, f in zip(scenes, facts, strict=True)]))
    return result
