"""Tiny random checkpoints of the true captioner classes of transformers, saved as the hub holds them."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import tiny_tokenizers as tokenizers
import torch
from tiny_chat import gemma3, gemma4, internvl, llava, qwen2_5_vl, qwen3_vl, smolvlm
from tiny_sizes import EYE, SIDE, SQUARE, TINY, Saved, ids
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
    GitConfig,
    GitForCausalLM,
    GitProcessor,
    GPT2Config,
    VisionEncoderDecoderConfig,
    VisionEncoderDecoderModel,
    ViTConfig,
    ViTImageProcessor,
)


def vit_gpt2() -> Saved:
    tokenizer = tokenizers.gpt2()
    numbers = ids(tokenizer)
    decoder = GPT2Config(n_embd=32, n_layer=2, n_head=2, add_cross_attention=True, is_decoder=True, **numbers)
    config = VisionEncoderDecoderConfig.from_encoder_decoder_configs(ViTConfig(**EYE), decoder)
    config.decoder_start_token_id, config.pad_token_id = numbers["bos_token_id"], numbers["eos_token_id"]
    model = VisionEncoderDecoderModel(config)
    model.generation_config.update(decoder_start_token_id=numbers["bos_token_id"], eos_token_id=numbers["eos_token_id"])
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
        **ids(tokenizer),
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
        **ids(tokenizer),
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
    processor = Florence2Processor(images, tokenizer, num_additional_image_tokens=0, post_processor_config={"pure_text": {}})
    return Florence2ForConditionalGeneration(config), processor


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
    "gemma4": (gemma4, {}),
    "smolvlm": (smolvlm, {}),
    "internvl": (internvl, {}),
}
"""Family → (what builds it, settings it is run with)."""


def save(family: str, folder: Path) -> Path:
    """A random captioner of the family in a folder of its own."""
    torch.manual_seed(0)
    for part in BUILDERS[family][0]():
        part.save_pretrained(folder / family)
    return folder / family
