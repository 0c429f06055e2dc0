"""The second captioner: a tiny GIT (arXiv 2205.14100), a text transformer that reads the tokens of sticker-clip's vision tower."""

from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from transformers import GitConfig, GitForCausalLM

from imageloop.stickers.training import clip
from imageloop.stickers.training.captioner import Trainee, train_captioner
from imageloop.stickers.training.fitting import Schedule, averaged
from imageloop.stickers.training.text import BOS, EOS, MAX_TOKENS, PAD, word_tokenizer

SEED = 7
WIDTH = clip.WIDTH
PICTURE_TOKENS = 65


def build() -> GitForCausalLM:
    """An untrained GIT of 2.2 M parameters."""
    config = GitConfig(
        vision_config={
            "hidden_size": WIDTH,
            "intermediate_size": 2 * WIDTH,
            "num_hidden_layers": clip.VISION_LAYERS,
            "num_attention_heads": WIDTH // 32,
            "image_size": 64,
            "patch_size": 8,
            "hidden_act": "gelu",
        },
        vocab_size=len(word_tokenizer()),
        hidden_size=WIDTH,
        num_hidden_layers=3,
        num_attention_heads=6,
        intermediate_size=2 * WIDTH,
        max_position_embeddings=MAX_TOKENS + 8,
        hidden_dropout_prob=0.0,
        attention_probs_dropout_prob=0.0,
        bos_token_id=BOS,
        eos_token_id=EOS,
        pad_token_id=PAD,
        attn_implementation="eager",
    )
    return GitForCausalLM(config)


def with_clip_vision(model: GitForCausalLM, folder: Path) -> GitForCausalLM:
    """The model with its vision tower set to the trained sticker-clip's, as GIT starts from a contrastive encoder."""
    trained = averaged(clip.Trainee(), folder / "clip").clip.visual
    tower = model.git.image_encoder.vision_model
    with torch.no_grad():
        tower.embeddings.class_embedding.copy_(trained.class_embedding)
        tower.embeddings.patch_embedding.weight.copy_(trained.conv1.weight)
        tower.embeddings.position_embedding.weight.copy_(trained.positional_embedding)
        tower.pre_layrnorm.load_state_dict(trained.ln_pre.state_dict())
        tower.post_layernorm.load_state_dict(trained.ln_post.state_dict())
        for layer, block in zip(tower.encoder.layers, trained.transformer.resblocks, strict=True):
            projections = (layer.self_attn.q_proj, layer.self_attn.k_proj, layer.self_attn.v_proj)
            for projection, weight, bias in zip(
                projections, block.attn.in_proj_weight.chunk(3), block.attn.in_proj_bias.chunk(3), strict=True
            ):
                projection.weight.copy_(weight)
                projection.bias.copy_(bias)
            layer.self_attn.out_proj.load_state_dict(block.attn.out_proj.state_dict())
            layer.layer_norm1.load_state_dict(block.ln_1.state_dict())
            layer.layer_norm2.load_state_dict(block.ln_2.state_dict())
            layer.mlp.fc1.load_state_dict(block.mlp.c_fc.state_dict())
            layer.mlp.fc2.load_state_dict(block.mlp.c_proj.state_dict())
    return model


def forward(model: Any, pictures: Tensor, ids: Tensor) -> tuple[Tensor, Tensor]:
    tokens = model.git.image_encoder(pictures).last_hidden_state
    logits = model(input_ids=ids, attention_mask=torch.ones_like(ids), pixel_values=pictures, use_cache=False).logits
    return tokens, logits[:, PICTURE_TOKENS:]


def train(folder: Path, steps: int) -> None:
    torch.manual_seed(SEED)
    model = with_clip_vision(build(), folder.parent)
    train_captioner(Trainee(model, WIDTH), forward, word_tokenizer(), SEED, Schedule(steps, 8e-4, warmup=300), folder)
