"""How fast the gallery of a long run opens, scrubs and is made, in headless Chromium.

    python benchmarks/gallery.py [--chains 16] [--rounds 10000] [--keep FOLDER] [--json]

The run is written, not generated: chains of sticker scenes that change now and then, their pictures linked from a small pool, their
measures a random walk. `opening` ends when the first screen shows its pictures; `scrub` drags the slider from end to end for three seconds
and counts the frames a second, beside those of an empty loop; `slowly` goes 300 rounds a second in one direction, which is the worst: slow
enough that every sheet is loaded, too fast for the eye. `slowest`: 95 % of the gaps between frames are shorter, in milliseconds. `jump` is
the time from a click into an unseen part of the chains until every picture in view is the exact one. `work` is the time of the page's main
thread alone, which is the same on a busy machine.
"""

import argparse
import json
import os
import shutil
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from imageloop.measures import table
from imageloop.records import Pick, Round, SeededCaption, StoredPicture, canonical, pixel_hash
from imageloop.report import Gallery, write_report
from imageloop.stickers.captions import describe
from imageloop.stickers.scenes import BACKGROUNDS, CONCEPTS, Scene, draw
from imageloop.store import RunFolder, encode_picture

CAPTIONER, GENERATOR, ORIGINAL = "sticker-blip", "sticker-sana", "surfer-00000000"
POOL = 240
MEASURES = ("clip_image_similarity", "clip_step_similarity", "caption_grounding", "caption_obedience", "windowed_caption_jsd")
ARGUMENTS = ("--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage")
DRAG = """async () => {
  const slider = document.querySelector('#round');
  const last = Number(slider.max);
  const gaps = [];
  const start = performance.now();
  let before = start;
  while (before - start < 3000) {
    const share = (before - start) / 3000;
    slider.value = Math.round(PLACE);
    slider.dispatchEvent(new Event('input', { bubbles: true }));
    const now = await new Promise(requestAnimationFrame);
    gaps.push(now - before);
    before = now;
  }
  gaps.sort((a, b) => a - b);
  return { frames: gaps.length / 3, slowest: gaps[Math.floor(gaps.length * .95)] };
}"""
SCRUB = DRAG.replace("PLACE", "last * (1 - Math.abs(1 - 2 * share))")
SLOWLY = DRAG.replace("PLACE", "last * .3 + Math.min(last * .7, 900) * share")
DRAGS = {
    "scrub": SCRUB,
    "scrub again": SCRUB,
    "scrub the wall": SCRUB,
    "scrub the wall again": SCRUB,
    "drag the wall slowly": SLOWLY,
    "drag it slowly again": SLOWLY,
}
IDLE = """async () => {
  const start = performance.now();
  let frames = 0;
  for (let now = start; now - start < 1000; frames += 1) now = await new Promise(requestAnimationFrame);
  return { frames };
}"""
OPEN = "() => document.querySelector('#stage-told .caption') && document.querySelector('#stage-now img').naturalWidth"
JUMP = """async () => {
  const slider = document.querySelector('#round');
  const shots = document.querySelectorAll('#stage-now .shot, .tile:not(.blank) .shot');
  slider.value = Math.round(slider.max * .3717);
  slider.dispatchEvent(new Event('input'));
  const start = performance.now();
  await new Promise(requestAnimationFrame);
  do await new Promise(requestAnimationFrame);
  while ([...shots].some(shot => shot.classList.contains('near')));
  return (performance.now() - start) / 1000;
}"""
HEAP = "() => performance.memory.usedJSHeapSize / 1e6"


def write_run(folder: Path, chains: int, rounds: int) -> RunFolder:
    """A run on disk with measures, as `imageloop run` leaves it, in seconds a chain."""
    rng = np.random.default_rng(0)
    scenes = [
        Scene(tuple(str(c) for c in rng.choice(CONCEPTS, 2, replace=False)), str(rng.choice(BACKGROUNDS)), "cartoon") for _ in range(POOL)
    ]
    pool = [draw(scene, rng) for scene in scenes]
    (folder / "pool").mkdir(parents=True)
    for place, pixels in enumerate(pool):
        (folder / "pool" / f"{place}.png").write_bytes(encode_picture(pixels, {}))
    (folder / "originals").mkdir()
    shutil.copy(folder / "pool" / "0.png", folder / "originals" / f"{ORIGINAL}.png")
    plan = {"name": "long", "rounds": rounds, "seeds": chains, "keep": "all", "captioners": [CAPTIONER], "generators": [GENERATOR]}
    information = {"plan": plan, "recipes": {}, "plan_hash": "", "versions": {}, "commit": None, "device": "cpu", "created": ""}
    (folder / "run.json").write_text(json.dumps(information))
    hashes = [pixel_hash(pixels) for pixels in pool]
    captions = [describe(scene, rng) for scene in scenes]
    for seed in range(chains):
        walk = np.cumsum(rng.random(rounds) < 0.3) * 7 + seed
        write_chain(folder, seed, [int(place) % POOL for place in walk], hashes, captions)
    table.write(measured(chains, rounds, rng), folder)
    return RunFolder.open(folder)


def write_chain(folder: Path, seed: int, places: Sequence[int], hashes: Sequence[str], captions: Sequence[str]) -> None:
    """One chain that shows these pictures of the pool, in this order."""
    chain = folder / "chains" / f"{CAPTIONER}+{GENERATOR}" / f"{ORIGINAL}-s{seed}"
    (chain / "images").mkdir(parents=True)
    saw = hashes[0]
    with (chain / "rounds.jsonl").open("w") as file:
        for number, place in enumerate(places, start=1):
            name = f"images/{number:06}.png"
            os.link(folder / "pool" / f"{place}.png", chain / name)
            said, shown = SeededCaption(captions[place], 12, number), StoredPicture(hashes[place], number, name)
            picks = (Pick("first", 0), captions[place], {"text": 14}, {"text": 14})
            file.write(canonical(Round(number, saw, (said,), *picks, (shown,), Pick("first", 0)).to_json()) + "\n")
            saw = hashes[place]


def measured(chains: int, rounds: int, rng: np.random.Generator) -> pa.Table:
    """Measures of every round: random walks."""
    shape = (chains, len(MEASURES), rounds)
    values = np.clip(0.95 - np.abs(np.cumsum(rng.normal(0, 0.01, shape), axis=2)), -1, 1)
    count = values.size
    chain, measure, turn = np.unravel_index(np.arange(count), shape)
    columns = {
        "pair": [f"{CAPTIONER}+{GENERATOR}"] * count,
        "original": [ORIGINAL] * count,
        "seed": chain,
        "arm": ["plain"] * count,
        "round": turn + 1,
        "measure": np.array(MEASURES)[measure],
        "value": values.ravel(),
    }
    return pa.table(columns, schema=table.SCHEMA)


def make(run: RunFolder) -> dict[str, float]:
    """Seconds to make the report of a run, to make it again, and to notice that nothing has changed while it goes on."""
    seconds = {}
    for name in ("made", "made again"):
        start = time.perf_counter()
        write_report(RunFolder.open(run.path))
        seconds[name] = time.perf_counter() - start
    gallery = Gallery(run.path)
    gallery.write(run)
    start = time.perf_counter()
    gallery.write(run)
    return {**seconds, "looked at again": time.perf_counter() - start}


def browse(page: Path) -> dict[str, Any]:
    """What the page does in headless Chromium."""
    from playwright.sync_api import sync_playwright

    program = shutil.which("chromium")
    with sync_playwright() as play:
        browser = play.chromium.launch(executable_path=program, args=[*ARGUMENTS, "--enable-precise-memory-info"])
        tab = browser.new_page(viewport={"width": 1280, "height": 900})
        work = Work(tab)
        start = time.perf_counter()
        tab.goto(page.resolve().as_uri())
        tab.wait_for_function(OPEN)
        found: dict[str, Any] = {
            "opening": time.perf_counter() - start,
            "opening, work": work.seconds(),
            "heap at first, MB": tab.evaluate(HEAP),
        }
        found["an empty loop"] = tab.evaluate(IDLE)
        for name, drag in DRAGS.items():
            if name == "scrub the wall":
                tab.evaluate("() => document.querySelector('#all').scrollIntoView()")
            before = work.seconds()
            found[name] = tab.evaluate(drag)
            found[name]["work a frame, ms"] = (work.seconds() - before) * 1000 / (3 * found[name]["frames"])
        found |= {"jump": tab.evaluate(JUMP), "heap at last, MB": tab.evaluate(HEAP)}
        browser.close()
    return found


class Work:
    """Seconds that the main thread of a page has worked, which do not depend on what else the machine does."""

    def __init__(self, tab: Any) -> None:
        self._session = tab.context.new_cdp_session(tab)
        self._session.send("Performance.enable", {"timeDomain": "threadTicks"})

    def seconds(self) -> float:
        """Since the page was opened."""
        metrics = self._session.send("Performance.getMetrics")["metrics"]
        return float(next(one["value"] for one in metrics if one["name"] == "TaskDuration"))


def main(arguments: Sequence[str] | None = None) -> None:
    """Prints what was measured, as a table or as JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--chains", type=int, default=16)
    parser.add_argument("--rounds", type=int, default=10_000)
    parser.add_argument("--keep", type=Path, help="leave the run in this folder, and take it from there if it is there")
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory() as scratch:
        folder = given.keep or Path(scratch) / "run"
        run = RunFolder.open(folder) if (folder / "run.json").is_file() else write_run(folder, given.chains, given.rounds)
        found = {"seconds": make(run), "browser": browse(folder / "report" / "index.html")}
    if given.json:
        print(json.dumps(found))
        return
    for name, value in {**{f"seconds, {k}": v for k, v in found["seconds"].items()}, **found["browser"]}.items():
        said = ", ".join(f"{k} {v:.1f}" for k, v in value.items()) if isinstance(value, dict) else f"{value:.2f}"
        print(f"{name:<24} {said}")


if __name__ == "__main__":
    main()
