"""Measure the shipped models on held-out scenes.

    python -m imageloop.stickers.evaluate [--scenes N] [--write]

Everything is loaded through the adapters that models from a hub use. `--write` stores the figures as `weights/quality.json`, which the
tests compare with, and as the table of the model card, `weights/README.md`.
"""

import argparse
import json
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import torch
from diffusers import AutoencoderDC
from numpy.typing import NDArray

from imageloop import catalog, models
from imageloop.records import Pixels
from imageloop.roles import Captioner, Generator
from imageloop.stickers.captions import describe, parse
from imageloop.stickers.judge import Judge, Reading
from imageloop.stickers.scenes import Scene, draw, rarity_tercile, sample

WEIGHTS = Path(__file__).parent / "weights"
TABLE_BEGINS, TABLE_ENDS = "<!-- quality: begin -->", "<!-- quality: end -->"
BATCH = 32
SEED = 2026
GENERATORS = ("sticker-sana", "sticker-sprint")
CAPTIONERS = ("sticker-blip", "sticker-git")

T = TypeVar("T")
Scores = dict[str, float]


def heldout(count: int, seed: int = SEED) -> tuple[list[Scene], list[Pixels]]:
    """`count` scenes that no training saw, and their pictures."""
    rng = np.random.default_rng(seed)
    scenes = [sample(rng, "heldout") for _ in range(count)]
    return scenes, [draw(scene, rng) for scene in scenes]


def of_autoencoder(count: int) -> tuple[Scores, NDArray[np.uint8]]:
    """Peak signal-to-noise ratio in dB, averaged over pictures, and the pictures the autoencoder gives back."""
    _, images = heldout(count)
    model = AutoencoderDC.from_pretrained(WEIGHTS / "sticker-sana" / "vae", dtype=torch.float32).eval()
    rebuilt = []
    with torch.inference_mode():
        for part in parts(images, BATCH):
            pictures = torch.from_numpy(np.stack(part)).permute(0, 3, 1, 2).float() / 127.5 - 1
            back = model.decode(model.encode(pictures).latent).sample
            rebuilt.append(((back.clamp(-1, 1) + 1) * 127.5).round().byte().permute(0, 2, 3, 1).numpy())
    result = np.concatenate(rebuilt)
    error = ((result.astype(float) - np.stack(images)) ** 2).mean(axis=(1, 2, 3))
    return {"psnr": float(np.mean(10 * np.log10(255**2 / error)))}, result


def of_judge(count: int, rebuilt: NDArray[np.uint8]) -> Scores:
    """Facts the judge reads right, in pictures as drawn and as the autoencoder gives them back."""
    scenes, images = heldout(count)
    judge = Judge()
    drawn, decoded = (facts_found(scenes, judge.read(pictures)) for pictures in (np.stack(images), rebuilt))
    return {**drawn, **{f"{name}_decoded": value for name, value in decoded.items()}}


def of_captioner(captioner: Captioner, count: int) -> Scores:
    """Facts right in captions sampled as the loop samples them, and how many captions say nothing wrong."""
    scenes, images = heldout(count)
    facts = [parse(text) for text in captions_of(captioner, images)]
    objects = [o in said.objects for scene, said in zip(scenes, facts, strict=True) for o in scene.objects]
    result = {"object": float(np.mean(objects))}
    rare = [o in said.objects for scene, said in zip(scenes, facts, strict=True) for o in scene.objects if rarity_tercile(o) == "rare"]
    result["object_rare"] = float(np.mean(rare))
    for fact in ("background", "style", "tint"):
        result[fact] = float(np.mean([getattr(scene, fact) == getattr(said, fact) for scene, said in zip(scenes, facts, strict=True)]))
    result["all_right"] = float(np.mean([said.scene() == scene for scene, said in zip(scenes, facts, strict=True)]))
    return result


def of_generator(generator: Generator, count: int) -> Scores:
    """Facts of held-out captions, phrased as in training, that the judge finds in the pictures; the rarest third of concepts apart."""
    scenes, _ = heldout(count)
    rng = np.random.default_rng(SEED + 1)
    pictures = pictures_of(generator, [describe(scene, rng) for scene in scenes])
    return facts_found(scenes, Judge().read(np.stack(pictures)))


def of_turn(captioner: Captioner, generator: Generator, count: int) -> Scores:
    """Objects and other facts kept after one turn: picture → caption → picture → judge."""
    scenes, images = heldout(count)
    pictures = pictures_of(generator, captions_of(captioner, images))
    return facts_found(scenes, Judge().read(np.stack(pictures)))


def of_embedder(count: int) -> Scores:
    """How often a picture's own caption is the most similar of 100."""
    embedder = models.load_embedder(catalog.find("embedder", "sticker-clip"), batch=100)
    scenes, images = heldout(count - count % 100)
    rng = np.random.default_rng(SEED + 2)
    first = 0
    for part in parts(list(zip(scenes, images, strict=True)), 100):
        seen = embedder.embed_images([image for _, image in part])
        read = embedder.embed_texts([describe(scene, rng) for scene, _ in part])
        first += int(((seen @ read.T).argmax(axis=1) == np.arange(100)).sum())
    return {"caption_first_of_100": first / len(scenes)}


def facts_found(scenes: Sequence[Scene], readings: Sequence[Reading]) -> Scores:
    """Shares in [0, 1] of the scenes' facts that the judge reads; an object counts wherever in the picture it is found."""
    hits = [(o, o in reading.objects.values()) for scene, reading in zip(scenes, readings, strict=True) for o in scene.objects]
    result = {"object": _mean(hit for _, hit in hits)}
    result["object_rare"] = _mean(hit for concept, hit in hits if rarity_tercile(concept) == "rare")
    for fact in ("background", "style", "tint"):
        result[fact] = _mean(getattr(scene, fact) == getattr(reading, fact) for scene, reading in zip(scenes, readings, strict=True))
    return result


def captions_of(captioner: Captioner, images: Sequence[Pixels]) -> list[str]:
    """One caption a picture, in batches as the loop makes them; the number of pictures is a multiple of the batch."""
    return [
        caption.text
        for rows in parts(list(zip(images, range(len(images)), strict=True)), captioner.recipe.batch)
        for caption in captioner.caption([image for image, _ in rows], [seed for _, seed in rows])
    ]


def pictures_of(generator: Generator, prompts: Sequence[str]) -> list[Pixels]:
    """One picture a prompt, in batches as the loop makes them; the number of prompts is a multiple of the batch."""
    return [
        picture.pixels
        for rows in parts(list(zip(prompts, range(len(prompts)), strict=True)), generator.recipe.batch)
        for picture in generator.generate([prompt for prompt, _ in rows], [seed for _, seed in rows])
    ]


def parts(rows: Sequence[T], size: int) -> Iterable[Sequence[T]]:
    """Consecutive slices of `size` rows."""
    return (rows[start : start + size] for start in range(0, len(rows), size))


def _mean(values: Iterable[bool]) -> float:
    return float(np.mean(list(values)))


def evaluate(count: int) -> dict[str, Scores]:
    """Every figure of the quality table, by model; `count` is rounded down to a multiple of 32 scenes where batches ask for it."""
    whole = count - count % BATCH
    autoencoder, rebuilt = of_autoencoder(whole)
    table = {"autoencoder": autoencoder, "judge": of_judge(whole, rebuilt), "sticker-clip": of_embedder(max(100, count))}
    captioners = {name: models.load_captioner(catalog.find("captioner", name), batch=BATCH) for name in CAPTIONERS}
    generators = {name: models.load_generator(catalog.find("generator", name), batch=BATCH) for name in GENERATORS}
    table |= {name: of_captioner(captioner, whole) for name, captioner in captioners.items()}
    table |= {name: of_generator(generator, whole) for name, generator in generators.items()}
    for one, captioner in captioners.items():
        table |= {f"one turn {one}+{other}": of_turn(captioner, generator, whole) for other, generator in generators.items()}
    return table


def card_table(quality: dict[str, Any]) -> str:
    """The quality table of the model card, in Markdown: shares in per cent, the autoencoder's figure in dB."""
    columns = ("object", "object_rare", "background", "style", "tint")
    lines = ["| model | object | of the rarest third | background | style | tint |", "|---|---|---|---|---|---|"]
    decoded = {name.removesuffix("_decoded"): value for name, value in quality["judge"].items() if name.endswith("_decoded")}
    rows = {name: scores for name, scores in quality.items() if isinstance(scores, dict) and "object" in scores}
    for name, scores in {**rows, "judge, after the autoencoder": decoded}.items():
        cells = (f"{100 * scores[column]:.1f}" if column in scores else "" for column in columns)
        lines.append(f"| {name} | {' | '.join(cells)} |")
    psnr, first = quality["autoencoder"]["psnr"], quality["sticker-clip"]["caption_first_of_100"]
    lines += ["", f"autoencoder: {psnr:.2f} dB PSNR; sticker-clip: right caption first among 100 in {100 * first:.1f} % of cases."]
    return "\n".join(lines)


def write(quality: dict[str, Any]) -> None:
    """Store the figures for the tests, and between its marks in the model card the table of them."""
    (WEIGHTS / "quality.json").write_text(json.dumps(quality, indent=2) + "\n")
    card = WEIGHTS / "README.md"
    before, _, rest = card.read_text().partition(TABLE_BEGINS)
    card.write_text(f"{before}{TABLE_BEGINS}\n\n{card_table(quality)}\n\n{TABLE_ENDS}{rest.partition(TABLE_ENDS)[2]}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--scenes", type=int, default=960)
    parser.add_argument("--write", action="store_true")
    given = parser.parse_args()
    table = {model: {name: round(value, 4) for name, value in scores.items()} for model, scores in evaluate(given.scenes).items()}
    quality: dict[str, Any] = {"scenes": given.scenes, **table}
    sys.stdout.write(json.dumps(quality, indent=2) + "\n")
    if given.write:
        write(quality)


if __name__ == "__main__":
    main()
