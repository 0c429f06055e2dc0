"""Tiny autoencoders, text encoders and denoisers, shared by the pipelines of `tiny_generators`."""

from typing import Any

import tiny_tokenizers as tokenizers
from diffusers import AutoencoderDC, AutoencoderKL, UNet2DConditionModel
from transformers import (
    CLIPTextConfig,
    CLIPTextModel,
    CLIPTextModelWithProjection,
    Gemma2Config,
    Gemma2Model,
    Qwen3Config,
    Qwen3ForCausalLM,
    T5Config,
    T5EncoderModel,
)

SIDE = 32
"""Every tiny generator draws 32×32 pixels."""


def kl(latents: int = 4, **settings: Any) -> AutoencoderKL:
    return AutoencoderKL(
        block_out_channels=(8, 16),
        down_block_types=("DownEncoderBlock2D",) * 2,
        up_block_types=("UpDecoderBlock2D",) * 2,
        latent_channels=latents,
        norm_num_groups=4,
        layers_per_block=1,
        sample_size=SIDE,
        **settings,
    )


def dc() -> AutoencoderDC:
    channels = (8, 16)
    return AutoencoderDC(
        latent_channels=4,
        attention_head_dim=8,
        encoder_block_types="ResBlock",
        decoder_block_types="ResBlock",
        encoder_block_out_channels=channels,
        decoder_block_out_channels=channels,
        encoder_layers_per_block=(1, 1),
        decoder_layers_per_block=(1, 1),
        encoder_qkv_multiscales=((), ()),
        decoder_qkv_multiscales=((), ()),
        decoder_norm_types="rms_norm",
        scaling_factor=0.5,
    )


def clip_text(width: int = 16, projected: bool = False) -> CLIPTextModel | CLIPTextModelWithProjection:
    tokenizer = tokenizers.clip()
    config = CLIPTextConfig(
        vocab_size=len(tokenizer),
        hidden_size=width,
        intermediate_size=32,  # a row of 77 × 16 would end inside a vector register and so differ by slot in the last bit
        num_hidden_layers=2,
        num_attention_heads=2,
        projection_dim=width,
        bos_token_id=tokenizer.bos_token_id,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
    )
    return (CLIPTextModelWithProjection if projected else CLIPTextModel)(config)


def t5() -> T5EncoderModel:
    return T5EncoderModel(T5Config(vocab_size=len(tokenizers.t5()), d_model=16, d_kv=8, d_ff=16, num_layers=1, num_heads=2))


def gemma() -> Gemma2Model:
    sizes = {"hidden_size": 16, "intermediate_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2, "num_key_value_heads": 2}
    return Gemma2Model(Gemma2Config(vocab_size=len(tokenizers.gemma()), head_dim=8, **sizes))


def qwen3() -> Qwen3ForCausalLM:
    sizes = {"hidden_size": 16, "intermediate_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2, "num_key_value_heads": 2}
    return Qwen3ForCausalLM(Qwen3Config(vocab_size=len(tokenizers.qwen()), head_dim=8, **sizes))


def unet(context: int = 16, **settings: Any) -> UNet2DConditionModel:
    return UNet2DConditionModel(
        block_out_channels=(8, 16),
        down_block_types=("DownBlock2D", "CrossAttnDownBlock2D"),
        up_block_types=("CrossAttnUpBlock2D", "UpBlock2D"),
        cross_attention_dim=context,
        attention_head_dim=2,
        norm_num_groups=4,
        layers_per_block=1,
        sample_size=SIDE // 2,
        **settings,
    )
