"""Tiny random checkpoints of the captioners that are asked: a chat template, and pictures among the words."""

from typing import Any

import tiny_tokenizers as tokenizers
import torch
from tiny_sizes import EYE, SIDE, SQUARE, TINY, Saved, ids
from transformers import (
    CLIPImageProcessor,
    Gemma3Config,
    Gemma3ForConditionalGeneration,
    Gemma3ImageProcessor,
    Gemma3Processor,
    Gemma4AudioFeatureExtractor,
    Gemma4Config,
    Gemma4ForConditionalGeneration,
    Gemma4ImageProcessor,
    Gemma4Processor,
    Gemma4VideoProcessor,
    GotOcr2ImageProcessor,
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
    SmolVLMConfig,
    SmolVLMForConditionalGeneration,
    SmolVLMImageProcessor,
    SmolVLMProcessor,
    SmolVLMVideoProcessor,
)


def llava() -> Saved:
    tokenizer = tokenizers.llama()
    tokenizer.add_special_tokens({"additional_special_tokens": ["<image>"]})
    tokenizer.pad_token = "<unk>"
    config = LlavaConfig(
        vision_config={"model_type": "clip_vision_model", **EYE},
        text_config={"model_type": "llama", **TINY, **ids(tokenizer), "num_key_value_heads": 2, "head_dim": 16},
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
    text = {**TINY, **ids(tokenizer), "num_key_value_heads": 2, "head_dim": 16, "rope_parameters": sections}
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
        text_config={**TINY, **ids(tokenizer), "num_key_value_heads": 2, "head_dim": 16},
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


def gemma4() -> Saved:
    marks = {
        "boi_token": "<|image>",
        "eoi_token": "<image|>",
        "image_token": "<|image|>",
        "boa_token": "<|audio>",
        "eoa_token": "<audio|>",
        "audio_token": "<|audio|>",
    }
    plain = tokenizers.gemma()
    tokenizer = type(plain)(vocab=plain._vocab, merges=[], extra_special_tokens=marks)
    tokenizer.add_special_tokens({"additional_special_tokens": ["<|video|>"]})
    text = {
        **TINY,
        **ids(tokenizer),
        "num_key_value_heads": 2,
        "head_dim": 16,
        "hidden_size_per_layer_input": 8,
        "vocab_size_per_layer_input": len(tokenizer),
        "layer_types": ["sliding_attention", "full_attention"],
        "per_layer_config": {"01": {"head_dim": 32}},
    }
    eye = {**TINY, "head_dim": 16, "num_key_value_heads": 2, "patch_size": 8, "pooling_kernel_size": 2, "position_embedding_size": 64}
    config = Gemma4Config(
        text_config=text,
        vision_config={**eye, "initializer_range": 0.2},
        boi_token_id=tokenizer.boi_token_id,
        eoi_token_id=tokenizer.eoi_token_id,
        image_token_id=tokenizer.image_token_id,
        video_token_id=tokenizer.convert_tokens_to_ids("<|video|>"),
        boa_token_id=tokenizer.boa_token_id,
        eoa_token_index=tokenizer.eoa_token_id,
        audio_token_id=tokenizer.audio_token_id,
    )
    sizes = {"patch_size": 8, "pooling_kernel_size": 2}
    processor = Gemma4Processor(
        Gemma4AudioFeatureExtractor(),
        Gemma4ImageProcessor(max_soft_tokens=70, **sizes),
        tokenizer,
        Gemma4VideoProcessor(max_soft_tokens=70, **sizes),
        chat_template=tokenizers.CHATML.replace("IMAGE", "<|image|>"),
        image_seq_length=4,
    )
    return Gemma4ForConditionalGeneration(config), processor


def smolvlm() -> Saved:
    special = ["<fake_token_around_image>", "<image>", "<end_of_utterance>", "<global-img>", "<video>"]
    tiles = [f"<row_{row}_col_{column}>" for row in (1, 2) for column in (1, 2)]
    plain = tokenizers.qwen(*special, *tiles)
    config = SmolVLMConfig(
        text_config={"model_type": "llama", **TINY, **ids(plain), "num_key_value_heads": 2, "head_dim": 16},
        vision_config={**EYE, "patch_size": 8},
        scale_factor=2,
        image_token_id=plain.convert_tokens_to_ids("<image>"),
    )
    edges = {"size": {"longest_edge": 2 * SIDE}, "max_image_size": {"longest_edge": SIDE}}
    processor = SmolVLMProcessor(
        SmolVLMImageProcessor(**edges),
        plain,
        SmolVLMVideoProcessor(**edges),
        image_seq_len=4,
        chat_template=tokenizers.CHATML.replace("IMAGE", "<image>"),
    )
    return SmolVLMForConditionalGeneration(config), processor


def internvl() -> Saved:
    marks = {"start_image_token": "<img>", "end_image_token": "</img>", "context_image_token": "<IMG_CONTEXT>", "video_token": "<video>"}
    plain = tokenizers.qwen()
    tokenizer = type(plain)(vocab=plain._vocab, merges=[], extra_special_tokens=marks)
    tokenizer.add_special_tokens({"additional_special_tokens": ["<|im_start|>", "<|im_end|>"]})
    config = InternVLConfig(
        vision_config={**EYE, "image_size": [SIDE, SIDE], "patch_size": [8, 8]},
        text_config={"model_type": "qwen2", **TINY, **ids(tokenizer), "num_key_value_heads": 2},
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
