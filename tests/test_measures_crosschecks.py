"""Our measures against other people's code: torchmetrics for CLIPScore, vendi-score for the Vendi score."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torchmetrics.functional.multimodal import clip_score

from imageloop import catalog, models
from imageloop.loop import in_batches
from imageloop.measures import measure_run, table
from imageloop.measures.diversity import vendi_of_rows
from tests.paper_run import PaperEmbedder, paper_run


class AsClip:
    """An embedder in the form that torchmetrics calls: features of any length, from a processor that passes everything on."""

    config = object()

    def __init__(self, embedder: Any, length: float) -> None:
        self.embedder, self.length = embedder, length

    def to(self, device: object) -> "AsClip":
        return self

    def get_image_features(self, images: torch.Tensor) -> torch.Tensor:
        pixels = [image.permute(1, 2, 0).numpy() for image in images]
        return self._features(self.embedder.embed_images, pixels)

    def get_text_features(self, texts: Any, mask: object) -> torch.Tensor:
        return self._features(self.embedder.embed_texts, texts.texts)

    def _features(self, embed: Any, rows: list[Any]) -> torch.Tensor:
        return self.length * torch.from_numpy(np.stack(in_batches(embed, self.embedder.recipe.batch, rows)))


class Texts:
    def __init__(self, texts: list[str]) -> None:
        self.texts, self.shape = texts, (len(texts), 1)

    def to(self, device: object) -> "Texts":
        return self


def passed_on(images: Any = None, text: Any = None, **_: Any) -> dict[str, Any]:
    return {"pixel_values": torch.stack(images)} if images is not None else {"input_ids": Texts(text), "attention_mask": Texts(text)}


@pytest.mark.parametrize("built_in", [False, True], ids=["on paper", "sticker-clip"])
def test_clipscore_is_that_of_torchmetrics(tmp_path: Path, built_in: bool) -> None:
    embedder: Any = models.load_embedder(catalog.find("embedder", "sticker-clip"), device="cpu", batch=4) if built_in else PaperEmbedder()
    run = paper_run(tmp_path, seeds=1, rounds=4)
    key = run.keys()[0]
    ours = table.select(measure_run(run, embedder), measure="clipscore_torchmetrics")["value"].to_pylist()
    rounds = [(turn.caption, torch.from_numpy(run.picture(key, turn.picture)).permute(2, 0, 1)) for turn in run.rounds(key) if turn.picture]
    theirs = [float(clip_score(picture, caption, lambda: (AsClip(embedder, 7.0), passed_on))) for caption, picture in rounds]
    assert len(ours) == 4
    assert ours == pytest.approx(theirs, abs=1e-4)


@pytest.mark.filterwarnings("ignore:Please import `csr_matrix`:DeprecationWarning")
@pytest.mark.parametrize(("n", "width"), [(2, 3), (20, 5), (5, 20)])
def test_the_vendi_score_is_that_of_vendi_score(n: int, width: int) -> None:
    from vendi_score import vendi

    rows = np.random.default_rng(n).standard_normal((n, width))
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    assert vendi_of_rows(rows) == pytest.approx(vendi.score_K(rows @ rows.T), abs=1e-6)
    assert vendi_of_rows(rows) == pytest.approx(vendi.score_dual(rows), abs=1e-6)
