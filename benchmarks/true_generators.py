"""Generators of the catalog at their true size, with the sizes that their makers publish and weights of chance. Nothing is downloaded.

`GENERATORS[name]()` builds what a row of the catalog loads, part by part, on torch's default device and in its default dtype; on the
meta device that costs nothing, which is how the catalog's parameters are counted.
"""

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import diffusers
import torch
import transformers
from diffusers.pipelines.stable_diffusion import StableDiffusionSafetyChecker
from true_captioners import qwen2_5_vl

Parts = Mapping[str, torch.nn.Module]


def clip_l(projected: bool = False) -> torch.nn.Module:
    config = transformers.CLIPTextConfig(hidden_size=768, intermediate_size=3072, num_attention_heads=12, projection_dim=768)
    return _clip(config, projected)


def clip_h() -> torch.nn.Module:
    return _clip(transformers.CLIPTextConfig(hidden_size=1024, intermediate_size=4096, num_hidden_layers=23, num_attention_heads=16), False)


def clip_g() -> torch.nn.Module:
    sizes = {"hidden_size": 1280, "intermediate_size": 5120, "num_hidden_layers": 32, "num_attention_heads": 20, "projection_dim": 1280}
    return _clip(transformers.CLIPTextConfig(**sizes), True)


def _clip(config: Any, projected: bool) -> torch.nn.Module:
    return (transformers.CLIPTextModelWithProjection if projected else transformers.CLIPTextModel)(config)


def t5_xxl() -> torch.nn.Module:
    sizes = {"d_model": 4096, "d_kv": 64, "d_ff": 10240, "num_layers": 24, "num_heads": 64, "feed_forward_proj": "gated-gelu"}
    return transformers.T5EncoderModel(transformers.T5Config(**sizes))


def qwen3_4b(kind: Any) -> torch.nn.Module:
    sizes = {"hidden_size": 2560, "intermediate_size": 9728, "num_hidden_layers": 36, "num_attention_heads": 32, "num_key_value_heads": 8}
    return kind(transformers.Qwen3Config(vocab_size=151936, head_dim=128, tie_word_embeddings=True, **sizes))


def gemma2_2b() -> torch.nn.Module:
    return transformers.Gemma2Model(transformers.Gemma2Config())


def kl(latents: int) -> torch.nn.Module:
    """The autoencoder of the SD family; those of 16 channels do without the two convolutions around the latents."""
    between = {} if latents == 4 else {"use_quant_conv": False, "use_post_quant_conv": False, "shift_factor": 0.1}
    return diffusers.AutoencoderKL(
        block_out_channels=(128, 256, 512, 512),
        down_block_types=("DownEncoderBlock2D",) * 4,
        up_block_types=("UpDecoderBlock2D",) * 4,
        layers_per_block=2,
        latent_channels=latents,
        **between,
    )


def dc_ae() -> torch.nn.Module:
    blocks, scales = ("ResBlock",) * 3 + ("EfficientViTBlock",) * 3, ((), (), (), (5,), (5,), (5,))
    return diffusers.AutoencoderDC(
        encoder_block_types=blocks,
        decoder_block_types=blocks,
        encoder_block_out_channels=(128, 256, 512, 512, 1024, 1024),
        decoder_block_out_channels=(128, 256, 512, 512, 1024, 1024),
        encoder_layers_per_block=(2, 2, 2, 3, 3, 3),
        decoder_layers_per_block=(3,) * 6,
        encoder_qkv_multiscales=scales,
        decoder_qkv_multiscales=scales,
        upsample_block_type="interpolate",
        downsample_block_type="Conv",
        scaling_factor=0.41407,
    )


def safety_checker() -> torch.nn.Module:
    eye = {"hidden_size": 1024, "intermediate_size": 4096, "num_hidden_layers": 24, "num_attention_heads": 16, "patch_size": 14}
    return StableDiffusionSafetyChecker(transformers.CLIPConfig(vision_config=eye, text_config={}, projection_dim=768))


def sd15(**denoiser: Any) -> Parts:
    unet = diffusers.UNet2DConditionModel(sample_size=64, cross_attention_dim=768, **denoiser)
    return {"unet": unet, "text_encoder": clip_l(), "vae": kl(4), "safety_checker": safety_checker()}


def sd_turbo() -> Parts:
    unet = diffusers.UNet2DConditionModel(
        sample_size=64, cross_attention_dim=1024, attention_head_dim=(5, 10, 20, 20), use_linear_projection=True
    )
    return {"unet": unet, "text_encoder": clip_h(), "vae": kl(4)}


def sdxl() -> Parts:
    unet = diffusers.UNet2DConditionModel(
        sample_size=128,
        cross_attention_dim=2048,
        attention_head_dim=(5, 10, 20),
        use_linear_projection=True,
        block_out_channels=(320, 640, 1280),
        down_block_types=("DownBlock2D", "CrossAttnDownBlock2D", "CrossAttnDownBlock2D"),
        up_block_types=("CrossAttnUpBlock2D", "CrossAttnUpBlock2D", "UpBlock2D"),
        transformer_layers_per_block=(1, 2, 10),
        addition_embed_type="text_time",
        addition_time_embed_dim=256,
        projection_class_embeddings_input_dim=2816,
    )
    return {"unet": unet, "text_encoder": clip_l(), "text_encoder_2": clip_g(), "vae": kl(4)}


def pixart_sigma() -> Parts:
    transformer = diffusers.PixArtTransformer2DModel(
        sample_size=128, interpolation_scale=2, caption_channels=4096, use_additional_conditions=False
    )
    return {"transformer": transformer, "text_encoder": t5_xxl(), "vae": kl(4)}


def sana_sprint(layers: int, heads: int, cross_heads: int, cross_dim: int) -> Parts:
    transformer = diffusers.SanaTransformer2DModel(
        num_layers=layers,
        num_attention_heads=heads,
        num_cross_attention_heads=cross_heads,
        cross_attention_head_dim=cross_dim,
        cross_attention_dim=cross_heads * cross_dim,
        guidance_embeds=True,
        qk_norm="rms_norm_across_heads",
        timestep_scale=1000.0,
    )
    return {"transformer": transformer, "text_encoder": gemma2_2b(), "vae": dc_ae()}


def sd3(layers: int, positions: int, **attention: Any) -> Parts:
    transformer = diffusers.SD3Transformer2DModel(
        sample_size=128,
        num_layers=layers,
        num_attention_heads=layers,
        caption_projection_dim=64 * layers,
        joint_attention_dim=4096,
        pos_embed_max_size=positions,
        qk_norm="rms_norm",
        **attention,
    )
    encoders = {"text_encoder": clip_l(projected=True), "text_encoder_2": clip_g(), "text_encoder_3": t5_xxl()}
    return {"transformer": transformer, **encoders, "vae": kl(16)}


def flux_schnell() -> Parts:
    transformer = diffusers.FluxTransformer2DModel(guidance_embeds=False)
    return {"transformer": transformer, "text_encoder": clip_l(), "text_encoder_2": t5_xxl(), "vae": kl(16)}


def flux2_klein() -> Parts:
    transformer = diffusers.Flux2Transformer2DModel(
        num_layers=5, num_single_layers=20, num_attention_heads=24, joint_attention_dim=7680, guidance_embeds=False
    )
    return {"transformer": transformer, "text_encoder": qwen3_4b(transformers.Qwen3ForCausalLM), "vae": diffusers.AutoencoderKLFlux2()}


def z_image() -> Parts:
    transformer = diffusers.ZImageTransformer2DModel()
    return {"transformer": transformer, "text_encoder": qwen3_4b(transformers.Qwen3Model), "vae": kl(16)}


def qwen_image() -> Parts:
    transformer = diffusers.QwenImageTransformer2DModel()
    return {"transformer": transformer, "text_encoder": qwen2_5_vl("7b")["model"], "vae": diffusers.AutoencoderKLQwenImage()}


GENERATORS: Mapping[str, Callable[[], Parts]] = {
    "sd15": sd15,
    "lcm-dreamshaper": partial(sd15, time_cond_proj_dim=256),
    "sd-turbo": sd_turbo,
    "sdxl": sdxl,
    "sdxl-turbo": sdxl,
    "sdxl-lightning": sdxl,
    "pixart-sigma": pixart_sigma,
    "sana-sprint-0.6b": partial(sana_sprint, 28, 36, 16, 72),
    "sana-sprint-1.6b": partial(sana_sprint, 20, 70, 20, 112),
    "sd35-medium": partial(sd3, 24, 384, dual_attention_layers=tuple(range(13))),
    "sd35-turbo": partial(sd3, 38, 192),
    "flux-schnell": flux_schnell,
    "flux2-klein-4b": flux2_klein,
    "z-image-turbo": z_image,
    "qwen-image": qwen_image,
}
