"""Tiny random checkpoints of the true diffusers classes, saved as the hub holds them."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import tiny_parts as parts
import tiny_tokenizers as tokenizers
import torch
from diffusers import (
    AutoencoderKLFlux2,
    AutoencoderKLQwenImage,
    DPMSolverMultistepScheduler,
    EulerDiscreteScheduler,
    FlowMatchEulerDiscreteScheduler,
    Flux2KleinPipeline,
    Flux2Transformer2DModel,
    FluxPipeline,
    FluxTransformer2DModel,
    LatentConsistencyModelPipeline,
    LCMScheduler,
    PixArtSigmaPipeline,
    PixArtTransformer2DModel,
    PNDMScheduler,
    QwenImagePipeline,
    QwenImageTransformer2DModel,
    SanaPipeline,
    SanaSprintPipeline,
    SanaTransformer2DModel,
    SCMScheduler,
    SD3Transformer2DModel,
    StableDiffusion3Pipeline,
    StableDiffusionPipeline,
    StableDiffusionXLPipeline,
    ZImagePipeline,
    ZImageTransformer2DModel,
)
from diffusers.pipelines.stable_diffusion import StableDiffusionSafetyChecker
from transformers import (
    CLIPConfig,
    CLIPImageProcessor,
    Qwen2_5_VLConfig,
    Qwen2_5_VLForConditionalGeneration,
    T5Config,
    T5EncoderModel,
)

SIDE = parts.SIDE


def stable_diffusion() -> StableDiffusionPipeline:
    checked = CLIPConfig(
        text_config={"hidden_size": 16, "intermediate_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2, "vocab_size": 20},
        vision_config={
            "hidden_size": 16,
            "intermediate_size": 16,
            "num_hidden_layers": 1,
            "num_attention_heads": 2,
            "image_size": 16,
            "patch_size": 8,
        },
        projection_dim=16,
    )
    return StableDiffusionPipeline(
        vae=parts.kl(),
        text_encoder=parts.clip_text(),
        tokenizer=tokenizers.clip(),
        unet=parts.unet(),
        scheduler=PNDMScheduler(beta_schedule="scaled_linear", skip_prk_steps=True, steps_offset=1),
        safety_checker=StableDiffusionSafetyChecker(checked),
        feature_extractor=CLIPImageProcessor(size={"shortest_edge": 16}, crop_size={"height": 16, "width": 16}),
    )


def sd_turbo() -> StableDiffusionPipeline:
    return StableDiffusionPipeline(
        vae=parts.kl(),
        text_encoder=parts.clip_text(),
        tokenizer=tokenizers.clip(),
        unet=parts.unet(),
        scheduler=EulerDiscreteScheduler(timestep_spacing="trailing", steps_offset=1),
        safety_checker=None,
        feature_extractor=None,
        requires_safety_checker=False,
    )


def latent_consistency() -> LatentConsistencyModelPipeline:
    return LatentConsistencyModelPipeline(
        vae=parts.kl(),
        text_encoder=parts.clip_text(),
        tokenizer=tokenizers.clip(),
        unet=parts.unet(time_cond_proj_dim=16),
        scheduler=LCMScheduler(),
        safety_checker=None,
        feature_extractor=None,
        requires_safety_checker=False,
    )


def stable_diffusion_xl() -> StableDiffusionXLPipeline:
    added = {"addition_embed_type": "text_time", "addition_time_embed_dim": 8, "projection_class_embeddings_input_dim": 6 * 8 + 16}
    return StableDiffusionXLPipeline(
        vae=parts.kl(),
        text_encoder=parts.clip_text(),
        text_encoder_2=parts.clip_text(projected=True),
        tokenizer=tokenizers.clip(),
        tokenizer_2=tokenizers.clip(),
        unet=parts.unet(context=32, **added),
        scheduler=EulerDiscreteScheduler(),
    )


def stable_diffusion_3() -> StableDiffusion3Pipeline:
    return StableDiffusion3Pipeline(
        transformer=SD3Transformer2DModel(
            sample_size=16,
            in_channels=4,
            out_channels=4,
            num_layers=1,
            attention_head_dim=8,
            num_attention_heads=2,
            joint_attention_dim=32,
            caption_projection_dim=16,
            pooled_projection_dim=32,
            pos_embed_max_size=16,
        ),
        scheduler=FlowMatchEulerDiscreteScheduler(),
        vae=parts.kl(shift_factor=0.1),
        text_encoder=parts.clip_text(projected=True),
        tokenizer=tokenizers.clip(),
        text_encoder_2=parts.clip_text(projected=True),
        tokenizer_2=tokenizers.clip(),
        text_encoder_3=T5EncoderModel(T5Config(vocab_size=len(tokenizers.t5()), d_model=32, d_kv=8, d_ff=16, num_layers=1, num_heads=2)),
        tokenizer_3=tokenizers.t5(),
    )


def pixart_sigma() -> PixArtSigmaPipeline:
    return PixArtSigmaPipeline(
        tokenizer=tokenizers.t5(),
        text_encoder=parts.t5(),
        vae=parts.kl(),
        transformer=PixArtTransformer2DModel(
            num_attention_heads=2,
            attention_head_dim=8,
            num_layers=1,
            cross_attention_dim=16,
            sample_size=16,
            caption_channels=16,
            use_additional_conditions=False,
        ),
        scheduler=DPMSolverMultistepScheduler(),
    )


def _sana_transformer(**settings: Any) -> SanaTransformer2DModel:
    return SanaTransformer2DModel(
        in_channels=4,
        out_channels=4,
        num_attention_heads=2,
        attention_head_dim=8,
        num_layers=1,
        num_cross_attention_heads=2,
        cross_attention_head_dim=8,
        cross_attention_dim=16,
        caption_channels=16,
        sample_size=16,
        **settings,
    )


def sana() -> SanaPipeline:
    return SanaPipeline(
        tokenizer=tokenizers.gemma(),
        text_encoder=parts.gemma(),
        vae=parts.dc(),
        transformer=_sana_transformer(),
        scheduler=DPMSolverMultistepScheduler(use_flow_sigmas=True, prediction_type="flow_prediction", flow_shift=3.0),
    )


def sana_sprint() -> SanaSprintPipeline:
    return SanaSprintPipeline(
        tokenizer=tokenizers.gemma(),
        text_encoder=parts.gemma(),
        vae=parts.dc(),
        transformer=_sana_transformer(guidance_embeds=True),
        scheduler=SCMScheduler(),
    )


def flux() -> FluxPipeline:
    return FluxPipeline(
        scheduler=FlowMatchEulerDiscreteScheduler(),
        vae=parts.kl(shift_factor=0.1),
        text_encoder=parts.clip_text(),
        tokenizer=tokenizers.clip(),
        text_encoder_2=parts.t5(),
        tokenizer_2=tokenizers.t5(),
        transformer=FluxTransformer2DModel(
            in_channels=16,
            num_layers=1,
            num_single_layers=1,
            attention_head_dim=16,
            num_attention_heads=2,
            joint_attention_dim=16,
            pooled_projection_dim=16,
            axes_dims_rope=(4, 4, 8),
        ),
    )


def flux2_klein() -> Flux2KleinPipeline:
    return Flux2KleinPipeline(
        scheduler=FlowMatchEulerDiscreteScheduler(),
        vae=AutoencoderKLFlux2(
            block_out_channels=(8, 16),
            down_block_types=("DownEncoderBlock2D",) * 2,
            up_block_types=("UpDecoderBlock2D",) * 2,
            latent_channels=4,
            norm_num_groups=4,
            layers_per_block=1,
            sample_size=parts.SIDE,
        ),
        text_encoder=parts.qwen3(),
        tokenizer=tokenizers.qwen(),
        transformer=Flux2Transformer2DModel(
            in_channels=16,
            num_layers=1,
            num_single_layers=1,
            attention_head_dim=16,
            num_attention_heads=2,
            joint_attention_dim=32,
            axes_dims_rope=(4, 4, 4, 4),
            guidance_embeds=False,
        ),
        is_distilled=True,
    )


def z_image() -> ZImagePipeline:
    transformer = ZImageTransformer2DModel(
        in_channels=4,
        dim=32,
        n_layers=1,
        n_refiner_layers=1,
        n_heads=2,
        n_kv_heads=2,
        cap_feat_dim=16,
        axes_dims=[4, 4, 8],
        axes_lens=[256, 32, 32],
    )
    for pad in (transformer.x_pad_token, transformer.cap_pad_token):
        torch.nn.init.zeros_(pad)
    return ZImagePipeline(
        scheduler=FlowMatchEulerDiscreteScheduler(),
        vae=parts.kl(shift_factor=0.1),
        text_encoder=parts.qwen3(),
        tokenizer=tokenizers.qwen(),
        transformer=transformer,
    )


def qwen_image() -> QwenImagePipeline:
    sizes = {"hidden_size": 16, "intermediate_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2, "num_key_value_heads": 2}
    config = Qwen2_5_VLConfig(
        text_config={
            **sizes,
            "vocab_size": len(tokenizers.qwen()),
            "rope_parameters": {"rope_type": "default", "mrope_section": [1, 1, 2], "rope_theta": 1e4},
        },
        vision_config={
            "depth": 1,
            "hidden_size": 16,
            "intermediate_size": 16,
            "num_heads": 2,
            "out_hidden_size": 16,
            "fullatt_block_indexes": [0],
        },
    )
    return QwenImagePipeline(
        scheduler=FlowMatchEulerDiscreteScheduler(),
        vae=AutoencoderKLQwenImage(
            base_dim=8,
            z_dim=4,
            dim_mult=[1, 2],
            num_res_blocks=1,
            temperal_downsample=[False],
            latents_mean=[0.0] * 4,
            latents_std=[1.0] * 4,
        ),
        text_encoder=Qwen2_5_VLForConditionalGeneration(config),
        tokenizer=tokenizers.qwen(),
        transformer=QwenImageTransformer2DModel(
            in_channels=16,
            out_channels=4,
            num_layers=1,
            attention_head_dim=16,
            num_attention_heads=2,
            joint_attention_dim=16,
            axes_dims_rope=(4, 4, 8),
        ),
    )


BUILDERS: Mapping[str, tuple[Callable[[], Any], Mapping[str, Any]]] = {
    "sana": (sana, {"guidance_scale": 3.0, "max_sequence_length": 40}),
    "sana-sprint": (sana_sprint, {"max_sequence_length": 40}),
    "sd15": (stable_diffusion, {}),
    "sd-turbo": (sd_turbo, {"steps": 1, "guidance_scale": 0.0}),
    "lcm": (latent_consistency, {"guidance_scale": 8.5}),
    "sdxl": (stable_diffusion_xl, {}),
    "sdxl-turbo": (stable_diffusion_xl, {"steps": 1, "guidance_scale": 0.0}),
    "sd3": (stable_diffusion_3, {"max_sequence_length": 60}),
    "pixart-sigma": (pixart_sigma, {"max_sequence_length": 60}),
    "flux": (flux, {"guidance_scale": 0.0, "max_sequence_length": 60}),
    "flux2-klein": (flux2_klein, {"guidance_scale": 1.0, "max_sequence_length": 80, "text_encoder_out_layers": [1, 2]}),
    "z-image": (z_image, {"guidance_scale": 0.0, "max_sequence_length": 80}),
    "qwen-image": (qwen_image, {"true_cfg_scale": 4.0, "max_sequence_length": 240}),
}
"""Family → (what builds its pipeline, settings it is run with); two steps unless the settings say otherwise."""


def save(family: str, folder: Path) -> Path:
    """A random pipeline of the family in a folder of its own."""
    torch.manual_seed(0)
    pipeline = BUILDERS[family][0]()
    pipeline.save_pretrained(folder / family)
    return folder / family
