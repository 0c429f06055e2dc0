"""Sizes and token ids that the tiny captioners share."""

from typing import Any

from transformers import PreTrainedTokenizerBase

SIDE = 32
SQUARE = {"height": SIDE, "width": SIDE}
TINY = {"hidden_size": 32, "intermediate_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2}
EYE = {**TINY, "image_size": SIDE, "patch_size": 16, "initializer_range": 0.2}
"""A vision tower whose random weights let the picture through; BLIP's own start at 1e-10."""
Saved = tuple[Any, ...]
"""The parts to save: model, processor or tokenizer and image processor."""


def ids(tokenizer: PreTrainedTokenizerBase) -> dict[str, Any]:
    eos = tokenizer.eos_token_id
    bos = tokenizer.bos_token_id
    return {
        "vocab_size": len(tokenizer),
        "bos_token_id": eos if bos is None else bos,
        "eos_token_id": eos,
        "pad_token_id": eos if tokenizer.pad_token_id is None else tokenizer.pad_token_id,
    }
