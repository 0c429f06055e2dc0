"""What the page costs a run that keeps it up to date while it goes on, as `imageloop run` does.

    python benchmarks/live.py [PLAN] [--chains 16] [--rounds 10] [--repetitions 3] [--captioner …] [--generator …] [--json]

Each repetition carries the same plan out twice in this process, without a page and with one, in turns first and second; models are loaded
before. `page` is the processor time of the page's thread as a share of that of the whole run, whatever else the machine does; `longer` is
by how much longer the run with a page took on the clock, which on a busy machine is mostly noise, and `more` by how much more processor
time.
"""

import argparse
import json
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from imageloop.asking import load_model
from imageloop.cli.live_page import LivePage
from imageloop.lineup import Loader
from imageloop.plan import Plan, changed
from imageloop.plan_files import find
from imageloop.runner import Silent, carry_out

# Paid by every run at its end, with a page on the way or without.
import imageloop.report  # noqa: F401, isort: skip


@dataclass(frozen=True, slots=True)
class Repetition:
    """Seconds of the run without a page and with one: on the clock, and of the processor."""

    without: float
    without_processor: float
    with_page: float
    with_processor: float
    page: float
    """Of the page alone, of the processor."""

    @property
    def figures(self) -> dict[str, float]:
        """What is printed, by its name, in percent."""
        return {
            "page": 100 * self.page / self.with_processor,
            "more": 100 * (self.with_processor / self.without_processor - 1),
            "longer": 100 * (self.with_page / self.without - 1),
        }


def repeat(plan: Plan, load: Loader, *, page_first: bool) -> Repetition:
    """The plan carried out without a page and with one."""
    found: dict[bool, tuple[float, float, float]] = {}
    for paged in (page_first, not page_first):
        with tempfile.TemporaryDirectory() as folder:
            run = Path(folder) / "run"
            clock, processor = time.perf_counter(), time.process_time()
            if paged:
                with LivePage(run, Silent()) as live:
                    carry_out(plan, run, progress=live, load=load)
                cost = live.seconds
            else:
                carry_out(plan, run, load=load)
                cost = 0.0
            found[paged] = (time.perf_counter() - clock, time.process_time() - processor, cost)
    return Repetition(*found[False][:2], *found[True])


def loading_once() -> Loader:
    """Gives each model that is asked for, loaded once."""
    models: dict[tuple[str, str], object] = {}

    def load(role: str, spec: str, own: Plan) -> object:
        if (role, spec) not in models:
            models[role, spec] = load_model(role, spec, own)  # type: ignore[arg-type]
        return models[role, spec]

    return load


def main(arguments: Sequence[str] | None = None) -> None:
    """Prints what was measured, as a table or as JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("plan", nargs="?", default="surfer.toml")
    parser.add_argument("--chains", type=int, default=16)
    parser.add_argument("--rounds", type=int, default=10)
    parser.add_argument("--repetitions", type=int, default=3)
    parser.add_argument("--captioner")
    parser.add_argument("--generator")
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args(arguments)
    models = {f"{role}s": [spec] for role, spec in (("captioner", given.captioner), ("generator", given.generator)) if spec}
    counts = {"captions": 1, "images": 1, "pick_caption": "first", "pick_image": "first", "controls": "none"}
    plan = changed(find(given.plan), {"seeds": given.chains, "rounds": given.rounds, **counts, **models}, [], [])
    load = loading_once()
    with tempfile.TemporaryDirectory() as folder:
        carry_out(plan.model_copy(update={"rounds": 1}), Path(folder) / "run", load=load)
    found = [repeat(plan, load, page_first=bool(number % 2)) for number in range(given.repetitions)]
    rows = {name: sorted(one.figures[name] for one in found) for name in found[0].figures}
    result = {
        "chains": given.chains,
        "rounds": given.rounds,
        "seconds": median(one.with_page for one in found),
        **{name: {"lowest": row[0], "median": median(row), "highest": row[-1]} for name, row in rows.items()},
    }
    if given.json:
        print(json.dumps(result))
        return
    print(f"{given.chains} chains of {given.rounds} rounds, {result['seconds']:.0f} s a run; percent of the run, median [lowest, highest]")
    for name, row in rows.items():
        print(f"{name:<8} {median(row):5.2f} [{row[0]:.2f}, {row[-1]:.2f}]")


if __name__ == "__main__":
    main()
