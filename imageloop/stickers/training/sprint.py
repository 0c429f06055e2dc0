"""The second generator: a tiny Sana-Sprint (arXiv 2503.09641), distilled from the first into four layers and few steps.

First the student learns the teacher's guided velocity, then consistency along the teacher's guided path (arXiv 2310.04378): what it
makes of a noisy latent must equal what it makes of the same latent one teacher step cleaner.
"""

import copy
from pathlib import Path
from typing import cast

import numpy as np
import torch
from diffusers import AutoencoderDC, SanaTransformer2DModel
from torch import Tensor, nn
from torch.nn.attention import SDPBackend, sdpa_kernel
from transformers import Gemma2Model

from imageloop.stickers.captions import describe
from imageloop.stickers.judge_network import JudgeNetwork, read
from imageloop.stickers.scenes import sample
from imageloop.stickers.training import autoencoder
from imageloop.stickers.training.fitting import Schedule, averaged, fit, generators
from imageloop.stickers.training.generator import Pool, TextToLatent
from imageloop.stickers.training.pictures import to_images

SEED = 8
BATCH = 32
KEPT_LAYERS = (0, 1, 3, 5)
LEVELS = 12
GUIDANCE = (1.5, 4.5)
GUIDANCE_SCALE_OF_EMBEDDING = 0.1
TARGET_AVERAGING = 0.95

SAMPLING_LEVELS = (1.0, 0.707, 0.5, 0.293)
"""What four even steps of diffusers' SCMScheduler amount to."""


class Student(nn.Module):
    """The teacher's text encoder, kept as it is, and a thinner transformer that is told the guidance scale."""

    text_encoder: Gemma2Model
    transformer: SanaTransformer2DModel

    def __init__(self) -> None:
        super().__init__()
        whole = TextToLatent(len(KEPT_LAYERS), guidance_embeds=True)
        self.text_encoder = whole.text_encoder.requires_grad_(False)
        self.transformer = whole.transformer

    def forward(self, noisy: Tensor, words: Tensor, mask: Tensor, level: Tensor, guidance: Tensor) -> Tensor:
        """The predicted data (n, 16, 8, 8) from `noisy` latents at noise `level` (n) in (0, 1]."""
        velocity = self.transformer(
            noisy,
            encoder_hidden_states=words,
            encoder_attention_mask=mask,
            timestep=level,
            guidance=guidance * GUIDANCE_SCALE_OF_EMBEDDING,
            return_dict=False,
        )[0]
        return cast(Tensor, noisy - level.view(-1, 1, 1, 1) * velocity.float())


def build(folder: Path) -> Student:
    """A student with the trained teacher's weights, thinned, before any distillation."""
    teacher, student = averaged(TextToLatent(), folder / "generator"), Student()
    student.text_encoder.load_state_dict(teacher.text_encoder.state_dict())
    theirs, ours = teacher.transformer, student.transformer
    for name in ("patch_embed", "caption_projection", "caption_norm", "norm_out", "proj_out"):
        getattr(ours, name).load_state_dict(getattr(theirs, name).state_dict())
    ours.scale_shift_table.data.copy_(theirs.scale_shift_table.data)
    for block, number in zip(ours.transformer_blocks, KEPT_LAYERS, strict=True):
        block.load_state_dict(theirs.transformer_blocks[number].state_dict())
    ours.time_embed.linear.load_state_dict(theirs.time_embed.linear.state_dict())
    _fit_time(theirs, ours)
    return student


def _fit_time(theirs: SanaTransformer2DModel, ours: SanaTransformer2DModel) -> None:
    """Teach the student's embedding of time in [0, 1] to say what the teacher's says of time in [0, 1000]."""
    torch_rng = torch.Generator().manual_seed(SEED)
    parts = ours.time_embed
    optimiser = torch.optim.AdamW([*parts.timestep_embedder.parameters(), *parts.guidance_embedder.parameters()], lr=3e-3)
    for _ in range(1500):
        level = torch.rand(256, generator=torch_rng)
        with torch.no_grad():
            wanted = theirs.time_embed.emb(level * 1000, resolution=None, aspect_ratio=None, batch_size=256, hidden_dtype=torch.float32)
        guidance = GUIDANCE_SCALE_OF_EMBEDDING * _guidance(torch_rng, 256)
        error = (parts(level, guidance=guidance, hidden_dtype=torch.float32)[1] - wanted).square().mean()
        torch.autograd.backward(error)
        optimiser.step()
        optimiser.zero_grad()


def _guidance(torch_rng: torch.Generator, count: int) -> Tensor:
    low, high = GUIDANCE
    return low + (high - low) * torch.rand(count, generator=torch_rng)


def train(folder: Path, steps: int) -> None:
    torch.manual_seed(SEED)
    student, pool = build(folder.parent), Pool(folder.parent / "generator")
    teacher = averaged(TextToLatent(), folder.parent / "generator").requires_grad_(False)
    target = copy.deepcopy(student).requires_grad_(False)
    nothing = pool.tokenize([""])
    followed = False

    @torch.compile
    def goal(
        noisy: Tensor, words: Tensor, mask: Tensor, empty: Tensor, empty_mask: Tensor, level: Tensor, guidance: Tensor
    ) -> tuple[Tensor, Tensor]:
        """The teacher's guided guess of the data, and the noisy latents one level cleaner along its path."""
        with torch.no_grad(), torch.autocast("cpu", torch.bfloat16), sdpa_kernel(SDPBackend.MATH):
            both = teacher.transformer(
                torch.cat([noisy, noisy]),
                encoder_hidden_states=torch.cat([words, empty.expand_as(words)]),
                encoder_attention_mask=torch.cat([mask, empty_mask.expand_as(mask)]),
                timestep=torch.cat([level, level]) * 1000,
                return_dict=False,
            )[0].float()
        told, untold = both.chunk(2)
        velocity = untold + guidance.view(-1, 1, 1, 1) * (told - untold)
        return noisy - level.view(-1, 1, 1, 1) * velocity, noisy - velocity / LEVELS

    @torch.compile
    def guess(model: nn.Module, noisy: Tensor, words: Tensor, mask: Tensor, level: Tensor, guidance: Tensor) -> Tensor:
        with torch.autocast("cpu", torch.bfloat16), sdpa_kernel(SDPBackend.MATH):
            result: Tensor = model(noisy, words, mask, level, guidance)
        return result

    def loss_of(step: int) -> dict[str, Tensor]:
        nonlocal followed
        rng, torch_rng = generators(SEED, step)
        latents, ids, mask = pool.batch(rng, BATCH, drop=0.0)
        with torch.no_grad():
            words = student.text_encoder(ids, attention_mask=mask)[0]
            empty = student.text_encoder(nothing[0], attention_mask=nothing[1])[0]
            # Checkpoints do not hold the target: the first step of a process, resumed or not, takes the student as it is.
            _follow(target, student, TARGET_AVERAGING if followed else 0.0)
            followed = True
        number = torch.randint(1, LEVELS + 1, (BATCH,), generator=torch_rng)
        level, guidance = number / LEVELS, _guidance(torch_rng, BATCH)
        noisy = torch.lerp(latents, torch.randn(latents.shape, generator=torch_rng), level.view(-1, 1, 1, 1))
        wanted, cleaner = goal(noisy, words, mask, empty, nothing[1], level, guidance)
        if step > steps // 3:
            with torch.no_grad():
                further = guess(target, cleaner, words, mask, (level - 1 / LEVELS).clamp(min=0.01), guidance)
            wanted = torch.where(number.view(-1, 1, 1, 1) == 1, cleaner, further)
        difference = guess(student, noisy, words, mask, level, guidance) - wanted
        return {"distance": (difference.square() + 0.01).sqrt().mean()}

    fit(
        student,
        loss_of,
        Schedule(steps, 5e-4, warmup=100, averaging=0.995),
        folder,
        lambda trained: validate(trained, pool, folder.parent),
    )


def _follow(target: nn.Module, student: nn.Module, keep: float) -> None:
    for ours, theirs in zip(target.parameters(), student.parameters(), strict=True):
        ours.lerp_(theirs, 1 - keep)


def validate(student: Student, pool: Pool, folder: Path) -> dict[str, float]:
    """Share of the objects of 64 held-out captions that the judge finds in pictures drawn in four steps."""
    rng, torch_rng = generators(SEED + 50, 0)
    scenes = [sample(rng, "heldout") for _ in range(64)]
    ids, mask = pool.tokenize([describe(scene, rng) for scene in scenes])
    words = student.text_encoder(ids, attention_mask=mask)[0]
    data = torch.zeros(64, autoencoder.LATENT_CHANNELS, 8, 8)
    for level in SAMPLING_LEVELS:
        noisy = torch.lerp(data, torch.randn(data.shape, generator=torch_rng), level)
        data = student(noisy, words, mask, torch.full((64,), level), torch.full((64,), 3.0))
    coder = cast(AutoencoderDC, averaged(autoencoder.build(), folder / "autoencoder"))
    judge = averaged(JudgeNetwork(), folder / "judge")
    readings = read(judge, to_images(coder.decode(data / pool.scale).sample))
    found = [r.objects.get(p) == o for s, r in zip(scenes, readings, strict=True) for o, p in zip(s.objects, s.places, strict=True)]
    return {"object": float(np.mean(found))}
