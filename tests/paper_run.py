"""A run on paper: chains of sticker scenes that lose a fact every few rounds, written as a run's folder without any model."""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from itertools import product
from pathlib import Path

import numpy as np
from PIL import Image

from imageloop.records import ChainKey, Pick, Pixels, Recipe, Round, SeededCaption, StoredPicture, pixel_hash
from imageloop.stickers.captions import describe
from imageloop.stickers.scenes import BACKGROUNDS, CONCEPTS, STYLES, Scene, draw
from imageloop.store import RunFolder

SURFER = Scene(("surfer", "palm tree", "hibiscus"), "beach", "sticker")


def paper_run(
    folder: Path,
    *,
    scenes: Sequence[Scene] = (SURFER,),
    texts: Sequence[str] = (),
    pairs: Sequence[tuple[str, str]] = (("sticker-blip", "sticker-sana"),),
    seeds: int = 2,
    rounds: int = 6,
    captions: int = 1,
    images: int = 1,
    enlarge: int = 1,
    rewrite: Callable[[str], str] = lambda text: text,
) -> RunFolder:
    """A whole run. The first pair changes facts half as fast as the second; every third prompt of `…-sprint` is truncated."""
    looks = Looks(captions, images, enlarge, rewrite)
    starts = {f"scene-{number:08x}": scene for number, scene in enumerate(scenes)}
    said = {f"text-{number:08x}": text for number, text in enumerate(texts)}
    for name, scene in starts.items():
        save(folder / "originals" / f"{name}.png", looks.draw(scene))
    (folder / "originals").mkdir(parents=True, exist_ok=True)
    for name, text in said.items():
        (folder / "originals" / f"{name}.txt").write_text(text)
    (folder / "run.json").write_text(json.dumps(information(pairs, rounds, seeds, captions, images)))
    for (place, (captioner, generator)), name, seed in product(enumerate(pairs), [*starts, *said], range(seeds)):
        chain = folder / "chains" / f"{captioner}+{generator}" / f"{name}-s{seed}"
        lines = paper_chain(
            chain, starts.get(name, SURFER), said.get(name), looks, rounds, np.random.default_rng([place, seed, len(name)]), place
        )
        (chain / "rounds.jsonl").write_text("".join(json.dumps(turn.to_json()) + "\n" for turn in lines))
    return RunFolder.open(folder)


@dataclass(frozen=True)
class Looks:
    """How many candidates each round has, how large pictures are, and what becomes of each caption."""

    captions: int
    images: int
    enlarge: int
    rewrite: Callable[[str], str]

    def draw(self, scene: Scene, rng: np.random.Generator | None = None) -> Pixels:
        return draw(scene, rng).repeat(self.enlarge, axis=0).repeat(self.enlarge, axis=1)


def paper_chain(
    chain: Path, scene: Scene, text: str | None, looks: Looks, rounds: int, rng: np.random.Generator, place: int
) -> list[Round]:
    (chain / "images").mkdir(parents=True, exist_ok=True)
    saw = None if text else pixel_hash(looks.draw(scene))
    lines: list[Round] = []
    for number in range(1, rounds + 1):
        if rng.random() < 0.25 * (place + 1) or number == 1:
            scene = worn(scene, rng)
        lines.append(paper_round(chain, number, scene, text if number == 1 else None, looks, rng, saw))
        saw = lines[-1].picture.pixels
    return lines


def paper_round(chain: Path, number: int, scene: Scene, text: str | None, looks: Looks, rng: np.random.Generator, saw: str | None) -> Round:
    said = [text] if text else [looks.rewrite(describe(scene if k == 0 else worn(scene, rng), rng)) for k in range(looks.captions)]
    pictures = []
    for m in range(looks.images):
        pixels = looks.draw(scene if m == 0 else worn(scene, rng), rng)
        name = f"images/{number:06}.png" if m == 0 else f"images/{number:06}-c{m}.png"
        save(chain / name, pixels)
        pictures.append(StoredPicture(pixel_hash(pixels), int(rng.integers(2**40)), name))
    count = len(said[0].split()) + 2
    read = count - 3 if "sprint" in chain.parent.name and number % 3 == 0 else count
    return Round(
        round=number,
        saw=saw,
        captions=tuple(SeededCaption(caption, len(caption.split()), number * 10 + k, cut=number == 4) for k, caption in enumerate(said)),
        caption_pick=Pick("first", 0),
        prompt=said[0],
        prompt_tokens={"text_encoder": count},
        prompt_tokens_read={"text_encoder": read},
        pictures=tuple(pictures),
        picture_pick=Pick("closest", 0, True, tuple(0.9 - 0.05 * m for m in range(looks.images))) if looks.images > 1 else Pick("first", 0),
        seconds={"caption": 0.1, "image": 0.2},
    )


def keep_rounds(run: RunFolder, key: ChainKey, rounds: int) -> None:
    """Cut a chain short, as a killed run leaves it."""
    file = run.chain_path(key) / "rounds.jsonl"
    file.write_text("".join(file.read_text().splitlines(keepends=True)[:rounds]))


def worn(scene: Scene, rng: np.random.Generator) -> Scene:
    """The scene with one fact changed into another."""
    what = rng.choice(["object", "object", "background", "style"])
    if what == "background":
        return replace(scene, background=str(rng.choice(BACKGROUNDS)))
    if what == "style":
        return replace(scene, style=str(rng.choice(STYLES)))
    objects = list(scene.objects)
    objects[int(rng.integers(len(objects)))] = str(rng.choice([c for c in CONCEPTS[:30] if c not in objects]))
    return replace(scene, objects=tuple(objects))


def save(file: Path, pixels: Pixels) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(file)


def information(pairs: Sequence[tuple[str, str]], rounds: int, seeds: int, captions: int, images: int) -> dict[str, object]:
    captioners, generators = ([*dict.fromkeys(side)] for side in zip(*pairs, strict=True))
    recipes = {
        f"{role}/{name}": {
            "role": role,
            "name": name,
            "family": role,
            "target": f"sticker/{name}",
            "revision": "1",
            "dtype": "fp32",
            "batch": 4,
        }
        for role, names in (("captioner", captioners), ("generator", generators))
        for name in names
    }
    plan = {
        "name": "surfer",
        "originals": ["stickers:surfer, palm tree, hibiscus; beach; sticker"],
        "captioners": captioners,
        "generators": generators,
        "rounds": rounds,
        "seeds": seeds,
        "captions": captions,
        "images": images,
        "pick_caption": "first",
        "pick_image": "closest" if images > 1 else "first",
    }
    return {
        "plan": plan,
        "recipes": recipes,
        "plan_hash": "0123456789abcdef",
        "versions": {"imageloop": "0.1.0", "torch": "2.9"},
        "commit": None,
        "device": "cpu",
        "created": "2026-11-22T10:00:00+00:00",
    }


class PaperEmbedder:
    """Pictures by their colours on an 8 × 8 grid, texts by their words: unit rows, and no model. Counts the rows it was asked for."""

    def __init__(self, batch: int = 4) -> None:
        self.recipe = Recipe("embedder", "paper", "paper", "paper", "1", "fp32", "cpu", batch)
        self.asked = 0

    def embed_images(self, images: Sequence[Pixels]) -> np.ndarray:
        assert len(images) == self.recipe.batch
        self.asked += len(images)
        small = [np.asarray(Image.fromarray(image).resize((8, 8), Image.Resampling.BOX), np.float32).ravel() for image in images]
        return unit(np.stack(small) - 60)

    def embed_texts(self, texts: Sequence[str]) -> np.ndarray:
        assert len(texts) == self.recipe.batch
        self.asked += len(texts)
        rows = np.zeros((len(texts), 192), np.float32)
        for row, text in zip(rows, texts, strict=True):
            for word in text.split() or ["nothing"]:
                row[sum(word.encode("utf-8", "surrogatepass")) % 192] += 1
        return unit(rows)

    def truncated(self, texts: Sequence[str]) -> list[bool]:
        return [False for _ in texts]


def unit(rows: np.ndarray) -> np.ndarray:
    return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)
