"""The plain script everybody writes: one chain, one picture at a time, the libraries' own calls, PNG as Pillow saves it by default.

    python benchmarks/naive.py PICTURE [--captioner FOLDER] [--generator FOLDER] [--rounds 20] [--out outputs/naive]

It imports nothing of imageloop, and it is what `benchmarks/engine.py` compares with: the same models, steps and number of candidates.
"""

import argparse
from pathlib import Path
from typing import Any, NamedTuple

import torch
from diffusers import DiffusionPipeline
from PIL import Image
from transformers import AutoModelForImageTextToText, AutoProcessor

WEIGHTS = Path(__file__).parent.parent / "imageloop" / "stickers" / "weights"
CALL = {
    "num_inference_steps": 12,
    "guidance_scale": 2.0,
    "height": 64,
    "width": 64,
    "max_sequence_length": 40,
    "complex_human_instruction": None,
    "use_resolution_binning": False,
    "clean_caption": False,
}
"""How `sticker-sana` is called."""
MAX_NEW_TOKENS = 40


class Models(NamedTuple):
    """A captioner with what prepares its pictures, and a generator."""

    processor: Any
    captioner: Any
    pipeline: Any


def load(captioner: str, generator: str, dtype: torch.dtype = torch.float32, device: str = "cpu") -> Models:
    """The models of two folders, or two ids of the hub."""
    describer = AutoModelForImageTextToText.from_pretrained(captioner, dtype=dtype).to(device).eval()
    pipeline = DiffusionPipeline.from_pretrained(generator, dtype=dtype).to(device)
    pipeline.set_progress_bar_config(disable=True)
    return Models(AutoProcessor.from_pretrained(captioner), describer, pipeline)


def describe(models: Models, image: Image.Image, tokens: int = MAX_NEW_TOKENS) -> str:
    """One caption, sampled."""
    inputs = models.processor(images=image, return_tensors="pt").to(models.captioner.device, models.captioner.dtype)
    with torch.inference_mode():
        output = models.captioner.generate(**inputs, do_sample=True, top_k=0, max_new_tokens=tokens)
    return str(models.processor.batch_decode(output, skip_special_tokens=True)[0])


def chain(
    models: Models,
    image: Image.Image,
    rounds: int,
    out: Path,
    call: dict[str, Any] = CALL,
    captions: int = 1,
    images: int = 1,
    **limits: int,
) -> list[str]:
    """Describes and draws `rounds` times, keeps the first of the candidates, saves them all, and gives the captions."""
    out.mkdir(parents=True, exist_ok=True)
    told = []
    for number in range(1, rounds + 1):
        texts = [describe(models, image, **limits) for _ in range(captions)]
        told.append(texts[0])
        drawn = [models.pipeline(told[-1], **call).images[0] for _ in range(images)]
        for candidate, picture in enumerate(drawn):
            picture.save(out / f"{number:06}-{candidate}.png")
        image = drawn[0]
    return told


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("picture", type=Path)
    parser.add_argument("--captioner", default=str(WEIGHTS / "sticker-blip"))
    parser.add_argument("--generator", default=str(WEIGHTS / "sticker-sana"))
    parser.add_argument("--rounds", type=int, default=20)
    parser.add_argument("--out", type=Path, default=Path("outputs/naive"))
    given = parser.parse_args()
    for caption in chain(load(given.captioner, given.generator), Image.open(given.picture).convert("RGB"), given.rounds, given.out):
        print(caption)


if __name__ == "__main__":
    main()
