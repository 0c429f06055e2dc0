"""Captioners and embedders of the catalog at their true size, as `true_generators` says."""

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import open_clip
import torch
import transformers

Parts = Mapping[str, torch.nn.Module]

QWEN2_5: Mapping[str, Mapping[str, int]] = {
    "3b": {"vocab_size": 151936, "hidden_size": 2048, "intermediate_size": 11008, "num_hidden_layers": 36, "num_attention_heads": 16},
    "7b": {"vocab_size": 152064, "hidden_size": 3584, "intermediate_size": 18944, "num_hidden_layers": 28, "num_attention_heads": 28},
}
QWEN3: Mapping[str, Mapping[str, int]] = {
    "2b": {"hidden_size": 2048, "intermediate_size": 6144, "num_hidden_layers": 28, "num_attention_heads": 16},
    "4b": {"hidden_size": 2560, "intermediate_size": 9728, "num_hidden_layers": 36, "num_attention_heads": 32},
    "8b": {"hidden_size": 4096, "intermediate_size": 12288, "num_hidden_layers": 36, "num_attention_heads": 32},
}
SMOL: Mapping[str, Mapping[str, int]] = {
    "256m": {"hidden_size": 576, "intermediate_size": 1536, "num_hidden_layers": 30, "num_attention_heads": 9, "num_key_value_heads": 3},
    "500m": {"hidden_size": 960, "intermediate_size": 2560, "num_hidden_layers": 32, "num_attention_heads": 15, "num_key_value_heads": 5},
    "2.2b": {"hidden_size": 2048, "intermediate_size": 8192, "num_hidden_layers": 24, "num_attention_heads": 32, "num_key_value_heads": 32},
}
INTERN: Mapping[str, Mapping[str, int]] = {
    "1b": {"hidden_size": 896, "intermediate_size": 4864, "num_hidden_layers": 24, "num_attention_heads": 14},
    "2b": {"hidden_size": 1536, "intermediate_size": 8960, "num_hidden_layers": 28, "num_attention_heads": 12},
}
SO400M = {"hidden_size": 1152, "intermediate_size": 4304, "num_hidden_layers": 27, "num_attention_heads": 16, "patch_size": 14}
VIT_B = {"hidden_size": 768, "intermediate_size": 3072, "num_hidden_layers": 12, "num_attention_heads": 12, "patch_size": 16}
VIT_L = {"hidden_size": 1024, "intermediate_size": 4096, "num_hidden_layers": 24, "num_attention_heads": 16}


def vit_gpt2() -> Parts:
    words = transformers.GPT2Config(add_cross_attention=True, is_decoder=True)
    config = transformers.VisionEncoderDecoderConfig.from_encoder_decoder_configs(transformers.ViTConfig(), words)
    model = transformers.VisionEncoderDecoderModel(config)
    model.generation_config.update(decoder_start_token_id=words.bos_token_id, eos_token_id=words.eos_token_id)
    return {"model": model}


def blip(eye: Mapping[str, int]) -> Parts:
    words = {"vocab_size": 30524, "encoder_hidden_size": eye["hidden_size"], "num_attention_heads": 12}
    config = transformers.BlipConfig(text_config=words, vision_config={**eye, "image_size": 384, "patch_size": 16})
    return {"model": transformers.BlipForConditionalGeneration(config)}


def blip2() -> Parts:
    sizes = {"hidden_size": 2560, "ffn_dim": 10240, "num_hidden_layers": 32, "num_attention_heads": 32, "word_embed_proj_dim": 2560}
    config = transformers.Blip2Config(text_config={"model_type": "opt", "vocab_size": 50304, **sizes}, vision_config={}, qformer_config={})
    return {"model": transformers.Blip2ForConditionalGeneration(config)}


def git(eye: Mapping[str, int]) -> Parts:
    return {"model": transformers.GitForCausalLM(transformers.GitConfig(vision_config={"image_size": 224, **eye}))}


def florence2(width: int, layers: int, positions: int, vocabulary: int) -> Parts:
    units, scale = (4, 8, 16, 32), width // 512
    heads = tuple(scale * unit for unit in units)
    eye = {"embed_dim": tuple(32 * head for head in heads), "num_heads": heads, "num_groups": heads, "projection_dim": width}
    words = {"d_model": width, "max_position_embeddings": positions, "vocab_size": vocabulary}
    for side in ("encoder", "decoder"):
        words |= {f"{side}_layers": layers, f"{side}_ffn_dim": 4 * width, f"{side}_attention_heads": width // 64}
    config = transformers.Florence2Config(vision_config={**eye, "depths": (1, 1, 9, 1)}, text_config={"model_type": "bart", **words})
    return {"model": transformers.Florence2ForConditionalGeneration(config)}


def llava() -> Parts:
    words = {"vocab_size": 32064, "hidden_size": 4096, "intermediate_size": 11008, "num_hidden_layers": 32, "num_attention_heads": 32}
    eye = {"model_type": "clip_vision_model", **VIT_L, "patch_size": 14, "image_size": 336}
    config = transformers.LlavaConfig(vision_config=eye, text_config={"model_type": "llama", **words})
    return {"model": transformers.LlavaForConditionalGeneration(config)}


def smolvlm(size: str) -> Parts:
    large = size == "2.2b"
    words = {"model_type": "llama", "vocab_size": 49280, "head_dim": 64, **SMOL[size]}
    eye = {**SO400M, "image_size": 384} if large else {**VIT_B, "image_size": 512}
    config = transformers.SmolVLMConfig(vision_config=eye, text_config=words, scale_factor=3 if large else 4, tie_word_embeddings=False)
    return {"model": transformers.SmolVLMForConditionalGeneration(config)}


def qwen2_5_vl(size: str, **tokens: int) -> Parts:
    sections = {"rope_type": "default", "mrope_section": [16, 24, 24], "rope_theta": 1e6}
    words = {"num_key_value_heads": {"3b": 2, "7b": 4}[size], "rope_parameters": sections, **QWEN2_5[size]}
    eye = {"depth": 32, "hidden_size": 1280, "intermediate_size": 3420, "num_heads": 16, "out_hidden_size": words["hidden_size"]}
    eye |= {"patch_size": 14, "window_size": 112, "fullatt_block_indexes": [7, 15, 23, 31]}
    config = transformers.Qwen2_5_VLConfig(text_config=words, vision_config=eye, tie_word_embeddings=size == "3b", **tokens)
    return {"model": transformers.Qwen2_5_VLForConditionalGeneration(config)}


def qwen3_vl(size: str, **tokens: int) -> Parts:
    words = {"vocab_size": 151936, "num_key_value_heads": 8, "head_dim": 128, **QWEN3[size]}
    seen: dict[str, Any] = {"depth": 24, "hidden_size": 1024, "intermediate_size": 4096, "deepstack_visual_indexes": [5, 11, 17]}
    if size == "8b":
        seen = {"depth": 27, "hidden_size": 1152, "intermediate_size": 4304, "deepstack_visual_indexes": [8, 16, 24]}
    eye = {**seen, "num_heads": 16, "out_hidden_size": words["hidden_size"], "num_position_embeddings": 2304, "patch_size": 16}
    config = transformers.Qwen3VLConfig(text_config=words, vision_config=eye, tie_word_embeddings=size != "8b", **tokens)
    return {"model": transformers.Qwen3VLForConditionalGeneration(config)}


def gemma3() -> Parts:
    words = {"vocab_size": 262208, "hidden_size": 2560, "intermediate_size": 10240, "num_hidden_layers": 34, "num_attention_heads": 8}
    words |= {"num_key_value_heads": 4, "head_dim": 256}
    config = transformers.Gemma3Config(text_config=words, vision_config={**SO400M, "image_size": 896, "vision_use_head": False})
    return {"model": transformers.Gemma3ForConditionalGeneration(config)}


def gemma4() -> Parts:
    words = {
        "hidden_size": 1536,
        "intermediate_size": 6144,
        "num_hidden_layers": 35,
        "num_attention_heads": 8,
        "num_key_value_heads": 1,
        "head_dim": 256,
        "num_kv_shared_layers": 20,
        "use_double_wide_mlp": True,
        "layer_types": (["sliding_attention"] * 4 + ["full_attention"]) * 7,
        "per_layer_config": {f"{layer:02}": {"head_dim": 512} for layer in range(4, 35, 5)},
    }
    config = transformers.Gemma4Config(text_config=words, vision_config={}, audio_config={})
    return {"model": transformers.Gemma4ForConditionalGeneration(config)}


def internvl(size: str) -> Parts:
    words = {"model_type": "qwen2", "vocab_size": 151674, "num_key_value_heads": 2, "tie_word_embeddings": False, **INTERN[size]}
    eye = {**VIT_L, "image_size": [448, 448], "patch_size": [14, 14], "attention_bias": True}
    config = transformers.InternVLConfig(vision_config=eye, text_config=words, tie_word_embeddings=False)
    return {"model": transformers.InternVLForConditionalGeneration(config)}


def open_clip_model(name: str) -> Parts:
    config = dict(open_clip.get_model_config(name))
    kind = open_clip.model.CustomTextCLIP if config.pop("custom_text", False) else open_clip.model.CLIP
    return {"model": kind(**config)}


def dinov2() -> Parts:
    return {"model": transformers.Dinov2Model(transformers.Dinov2Config(image_size=518))}


def minilm() -> Parts:
    config = transformers.BertConfig(hidden_size=384, intermediate_size=1536, num_hidden_layers=6)
    return {"model": transformers.BertModel(config)}


CAPTIONERS: Mapping[str, Callable[[], Parts]] = {
    "vit-gpt2": vit_gpt2,
    "blip-base": partial(blip, VIT_B),
    "blip-large": partial(blip, VIT_L),
    "blip2": blip2,
    "git-base": partial(git, VIT_B),
    "git-large": partial(git, {**VIT_L, "patch_size": 14}),
    "florence2-base": partial(florence2, 768, 6, 1024, 51289),
    "florence2-large": partial(florence2, 1024, 12, 4096, 51328),
    "llava-1.5": llava,
    "smolvlm2-256m": partial(smolvlm, "256m"),
    "smolvlm2-500m": partial(smolvlm, "500m"),
    "smolvlm2-2.2b": partial(smolvlm, "2.2b"),
    "qwen2.5-vl-3b": partial(qwen2_5_vl, "3b"),
    "qwen2.5-vl-7b": partial(qwen2_5_vl, "7b"),
    "qwen3-vl-2b": partial(qwen3_vl, "2b"),
    "qwen3-vl-4b": partial(qwen3_vl, "4b"),
    "qwen3-vl-8b": partial(qwen3_vl, "8b"),
    "gemma3-4b": gemma3,
    "gemma4-e2b": gemma4,
    "internvl3-1b": partial(internvl, "1b"),
    "internvl3-2b": partial(internvl, "2b"),
}
EMBEDDERS: Mapping[str, Callable[[], Parts]] = {
    "clip-b32": partial(open_clip_model, "ViT-B-32"),
    "clip-l14": partial(open_clip_model, "ViT-L-14"),
    "siglip2-b16": partial(open_clip_model, "ViT-B-16-SigLIP2"),
    "dinov2": dinov2,
    "minilm": minilm,
}
