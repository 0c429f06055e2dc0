"""Tiny random embedders: an open_clip folder, the towers of transformers, and a sentence model."""

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import open_clip
import tiny_tokenizers as tokenizers
import torch
from safetensors.torch import save_model
from transformers import (
    BertConfig,
    BertModel,
    BitImageProcessor,
    CLIPConfig,
    CLIPImageProcessor,
    CLIPModel,
    Dinov2Config,
    Dinov2Model,
    SiglipConfig,
    SiglipImageProcessor,
    SiglipModel,
)

SIDE = 32
TINY = {"hidden_size": 32, "intermediate_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2}
EYE = {**TINY, "image_size": SIDE, "patch_size": 16}
SQUARE = {"height": SIDE, "width": SIDE}


def open_clip_folder(folder: Path) -> None:
    """As `sticker-clip` is shipped: config, weights and a tokenizer of its own in one folder."""
    tokenizer = tokenizers.bert()
    tower = {"context_length": 24, "vocab_size": len(tokenizer), "width": 32, "heads": 2, "layers": 2, "pad_id": tokenizer.pad_token_id}
    model_config = {
        "embed_dim": 16,
        "vision_cfg": {"image_size": SIDE, "patch_size": 16, "width": 32, "head_width": 16, "layers": 2},
        "text_cfg": {**tower, "hf_tokenizer_name": "beside-the-weights", "eos_id": tokenizer.sep_token_id, "pool_type": "eos"},
    }
    built = {name: dict(value) if isinstance(value, dict) else value for name, value in model_config.items()}
    built["text_cfg"].pop("hf_tokenizer_name")
    folder.mkdir()
    save_model(open_clip.model.CLIP(**built), str(folder / "open_clip_model.safetensors"))
    preprocess = {"mean": [0.5] * 3, "std": [0.5] * 3, "interpolation": "bicubic", "resize_mode": "shortest"}
    (folder / "open_clip_config.json").write_text(json.dumps({"model_cfg": model_config, "preprocess_cfg": preprocess}))
    tokenizer.save_pretrained(folder)


def open_clip_plain(folder: Path) -> None:
    """As open_clip's own models are: its own tokenizer, which comes with the library."""
    tower = {"context_length": 24, "vocab_size": 49408, "width": 32, "heads": 2, "layers": 2}
    sizes = {
        "embed_dim": 16,
        "vision_cfg": {"image_size": SIDE, "patch_size": 16, "width": 32, "head_width": 16, "layers": 2},
        "text_cfg": tower,
    }
    folder.mkdir()
    save_model(open_clip.model.CLIP(**sizes), str(folder / "open_clip_model.safetensors"))
    (folder / "open_clip_config.json").write_text(json.dumps({"model_cfg": sizes, "preprocess_cfg": {"interpolation": "bicubic"}}))


def clip(folder: Path) -> None:
    tokenizer = tokenizers.clip()
    ids = {"bos_token_id": tokenizer.bos_token_id, "eos_token_id": tokenizer.eos_token_id, "pad_token_id": tokenizer.pad_token_id}
    words = {**TINY, **ids, "vocab_size": len(tokenizer), "max_position_embeddings": 24}
    CLIPModel(CLIPConfig(text_config=words, vision_config=EYE, projection_dim=16)).save_pretrained(folder)
    CLIPImageProcessor(size={"shortest_edge": SIDE}, crop_size=SQUARE).save_pretrained(folder)
    tokenizer.save_pretrained(folder)


def siglip(folder: Path) -> None:
    tokenizer = tokenizers.t5()
    words = {**TINY, "vocab_size": len(tokenizer), "max_position_embeddings": 24, "pad_token_id": 0, "eos_token_id": 1, "bos_token_id": 1}
    SiglipModel(SiglipConfig(text_config=words, vision_config=EYE)).save_pretrained(folder)
    SiglipImageProcessor(size=SQUARE).save_pretrained(folder)
    tokenizer.save_pretrained(folder)


def dinov2(folder: Path) -> None:
    sizes: dict[str, Any] = {name: value for name, value in EYE.items() if name != "intermediate_size"}
    Dinov2Model(Dinov2Config(**sizes, mlp_ratio=1)).save_pretrained(folder)
    BitImageProcessor(size={"shortest_edge": SIDE}, crop_size=SQUARE).save_pretrained(folder)


def sentence(folder: Path, pooling: str = "pooling_mode_mean_tokens", limit: int = 40) -> None:
    """As sentence-transformers saves its models: what pools and how much is read, in files beside the text model."""
    tokenizer = tokenizers.bert()
    BertModel(BertConfig(**TINY, vocab_size=len(tokenizer), pad_token_id=tokenizer.pad_token_id)).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    parts = (("0", "", "Transformer"), ("1", "1_Pooling", "Pooling"), ("2", "2_Normalize", "Normalize"))
    modules = [{"idx": int(name), "name": name, "path": path, "type": f"sentence_transformers.models.{kind}"} for name, path, kind in parts]
    (folder / "modules.json").write_text(json.dumps(modules))
    (folder / "sentence_bert_config.json").write_text(json.dumps({"max_seq_length": limit, "do_lower_case": False}))
    (folder / "1_Pooling").mkdir()
    (folder / "1_Pooling" / "config.json").write_text(json.dumps({"word_embedding_dimension": 32, pooling: True}))


SENTENCE = "sentence"
"""The family that reads texts only."""
BUILDERS: Mapping[str, Callable[[Path], None]] = {
    "open_clip": open_clip_folder,
    "open_clip-plain": open_clip_plain,
    "clip": clip,
    "siglip": siglip,
    "dinov2": dinov2,
}
"""Families that see pictures."""


def save(family: str, folder: Path) -> Path:
    """A random embedder of the family in a folder of its own."""
    torch.manual_seed(0)
    (sentence if family == SENTENCE else BUILDERS[family])(folder / family)
    return folder / family
