"""Train the built-in models from nothing.

    python -m imageloop.stickers.train STAGE --folder FOLDER [--steps N] [--threads N]

Every stage goes on from its last checkpoint in FOLDER/STAGE. `--steps` is the whole length of the training, done parts included.
"""

import argparse
import importlib
from pathlib import Path

import torch

STAGES = {
    "autoencoder": 3000,
    "judge": 2500,
    "generator": 4000,
    "blip": 2600,
    "clip": 900,
    "git": 1000,
    "sprint": 800,
}
"""In the order in which they build on each other, with about the steps of the weights that ship."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("stage", choices=STAGES)
    parser.add_argument("--folder", type=Path, required=True)
    parser.add_argument("--steps", type=int)
    parser.add_argument("--threads", type=int)
    given = parser.parse_args()
    if given.threads:
        torch.set_num_threads(given.threads)
    module = importlib.import_module(f"imageloop.stickers.training.{given.stage}")
    module.train(given.folder / given.stage, given.steps or STAGES[given.stage])


if __name__ == "__main__":
    main()
