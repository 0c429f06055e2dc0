"""The first generator: a tiny Sana (arXiv 2410.10629), flow matching on the autoencoder's latents with a Gemma-2 text encoder."""

from pathlib import Path
from typing import cast

import numpy as np
import torch
from diffusers import AutoencoderDC, SanaTransformer2DModel
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.attention import SDPBackend, sdpa_kernel
from transformers import Gemma2Config, Gemma2Model

from imageloop.stickers.captions import describe
from imageloop.stickers.scenes import draw, sample
from imageloop.stickers.training import autoencoder
from imageloop.stickers.training.fitting import Schedule, averaged, fit, generators
from imageloop.stickers.training.text import BOS, EOS, MAX_TOKENS, PAD, word_tokenizer

SEED = 2
BATCH = 64
POOL = 60_000
WIDTH = 224
LAYERS = 6
TEXT_WIDTH = 192
DROP_PROMPT = 0.1
TIME_SHIFT = 2.0


class TextToLatent(nn.Module):
    """Text encoder and denoiser as one trainable whole."""

    text_encoder: Gemma2Model
    transformer: SanaTransformer2DModel

    def __init__(self, layers: int = LAYERS, guidance_embeds: bool = False) -> None:
        super().__init__()
        self.text_encoder = build_text_encoder()
        self.transformer = build_transformer(layers, guidance_embeds)

    def forward(self, latents: Tensor, ids: Tensor, mask: Tensor, timestep: Tensor) -> Tensor:
        """The predicted velocity `noise - data` (n, 16, 8, 8); `timestep` in [0, 1000]."""
        words = self.text_encoder(ids, attention_mask=mask)[0]
        velocity = self.transformer(
            latents, encoder_hidden_states=words, encoder_attention_mask=mask, timestep=timestep, return_dict=False
        )[0]
        return cast(Tensor, velocity)


def build_text_encoder() -> Gemma2Model:
    config = Gemma2Config(
        vocab_size=len(word_tokenizer()),
        hidden_size=TEXT_WIDTH,
        intermediate_size=384,
        num_hidden_layers=2,
        num_attention_heads=6,
        num_key_value_heads=6,
        head_dim=32,
        query_pre_attn_scalar=32,
        sliding_window=MAX_TOKENS,
        max_position_embeddings=MAX_TOKENS,
        pad_token_id=PAD,
        bos_token_id=BOS,
        eos_token_id=EOS,
        attn_implementation="eager",
    )
    return Gemma2Model(config)


def build_transformer(layers: int = LAYERS, guidance_embeds: bool = False) -> SanaTransformer2DModel:
    model = SanaTransformer2DModel(
        in_channels=autoencoder.LATENT_CHANNELS,
        out_channels=autoencoder.LATENT_CHANNELS,
        num_attention_heads=WIDTH // 32,
        attention_head_dim=32,
        num_layers=layers,
        num_cross_attention_heads=4,
        cross_attention_head_dim=WIDTH // 4,
        cross_attention_dim=WIDTH,
        caption_channels=TEXT_WIDTH,
        mlp_ratio=2.5,
        sample_size=8,
        patch_size=1,
        interpolation_scale=1,
        guidance_embeds=guidance_embeds,
    )
    nn.init.zeros_(model.proj_out.weight)
    nn.init.zeros_(model.proj_out.bias)
    for module in model.modules():
        if isinstance(module, nn.Conv2d):
            module.to(memory_format=torch.channels_last)
    return model


class Pool:
    """Training scenes with their latents, scaled to unit spread; captions are phrased anew each time."""

    def __init__(self, folder: Path, size: int = POOL, seed: int = SEED) -> None:
        rng = np.random.default_rng([seed, 77])
        self.scenes = [sample(rng) for _ in range(size)]
        self.tokenizer = word_tokenizer()
        cache = folder / f"latents-{size}-{seed}.pt"
        if not cache.exists():
            folder.mkdir(parents=True, exist_ok=True)
            torch.save(self._encode(folder.parent / "autoencoder", rng), cache)
        self.latents: Tensor = torch.load(cache, weights_only=True)
        self.scale = float(1 / self.latents[:5000].float().std())

    def _encode(self, folder: Path, rng: np.random.Generator) -> Tensor:
        model = cast(AutoencoderDC, averaged(autoencoder.build(), folder))
        parts = []
        with torch.no_grad(), torch.autocast("cpu", torch.bfloat16):
            for start in range(0, len(self.scenes), 256):
                images = np.stack([draw(scene, rng) for scene in self.scenes[start : start + 256]])
                parts.append(model.encode(autoencoder.to_tensor(images)).latent.half())
        return torch.cat(parts)

    def batch(self, rng: np.random.Generator, count: int, drop: float = DROP_PROMPT) -> tuple[Tensor, Tensor, Tensor]:
        """Latents (n, 16, 8, 8), token ids (n, 40) and their mask; a share `drop` of the prompts is empty, for guidance."""
        chosen = rng.integers(len(self.scenes), size=count)
        prompts = ["" if rng.random() < drop else describe(self.scenes[i], rng) for i in chosen]
        ids, mask = self.tokenize(prompts)
        return self.latents[torch.from_numpy(chosen)].float() * self.scale, ids, mask

    def tokenize(self, prompts: list[str]) -> tuple[Tensor, Tensor]:
        tokens = self.tokenizer(prompts, padding="max_length", max_length=MAX_TOKENS, truncation=True, return_tensors="pt")
        return tokens.input_ids, tokens.attention_mask


def shifted_time(torch_rng: torch.Generator, count: int) -> Tensor:
    """Noise levels in (0, 1): logit-normal, shifted towards noise, where text decides what is drawn."""
    time = torch.sigmoid(torch.randn(count, generator=torch_rng))
    return TIME_SHIFT * time / (1 + (TIME_SHIFT - 1) * time)


def train(folder: Path, steps: int) -> None:
    torch.manual_seed(SEED)
    model, pool = TextToLatent(), Pool(folder)

    @torch.compile
    def loss(latents: Tensor, noise: Tensor, time: Tensor, ids: Tensor, mask: Tensor) -> Tensor:
        mixed = torch.lerp(latents, noise, time.view(-1, 1, 1, 1))
        with torch.autocast("cpu", torch.bfloat16), sdpa_kernel(SDPBackend.MATH):
            velocity = model(mixed, ids, mask, time * 1000)
        return F.mse_loss(velocity.float(), noise - latents)

    def loss_of(step: int) -> dict[str, Tensor]:
        rng, torch_rng = generators(SEED, step)
        latents, ids, mask = pool.batch(rng, BATCH)
        noise = torch.randn(latents.shape, generator=torch_rng)
        return {"flow": loss(latents, noise, shifted_time(torch_rng, BATCH), ids, mask)}

    fit(
        model,
        loss_of,
        Schedule(steps, 1.5e-3, warmup=300, averaging=0.9985),
        folder,
        lambda trained: validate(trained, pool, folder),
    )


def validate(model: TextToLatent, pool: Pool, folder: Path) -> dict[str, float]:
    """Mean squared error of the predicted data at fixed noise levels, on held-out scenes."""
    rng, torch_rng = generators(SEED + 50, 0)
    scenes = [sample(rng, "heldout") for _ in range(64)]
    coder = cast(AutoencoderDC, averaged(autoencoder.build(), folder.parent / "autoencoder"))
    images = np.stack([draw(scene, rng) for scene in scenes])
    latents = coder.encode(autoencoder.to_tensor(images)).latent * pool.scale
    ids, mask = pool.tokenize([describe(scene, rng, "long") for scene in scenes])
    noise = torch.randn(latents.shape, generator=torch_rng)
    errors = {}
    for level in (0.5, 0.8, 1.0):
        velocity = model(torch.lerp(latents, noise, level), ids, mask, torch.full((64,), level * 1000))
        errors[f"velocity_error_at_{level}"] = float((velocity - (noise - latents)).square().mean())
    return errors
