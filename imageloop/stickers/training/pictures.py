"""Training pictures for the models that look: scenes as drawn and as the autoencoder gives them back."""

from pathlib import Path
from typing import cast

import numpy as np
import torch
from diffusers import AutoencoderDC
from numpy.typing import NDArray
from torch import Tensor

from imageloop.stickers.scenes import Scene, draw, sample
from imageloop.stickers.training import autoencoder
from imageloop.stickers.training.fitting import averaged

POOL = 12_000
DECODED_SHARE = 0.4
SEED = 3


class Pictures:
    """Endless batches of pictures with their scenes; `DECODED_SHARE` of them from a pool of reconstructions."""

    def __init__(self, folder: Path) -> None:
        rng = np.random.default_rng(SEED)
        self.scenes = [sample(rng) for _ in range(POOL)]
        cache = folder / f"decoded-{POOL}-{SEED}.npy"
        if not cache.exists():
            np.save(cache, decoded([draw(scene, rng) for scene in self.scenes], folder))
        self.decoded = np.load(cache, mmap_mode="r")

    def batch(self, rng: np.random.Generator, count: int) -> tuple[Tensor, list[Scene]]:
        """Pictures (n, 3, 64, 64) in [-1, 1] and what they show."""
        images, scenes = [], []
        for _ in range(count):
            if rng.random() < DECODED_SHARE:
                chosen = int(rng.integers(POOL))
                images.append(self.decoded[chosen])
                scenes.append(self.scenes[chosen])
            else:
                scenes.append(sample(rng))
                images.append(draw(scenes[-1], rng))
        return autoencoder.to_tensor(np.stack(images)), scenes


def decoded(images: list[NDArray[np.uint8]], folder: Path) -> NDArray[np.uint8]:
    """Pictures passed through the trained autoencoder with a little noise on the latents, (n, 64, 64, 3)."""
    model = cast(AutoencoderDC, averaged(autoencoder.build(), folder / "autoencoder"))
    torch_rng = torch.Generator().manual_seed(SEED)
    parts = []
    with torch.no_grad(), torch.autocast("cpu", torch.bfloat16):
        for start in range(0, len(images), 256):
            latents = model.encode(autoencoder.to_tensor(np.stack(images[start : start + 256]))).latent
            noise = autoencoder.NOISE * torch.randn(latents.shape, generator=torch_rng)
            parts.append(to_images(model.decode(latents + noise).sample.float()))
    return np.concatenate(parts)


def to_images(pictures: Tensor) -> NDArray[np.uint8]:
    """Pictures (n, 3, h, w) in [-1, 1] as uint8 (n, h, w, 3)."""
    scaled = pictures.clamp(-1, 1).add(1).mul(127.5).round().to(torch.uint8)
    return np.ascontiguousarray(scaled.permute(0, 2, 3, 1).numpy())
