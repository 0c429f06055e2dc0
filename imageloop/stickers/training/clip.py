"""The embedder: a tiny CLIP (arXiv 2103.00020) in open_clip's own class, pictures and captions in one space of 128 dimensions."""

from pathlib import Path
from typing import Any

import numpy as np
import torch
from open_clip.model import CLIP
from torch import Tensor, nn
from torch.nn import functional as F

from imageloop.stickers.captions import describe
from imageloop.stickers.judge_network import FactHeads
from imageloop.stickers.scenes import Scene, draw, sample
from imageloop.stickers.training import autoencoder
from imageloop.stickers.training.fitting import Schedule, fit, generators
from imageloop.stickers.training.judge import fact_losses, targets
from imageloop.stickers.training.pictures import Pictures
from imageloop.stickers.training.text import EOS, MAX_TOKENS, PAD, word_tokenizer

SEED = 6
BATCH = 128
WIDTH = 192
VISION_LAYERS = 4
DIMENSIONS = 128


def config() -> dict[str, Any]:
    """The model's description, as `open_clip_config.json` holds it under `model_cfg`."""
    return {
        "embed_dim": DIMENSIONS,
        "vision_cfg": {"image_size": 64, "patch_size": 8, "width": WIDTH, "head_width": 32, "layers": VISION_LAYERS, "mlp_ratio": 2.0},
        "text_cfg": {
            "context_length": MAX_TOKENS,
            "vocab_size": len(word_tokenizer()),
            "width": 160,
            "heads": 5,
            "layers": 3,
            "mlp_ratio": 2.0,
            "pad_id": PAD,
            "eos_id": EOS,
            "pool_type": "eos",
        },
    }


class Trainee(nn.Module):
    """The embedder with fact heads on its picture tokens, which speed up learning to see and are dropped afterwards."""

    clip: CLIP

    def __init__(self) -> None:
        super().__init__()
        self.clip = CLIP(**config())
        self.clip.visual.output_tokens = True
        self.heads = FactHeads(WIDTH)

    def forward(self, pictures: Tensor, ids: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Unit rows of pictures and of texts, and the picture tokens (n, 64, width)."""
        pooled, tokens = self.clip.visual(pictures)
        return F.normalize(pooled.float(), dim=-1), F.normalize(self.clip.encode_text(ids).float(), dim=-1), tokens


def near_miss(scene: Scene, rng: np.random.Generator) -> Scene:
    """The same scene with one object replaced: what a contrastive batch must learn to tell apart."""
    other = sample(rng)
    objects = list(scene.objects)
    position = int(rng.integers(len(objects)))
    fresh = [concept for concept in other.objects if concept not in objects]
    if fresh:
        objects[position] = fresh[0]
    return Scene(tuple(objects), scene.background, scene.style, scene.tint)


def train(folder: Path, steps: int) -> None:
    torch.manual_seed(SEED)
    model, pictures, tokenizer = Trainee(), Pictures(folder.parent), word_tokenizer()

    @torch.compile
    def losses(batch: Tensor, ids: Tensor, same: Tensor, *truth: Tensor) -> Tensor:
        with torch.autocast("cpu", torch.bfloat16):
            seen, read, tokens = model(batch, ids)
            facts = model.heads(tokens.transpose(1, 2))
        logits = (model.clip.logit_scale.exp().clamp(max=100) * seen @ read.T).masked_fill(same, -1e4)
        answer = torch.arange(len(batch))
        contrast = (F.cross_entropy(logits, answer) + F.cross_entropy(logits.T, answer)) / 2
        return torch.stack([contrast, 0.3 * fact_losses(facts, truth).sum()])

    def loss_of(step: int) -> dict[str, Tensor]:
        rng, torch_rng = generators(SEED, step)
        batch, scenes = pictures.batch(rng, BATCH // 2)
        misses = [near_miss(scene, rng) for scene in scenes]
        drawn = autoencoder.to_tensor(np.stack([draw(scene, rng) for scene in misses]))
        batch, scenes = torch.cat([batch, drawn]), [*scenes, *misses]
        batch = batch + 0.05 * torch.randn(batch.shape, generator=torch_rng)
        ids = tokenize(tokenizer, [describe(scene, rng) for scene in scenes])
        same = torch.tensor([[a == b and i != j for j, b in enumerate(scenes)] for i, a in enumerate(scenes)])
        return dict(zip(("contrast", "facts"), losses(batch, ids, same, *targets(scenes)), strict=True))

    fit(model, loss_of, Schedule(steps, 1e-3, warmup=400), folder, lambda trained: validate(trained, tokenizer))


def tokenize(tokenizer: Any, texts: list[str]) -> Tensor:
    ids: Tensor = tokenizer(texts, padding="max_length", max_length=MAX_TOKENS, truncation=True, return_tensors="pt").input_ids
    return ids


def validate(model: nn.Module, tokenizer: Any) -> dict[str, float]:
    """Share of 300 held-out pictures whose own caption comes first among 100."""
    rng = np.random.default_rng(96)
    scenes = [sample(rng, "heldout") for _ in range(300)]
    images = autoencoder.to_tensor(np.stack([draw(scene, rng) for scene in scenes]))
    seen, read, _ = model(images, tokenize(tokenizer, [describe(scene, rng) for scene in scenes]))
    first = [int((seen[s : s + 100] @ read[s : s + 100].T).argmax(1).eq(torch.arange(100)).sum()) for s in (0, 100, 200)]
    return {"caption_first_of_100": sum(first) / 300}
