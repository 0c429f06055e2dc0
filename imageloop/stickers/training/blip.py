"""The first captioner: a tiny BLIP (arXiv 2201.12086), a vision transformer read by a text decoder through cross-attention."""

from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from transformers import BlipConfig, BlipForConditionalGeneration

from imageloop.stickers.training.captioner import Trainee, train_captioner
from imageloop.stickers.training.fitting import Schedule
from imageloop.stickers.training.text import MAX_TOKENS, bert_tokenizer

SEED = 5
WIDTH = 192


def build() -> BlipForConditionalGeneration:
    """An untrained BLIP of 2.2 M parameters."""
    tokenizer = bert_tokenizer()
    config = BlipConfig(
        vision_config={
            "hidden_size": WIDTH,
            "intermediate_size": 2 * WIDTH,
            "num_hidden_layers": 4,
            "num_attention_heads": 6,
            "image_size": 64,
            "patch_size": 8,
            "attention_dropout": 0.0,
        },
        text_config={
            "vocab_size": len(tokenizer),
            "hidden_size": WIDTH,
            "encoder_hidden_size": WIDTH,
            "intermediate_size": 2 * WIDTH,
            "num_hidden_layers": 2,
            "num_attention_heads": 6,
            "max_position_embeddings": MAX_TOKENS + 8,
            "bos_token_id": tokenizer.cls_token_id,
            "sep_token_id": tokenizer.sep_token_id,
            "eos_token_id": tokenizer.sep_token_id,
            "pad_token_id": tokenizer.pad_token_id,
        },
        projection_dim=WIDTH,
        image_text_hidden_size=WIDTH,
        attn_implementation="eager",
    )
    model = BlipForConditionalGeneration(config)
    nn.init.normal_(model.vision_model.embeddings.position_embedding, std=0.1)
    nn.init.normal_(model.vision_model.embeddings.class_embedding, std=0.1)
    return model


def forward(model: Any, pictures: Tensor, ids: Tensor) -> tuple[Tensor, Tensor]:
    tokens = model.vision_model(pixel_values=pictures)[0]
    logits = model.text_decoder(input_ids=ids, attention_mask=torch.ones_like(ids), encoder_hidden_states=tokens, return_dict=True).logits
    return tokens, logits


def train(folder: Path, steps: int) -> None:
    torch.manual_seed(SEED)
    train_captioner(Trainee(build(), WIDTH), forward, bert_tokenizer(), SEED, Schedule(steps, 1e-3, warmup=400), folder)
