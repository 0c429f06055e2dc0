"""The autoencoder of the generators: diffusers' AutoencoderDC, 64×64×3 pixels to 8×8×16 latents."""

from pathlib import Path
from typing import cast

import numpy as np
import torch
from diffusers import AutoencoderDC
from torch import Tensor, nn
from torch.nn import functional as F

from imageloop.stickers.scenes import Split, draw, sample
from imageloop.stickers.training.fitting import Schedule, fit, generators

SEED = 1
BATCH = 32
LATENT_CHANNELS = 16
CHANNELS = (64, 64, 128, 128)
NOISE = 0.05


def build() -> AutoencoderDC:
    """An untrained autoencoder of 3.0 M parameters, with shortcuts of pixel-unshuffle and -shuffle (DC-AE, arXiv 2410.10733)."""
    return AutoencoderDC(
        latent_channels=LATENT_CHANNELS,
        encoder_block_out_channels=CHANNELS,
        decoder_block_out_channels=CHANNELS,
        encoder_layers_per_block=(0, 1, 1, 1),
        decoder_layers_per_block=(0, 2, 2, 2),
        encoder_qkv_multiscales=((),) * 4,
        decoder_qkv_multiscales=((),) * 4,
        scaling_factor=1.0,
    ).to(memory_format=torch.channels_last)


def pixels(rng: np.random.Generator, count: int, split: Split = "train") -> Tensor:
    """`count` drawn scenes as a tensor (count, 3, 64, 64) in [-1, 1]."""
    return to_tensor(np.stack([draw(sample(rng, split), rng) for _ in range(count)]))


def to_tensor(images: np.ndarray) -> Tensor:
    """uint8 (n, h, w, 3) to float (n, 3, h, w) in [-1, 1]."""
    return torch.from_numpy(images).permute(0, 3, 1, 2).float().div(127.5).sub(1).contiguous(memory_format=torch.channels_last)


def psnr(first: Tensor, second: Tensor) -> float:
    """Mean peak signal-to-noise ratio over pictures in [-1, 1], in dB."""
    error = (first.clamp(-1, 1) - second.clamp(-1, 1)).div(2).square().mean(dim=(1, 2, 3))
    return float((-10 * error.log10()).mean())


def train(folder: Path, steps: int) -> None:
    torch.manual_seed(SEED)
    model = build()

    @torch.compile
    def losses(batch: Tensor, noise: Tensor) -> Tensor:
        with torch.autocast("cpu", torch.bfloat16):
            latents = model.encode(batch, return_dict=False)[0]
            drawn = model.decode(latents + noise, return_dict=False)[0].float()
        spread = latents.float().square().mean()
        return torch.stack([F.mse_loss(drawn, batch) * 10, F.l1_loss(drawn, batch), 0.02 * (spread - 1).clamp(min=0)])

    def loss_of(step: int) -> dict[str, Tensor]:
        rng, torch_rng = generators(SEED, step)
        batch = pixels(rng, BATCH)
        noise = NOISE * torch.randn((BATCH, LATENT_CHANNELS, 8, 8), generator=torch_rng)
        mse, l1, spread = losses(batch, noise)
        return {"mse": mse, "l1": l1, "spread": spread}

    fit(model, loss_of, Schedule(steps, 2e-3, decay=0.4), folder, validate)


def validate(model: nn.Module) -> dict[str, float]:
    autoencoder = cast(AutoencoderDC, model)
    batch = pixels(np.random.default_rng(99), 64, "heldout")
    latents = autoencoder.encode(batch).latent
    return {"psnr": psnr(autoencoder.decode(latents).sample, batch), "latent_std": float(latents.std())}
