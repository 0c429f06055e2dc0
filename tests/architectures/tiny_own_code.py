"""A tiny captioner that brings its own modelling file, as moondream2 does: transformers finds it through `auto_map`."""

import json
from pathlib import Path

import tiny_tokenizers as tokenizers
import torch
from safetensors.torch import save_file

CODE = """
import numpy
import torch
from transformers import GPT2Tokenizer, PretrainedConfig, PreTrainedModel


class TinyDreamConfig(PretrainedConfig):
    model_type = "tiny-dream"


class TinyDream(PreTrainedModel):
    config_class = TinyDreamConfig

    def __init__(self, config):
        super().__init__(config)
        self.tokenizer = GPT2Tokenizer.from_pretrained(config.name_or_path)
        self.words = torch.nn.Linear(3, 32)
        self.post_init()

    def caption(self, image, length="normal", stream=False, settings=None):
        pixels = torch.tensor(numpy.array(image)[0, 0], dtype=self.words.weight.dtype) / 255
        logits = self.words(pixels)
        letters = []
        while len(letters) < settings["max_tokens"]:
            if settings["temperature"] == 0:
                letter = int(logits.argmax()) if not letters else (letters[-1] + 1) % 32
            else:
                letter = int(torch.multinomial(torch.softmax(logits / settings["temperature"], dim=-1), 1))
            if letters and letter < 4:
                break
            letters.append(letter)
        text = "".join(chr(97 + letter % 26) for letter in letters)
        return {"caption": text}
"""


def save(folder: Path) -> Path:
    """The model's folder: weights, configuration, tokenizer and the code."""
    folder.mkdir(parents=True)
    torch.manual_seed(0)
    save_file({"words.weight": torch.randn(32, 3), "words.bias": torch.zeros(32)}, folder / "model.safetensors", metadata={"format": "pt"})
    auto_map = {"AutoConfig": "modeling_tiny_dream.TinyDreamConfig", "AutoModelForCausalLM": "modeling_tiny_dream.TinyDream"}
    (folder / "config.json").write_text(json.dumps({"model_type": "tiny-dream", "architectures": ["TinyDream"], "auto_map": auto_map}))
    (folder / "modeling_tiny_dream.py").write_text(CODE)
    tokenizers.gpt2().save_pretrained(folder)
    return folder
