"""How much of a prompt a diffusers pipeline really reads, counted with each text encoder's own tokenizer."""

import inspect
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from transformers import CLIPTokenizer, PreTrainedTokenizerBase


class Read(NamedTuple):
    """One prompt's tokens by text encoder, special tokens and chat template included: the whole prompt's, and those really read."""

    tokens: dict[str, int]
    read: dict[str, int]


class PromptReader:
    """Counts tokens as the pipeline itself would tokenize, template and lower-casing included."""

    def __init__(self, pipeline: Any, settings: Mapping[str, Any]) -> None:
        self._pipeline = pipeline
        self._tokenizers = {
            name.replace("tokenizer", "text_encoder"): part
            for name, part in pipeline.components.items()
            if name.startswith("tokenizer") and isinstance(part, PreTrainedTokenizerBase)
        }
        self.limits = {name: _limit(pipeline, tokenizer, settings) for name, tokenizer in self._tokenizers.items()}
        """Most tokens each text encoder reads."""
        self._skipped = getattr(pipeline, "prompt_template_encode_start_idx", 0)
        self._thinking = "Flux2" not in type(pipeline).__name__

    def read(self, prompts: Sequence[str]) -> list[Read]:
        """The counts of each prompt, in order."""
        texts = list(prompts)
        if hasattr(self._pipeline, "_text_preprocessing"):
            texts = self._pipeline._text_preprocessing(texts, clean_caption=False)
        columns = {}
        for name, tokenizer in self._tokenizers.items():
            rows = tokenizer([self._templated(tokenizer, text) for text in texts], verbose=False).input_ids
            columns[name] = [len(ids) - self._skipped for ids in rows]
        counts = [{name: column[row] for name, column in columns.items()} for row in range(len(texts))]
        return [Read(tokens, {name: min(n, self.limits[name]) for name, n in tokens.items()}) for tokens in counts]

    def _templated(self, tokenizer: PreTrainedTokenizerBase, text: str) -> str:
        if hasattr(self._pipeline, "prompt_template_encode"):
            return str(self._pipeline.prompt_template_encode.format(text))
        if getattr(tokenizer, "chat_template", None) and type(self._pipeline).__name__.startswith(("ZImage", "Flux2Klein")):
            turn = [{"role": "user", "content": text}]
            return str(tokenizer.apply_chat_template(turn, tokenize=False, add_generation_prompt=True, enable_thinking=self._thinking))
        return text


def _limit(pipeline: Any, tokenizer: PreTrainedTokenizerBase, settings: Mapping[str, Any]) -> int:
    """CLIP encoders read what they have positions for; the others what the call's `max_sequence_length` allows, where it has one."""
    takes_length = "max_sequence_length" in inspect.signature(pipeline.__call__).parameters
    if takes_length and not isinstance(tokenizer, CLIPTokenizer):
        return int(settings["max_sequence_length"])
    return int(tokenizer.model_max_length)
