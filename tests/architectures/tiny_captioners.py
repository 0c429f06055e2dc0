"""Tiny random checkpoints of the true captioner classes of transformers, saved as the hub holds them."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import tiny_tokenizers as tokenizers
import torch
from transformers import (
    BartTokenizer,
    Blip2Config,
    Blip2ForConditionalGeneration,
    Blip2Processor,
    BlipConfig,
    BlipForConditionalGeneration,
    BlipImageProcessor,
    BlipProcessor,
    CLIPImageProcessor,
    Florence2Config,
    Florence2ForConditionalGeneration,
    Florence2Processor,
    Gemma3Config,
    Gemma3ForConditionalGeneration,
    Gemma3ImageProcessor,
    Gemma3Processor,
    GitConfig,
    GitForCausalLM,
    GitProcessor,
    GotOcr2ImageProcessor,
    GPT2Config,
    InternVLConfig,
    InternVLForConditionalGeneration,
    InternVLProcessor,
    InternVLVideoProcessor,
    LlavaConfig,
    LlavaForConditionalGeneration,
    LlavaProcessor,
    PreTrainedTokenizerBase,
    Qwen2_5_VLConfig,
    Qwen2_5_VLForConditionalGeneration,
    Qwen2_5_VLProcessor,
    Qwen2VLImageProcessor,
    Qwen2VLVideoProcessor,
    Qwen3VLConfig,
    Qwen3VLForConditionalGeneration,
    Qwen3VLProcessor,
    Qwen3VLVideoProcessor,
    VisionEncoderDecoderConfig,
    VisionEncoderDecoderModel,
    ViTConfig,
    ViTImageProcessor,
)

SIDE = 32
SQUARE = {"height": SIDE, "width": SIDE}
TINY = {"hidden_size": 32, "intermediate_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2}
EYE = {**TINY, "image_size": SIDE, "patch_size": 16, "initializer_range": 0.2}
"""A vision tower whose random weights let the picture through; BLIP's own start at 1e-10."""
Saved = tuple[Any, ...]
"""The parts to save: model, processor or tokenizer and image processor."""


def _ids(tokenizer: PreTrainedTokenizerBase) -> dict[str, Any]:
    eos = tokenizer.eos_token_id
    bos = tokenizer.bos_token_id
    return {
        "vocab_size": len(tokenizer),
        "bos_token_id": eos if bos is None else bos,
        "eos_token_id": eos,
        "pad_token_id": eos if tokenizer.pad_token_id is None else tokenizer.pad_token_id,
    }


def vit_gpt2() -> Saved:
    tokenizer = tokenizers.gpt2()
    ids = _ids(tokenizer)
    decoder = GPT2Config(n_embd=32, n_layer=2, n_head=2, add_cross_attention=True, is_decoder=True, **ids)
    config = VisionEncoderDecoderConfig.from_encoder_decoder_configs(ViTConfig(**EYE), decoder)
    config.decoder_start_token_id, config.pad_token_id = ids["bos_token_id"], ids["eos_token_id"]
    model = VisionEncoderDecoderModel(config)
    model.generation_config.update(decoder_start_token_id=ids["bos_token_id"], eos_token_id=ids["eos_token_id"])
    return model, ViTImageProcessor(size=SQUARE), tokenizer


def blip() -> Saved:
    tokenizer = tokenizers.bert()
    words = {
        **TINY,
        "vocab_size": len(tokenizer),
        "encoder_hidden_size": 32,
        "bos_token_id": tokenizer.cls_token_id,
        "eos_token_id": tokenizer.sep_token_id,
        "sep_token_id": tokenizer.sep_token_id,
        "pad_token_id": tokenizer.pad_token_id,
        "max_position_embeddings": 80,
    }
    config = BlipConfig(text_config=words, vision_config=EYE, projection_dim=32, image_text_hidden_size=32)
    return BlipForConditionalGeneration(config), BlipProcessor(BlipImageProcessor(size=SQUARE), tokenizer)


def blip2() -> Saved:
    tokenizer = tokenizers.gpt2()
    processor = Blip2Processor(BlipImageProcessor(size=SQUARE), tokenizer, num_query_tokens=4)
    text = {
        "model_type": "opt",
        **_ids(tokenizer),
        "hidden_size": 32,
        "ffn_dim": 32,
        "num_hidden_layers": 2,
        "num_attention_heads": 2,
        "word_embed_proj_dim": 32,
        "max_position_embeddings": 128,
    }
    config = Blip2Config(
        vision_config=EYE,
        qformer_config={**TINY, "encoder_hidden_size": 32, "vocab_size": 10},
        text_config=text,
        num_query_tokens=4,
        image_text_hidden_size=32,
        image_token_index=tokenizer.convert_tokens_to_ids("<image>"),
    )
    return Blip2ForConditionalGeneration(config), processor


def git() -> Saved:
    tokenizer = tokenizers.bert()
    config = GitConfig(
        vision_config=EYE,
        **TINY,
        vocab_size=len(tokenizer),
        max_position_embeddings=80,
        bos_token_id=tokenizer.cls_token_id,
        eos_token_id=tokenizer.sep_token_id,
        pad_token_id=tokenizer.pad_token_id,
    )
    images = CLIPImageProcessor(size={"shortest_edge": SIDE}, crop_size=SQUARE)
    return GitForCausalLM(config), GitProcessor(images, tokenizer)


def florence2() -> Saved:
    special = ["<s>", "<pad>", "</s>", "<unk>", "<mask>"]
    vocabulary = tokenizers.numbered([*special, *tokenizers.BYTES])
    tokenizer = BartTokenizer(vocab=vocabulary, merges=[], extra_special_tokens={"image_token": "<image>"})
    images = CLIPImageProcessor(size=SQUARE, do_center_crop=False)
    images.image_seq_length = 2
    text = {
        "model_type": "bart",
        **_ids(tokenizer),
        "d_model": 32,
        "encoder_layers": 1,
        "decoder_layers": 1,
        "encoder_attention_heads": 2,
        "decoder_attention_heads": 2,
        "encoder_ffn_dim": 32,
        "decoder_ffn_dim": 32,
        "max_position_embeddings": 128,
    }
    vision = {
        "depths": (1, 1, 1, 1),
        "embed_dim": (8, 8, 16, 16),
        "num_heads": (1, 1, 2, 2),
        "num_groups": (1, 1, 2, 2),
        "projection_dim": 32,
        "drop_path_rate": 0.0,
    }
    config = Florence2Config(text_config=text, vision_config=vision, image_token_id=tokenizer.image_token_id)
    return Florence2ForConditionalGeneration(config), Florence2Processor(images, tokenizer, num_additional_image_tokens=0)


def llava() -> Saved:
    tokenizer = tokenizers.llama()
    tokenizer.add_special_tokens({"additional_special_tokens": ["<image>"]})
    tokenizer.pad_token = "<unk>"
    config = LlavaConfig(
        vision_config={"model_type": "clip_vision_model", **EYE},
        text_config={"model_type": "llama", **TINY, **_ids(tokenizer), "num_key_value_heads": 2, "head_dim": 16},
        image_token_index=tokenizer.convert_tokens_to_ids("<image>"),
        image_seq_length=4,
    )
    processor = LlavaProcessor(
        CLIPImageProcessor(size={"shortest_edge": SIDE}, crop_size=SQUARE),
        tokenizer,
        patch_size=16,
        vision_feature_select_strategy="default",
        num_additional_image_tokens=1,
        chat_template=tokenizers.CHATML.replace("IMAGE", "<image>\n"),
    )
    return LlavaForConditionalGeneration(config), processor


_PADS = ("<|vision_start|>", "<|vision_end|>", "<|image_pad|>", "<|video_pad|>")


def _qwen(kind: Any) -> tuple[PreTrainedTokenizerBase, dict[str, Any]]:
    tokenizer = tokenizers.qwen(*_PADS, image="<|vision_start|><|image_pad|><|vision_end|>")
    names = ("vision_start_token_id", "vision_end_token_id", "image_token_id", "video_token_id")
    sections = {"rope_type": "default", "mrope_section": [2, 3, 3], "rope_theta": 1e4}
    text = {**TINY, **_ids(tokenizer), "num_key_value_heads": 2, "head_dim": 16, "rope_parameters": sections}
    return tokenizer, {"text_config": text, **{n: tokenizer.convert_tokens_to_ids(t) for n, t in zip(names, _PADS, strict=True)}}


def qwen2_5_vl() -> Saved:
    tokenizer, config = _qwen(Qwen2_5_VLConfig)
    eye = {
        "depth": 1,
        "hidden_size": 32,
        "intermediate_size": 32,
        "num_heads": 2,
        "out_hidden_size": 32,
        "patch_size": 8,
        "window_size": 32,
        "fullatt_block_indexes": [0],
    }
    images = Qwen2VLImageProcessor(patch_size=8, min_pixels=256, max_pixels=4096)
    processor = Qwen2_5_VLProcessor(images, tokenizer, Qwen2VLVideoProcessor(patch_size=8), chat_template=tokenizer.chat_template)
    return Qwen2_5_VLForConditionalGeneration(Qwen2_5_VLConfig(vision_config=eye, **config)), processor


def qwen3_vl() -> Saved:
    tokenizer, config = _qwen(Qwen3VLConfig)
    eye = {
        "depth": 2,
        "hidden_size": 32,
        "intermediate_size": 32,
        "num_heads": 2,
        "out_hidden_size": 32,
        "patch_size": 8,
        "num_position_embeddings": 64,
        "deepstack_visual_indexes": [0],
    }
    images = Qwen2VLImageProcessor(patch_size=8, min_pixels=256, max_pixels=4096)
    processor = Qwen3VLProcessor(images, tokenizer, Qwen3VLVideoProcessor(patch_size=8), chat_template=tokenizer.chat_template)
    return Qwen3VLForConditionalGeneration(Qwen3VLConfig(vision_config=eye, **config)), processor


def gemma3() -> Saved:
    tokenizer = tokenizers.gemma()
    marks = {"boi_token": "<start_of_image>", "eoi_token": "<end_of_image>", "image_token": "<image_soft_token>"}
    tokenizer = type(tokenizer)(vocab=tokenizer._vocab, merges=[], extra_special_tokens=marks)
    config = Gemma3Config(
        text_config={**TINY, **_ids(tokenizer), "num_key_value_heads": 2, "head_dim": 16},
        vision_config=EYE,
        mm_tokens_per_image=4,
        boi_token_index=tokenizer.boi_token_id,
        eoi_token_index=tokenizer.eoi_token_id,
        image_token_index=tokenizer.image_token_id,
    )
    template = tokenizers.CHATML.replace("IMAGE", "<start_of_image>")
    processor = Gemma3Processor(Gemma3ImageProcessor(size=SQUARE), tokenizer, chat_template=template, image_seq_length=4)
    model = Gemma3ForConditionalGeneration(config)
    torch.nn.init.normal_(model.model.multi_modal_projector.mm_input_projection_weight)  # zero before training
    return model, processor


def internvl() -> Saved:
    marks = {"start_image_token": "<img>", "end_image_token": "</img>", "context_image_token": "<IMG_CONTEXT>", "video_token": "<video>"}
    plain = tokenizers.qwen()
    tokenizer = type(plain)(vocab=plain._vocab, merges=[], extra_special_tokens=marks)
    tokenizer.add_special_tokens({"additional_special_tokens": ["<|im_start|>", "<|im_end|>"]})
    config = InternVLConfig(
        vision_config={**EYE, "image_size": [SIDE, SIDE], "patch_size": [8, 8]},
        text_config={"model_type": "qwen2", **TINY, **_ids(tokenizer), "num_key_value_heads": 2},
        image_token_id=tokenizer.context_image_token_id,
        image_seq_length=4,
    )
    processor = InternVLProcessor(
        GotOcr2ImageProcessor(size=SQUARE, crop_to_patches=True, max_patches=2),
        tokenizer,
        InternVLVideoProcessor(size=SQUARE),
        image_seq_length=4,
        chat_template=tokenizers.CHATML.replace("IMAGE", "<IMG_CONTEXT>\n"),
    )
    return InternVLForConditionalGeneration(config), processor


BUILDERS: Mapping[str, tuple[Callable[[], Saved], Mapping[str, Any]]] = {
    "blip": (blip, {}),
    "git": (git, {}),
    "vit-gpt2": (vit_gpt2, {}),
    "blip2": (blip2, {}),
    "florence2": (florence2, {"task": "<CAPTION>"}),
    "llava": (llava, {}),
    "qwen2.5-vl": (qwen2_5_vl, {}),
    "qwen3-vl": (qwen3_vl, {}),
    "gemma3": (gemma3, {}),
    "internvl": (internvl, {}),
}
"""Family → (what builds it, settings it is run with)."""


def save(family: str, folder: Path) -> Path:
    """A random captioner of the family in a folder of its own."""
    torch.manual_seed(0)
    for part in BUILDERS[family][0]():
        part.save_pretrained(folder / family)
    return folder / family
