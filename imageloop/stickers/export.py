"""Write trained models as the folders that ship with the package, each in its library's own format.

    python -m imageloop.stickers.export --folder FOLDER [MODEL …]

Weights are the averaged ones of each training's last checkpoint, in fp16 safetensors.
"""

import argparse
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file
from torch import nn

from imageloop.stickers.training.fitting import averaged

WEIGHTS = Path(__file__).parent / "weights"
STEPS_OF_SOLVER = 1000


def sana(folder: Path, target: Path) -> None:
    from diffusers import DPMSolverMultistepScheduler, SanaPipeline

    from imageloop.stickers.training import generator
    from imageloop.stickers.training.text import word_tokenizer

    trained = averaged(generator.TextToLatent(), folder / "generator")
    SanaPipeline(
        tokenizer=word_tokenizer(),
        text_encoder=trained.text_encoder,
        vae=_autoencoder(folder),
        transformer=trained.transformer,
        scheduler=DPMSolverMultistepScheduler(
            num_train_timesteps=STEPS_OF_SOLVER, prediction_type="flow_prediction", use_flow_sigmas=True, flow_shift=generator.TIME_SHIFT
        ),
    ).to(torch.float16).save_pretrained(target)


def sprint(folder: Path, target: Path) -> None:
    from diffusers import SanaSprintPipeline, SCMScheduler

    from imageloop.stickers.training import sprint as training
    from imageloop.stickers.training.text import word_tokenizer

    trained = averaged(training.build(folder), folder / "sprint")
    SanaSprintPipeline(
        tokenizer=word_tokenizer(),
        text_encoder=trained.text_encoder,
        vae=_autoencoder(folder),
        transformer=trained.transformer,
        scheduler=SCMScheduler(sigma_data=1.0),
    ).to(torch.float16).save_pretrained(target)
    _share(target, target.parent / "sticker-sana")


def _autoencoder(folder: Path) -> Any:
    from imageloop.stickers.training import autoencoder, generator

    model = averaged(autoencoder.build(), folder / "autoencoder").to(memory_format=torch.contiguous_format)
    model.register_to_config(scaling_factor=round(generator.Pool(folder / "generator").scale, 4))
    return model


def _share(target: Path, source: Path) -> None:
    """Replace weights that two pipelines have in common by links, so that the repository holds them once; a wheel holds copies."""
    for file in sorted(target.rglob("*.safetensors")):
        twin = source / file.relative_to(target)
        if twin.exists() and twin.read_bytes() == file.read_bytes():
            file.unlink()
            file.symlink_to(Path("../..") / source.name / file.relative_to(target))


def blip(folder: Path, target: Path) -> None:
    from transformers import BlipImageProcessor, BlipProcessor

    from imageloop.stickers.training import blip as training
    from imageloop.stickers.training.captioner import Trainee
    from imageloop.stickers.training.text import MAX_TOKENS, bert_tokenizer

    trained = averaged(Trainee(training.build(), training.WIDTH), folder / "blip").captioner
    trained.generation_config.max_new_tokens = MAX_TOKENS
    trained.to(torch.float16).save_pretrained(target)
    images = BlipImageProcessor(size={"height": 64, "width": 64}, image_mean=[0.5] * 3, image_std=[0.5] * 3)
    BlipProcessor(images, bert_tokenizer()).save_pretrained(target)


def git(folder: Path, target: Path) -> None:
    from transformers import CLIPImageProcessor, GitProcessor

    from imageloop.stickers.training import git as training
    from imageloop.stickers.training.captioner import Trainee
    from imageloop.stickers.training.text import MAX_TOKENS, word_tokenizer

    trained = averaged(Trainee(training.build(), training.WIDTH), folder / "git").captioner
    trained.generation_config.max_new_tokens = MAX_TOKENS
    trained.to(torch.float16).save_pretrained(target)
    size = {"size": {"shortest_edge": 64}, "crop_size": {"height": 64, "width": 64}}
    GitProcessor(CLIPImageProcessor(**size, image_mean=[0.5] * 3, image_std=[0.5] * 3), word_tokenizer()).save_pretrained(target)


def clip(folder: Path, target: Path) -> None:
    from imageloop.stickers.training import clip as training
    from imageloop.stickers.training.text import save_json, word_tokenizer

    config = training.config()
    config["text_cfg"]["hf_tokenizer_name"] = "sticker-clip"
    preprocessing = {"size": 64, "mean": [0.5] * 3, "std": [0.5] * 3, "interpolation": "bicubic", "resize_mode": "shortest"}
    save_json(target / "open_clip_config.json", {"model_cfg": config, "preprocess_cfg": preprocessing})
    _save(averaged(training.Trainee(), folder / "clip").clip, target / "open_clip_model.safetensors")
    word_tokenizer().save_pretrained(target)


def judge(folder: Path, target: Path) -> None:
    from imageloop.stickers.judge_network import JudgeNetwork
    from imageloop.stickers.training.text import save_json

    network = JudgeNetwork()
    save_json(target / "config.json", {"widths": [32, 64, 128, 128]})
    _save(averaged(network, folder / "judge"), target / "model.safetensors")


def _save(model: nn.Module, path: Path) -> None:
    state = {name: value.half().contiguous() if value.is_floating_point() else value for name, value in model.state_dict().items()}
    save_file(state, path, metadata={"format": "pt"})


MODELS: dict[str, tuple[Callable[[Path, Path], None], str]] = {
    "sticker-sana": (sana, "generator"),
    "sticker-sprint": (sprint, "sprint"),
    "sticker-blip": (blip, "blip"),
    "sticker-git": (git, "git"),
    "sticker-clip": (clip, "clip"),
    "judge": (judge, "judge"),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("models", nargs="*", metavar="MODEL", help=f"any of {', '.join(MODELS)}; all when none is named")
    parser.add_argument("--folder", type=Path, required=True)
    given = parser.parse_args()
    for name in given.models or MODELS:
        write, stage = MODELS[name]
        write(given.folder, WEIGHTS / name)
        logs = WEIGHTS / "logs"
        logs.mkdir(exist_ok=True)
        for part in {"sticker-sana": ("autoencoder", stage)}.get(name, (stage,)):
            rows = [json.loads(line) for line in (given.folder / part / "log.jsonl").read_text().splitlines()]
            kept = [row for row in rows if "validation" in row or row["step"] % 250 == 0]
            (logs / f"{part}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in kept))


if __name__ == "__main__":
    main()
