"""`imageloop run`: from what a person types to a plan, a run, its measures and its page."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from imageloop.plan import Plan

Option = typer.Option


def _number_or_word(text: str) -> int | str:
    return int(text) if text.isdecimal() else text


def run(
    what: Annotated[
        list[str] | None,
        typer.Argument(metavar='[PLAN | IMAGE... | "TEXT"]', help="A plan (.toml), originals, or a plan and originals for it."),
    ] = None,
    name: Annotated[str | None, Option(help="Names the run's folder: outputs/NAME.")] = None,
    out: Annotated[Path | None, Option(help="The run's folder, when not outputs/NAME. A folder that exists goes on.")] = None,
    rounds: Annotated[int | None, Option(help="How far each chain goes.")] = None,
    seeds: Annotated[int | None, Option(help="Chains for each original and pair.")] = None,
    seed: Annotated[int | None, Option(help="The seed all noise comes from.")] = None,
    arm: Annotated[list[str] | None, Option(help='An intervention: plain, "reanchor(every=5)", …; may be repeated.')] = None,
    controls: Annotated[str | None, Option(help="auto: also measure the noise floor; or none.")] = None,
    watch: Annotated[bool | None, Option(help="Watch for early signs of collapse.")] = None,
    rule: Annotated[list[str] | None, Option(metavar="RULE.KEY=VALUE", help="Change a rule of the monitor; may be repeated.")] = None,
    captioner: Annotated[list[str] | None, Option(help="A model that describes; may be repeated.")] = None,
    generator: Annotated[list[str] | None, Option(help="A model that draws; may be repeated.")] = None,
    embedder: Annotated[str | None, Option(help="The model that picks and measures by likeness.")] = None,
    captions: Annotated[int | None, Option(help="Candidate captions a round.")] = None,
    images: Annotated[int | None, Option(help="Candidate pictures a round.")] = None,
    pick_caption: Annotated[
        str | None, Option(help="How one caption is kept: first, random, closest, medoid, most_novel, most_likely, shortest, longest.")
    ] = None,
    pick_image: Annotated[str | None, Option(help="How one picture is kept: first, random, closest, medoid, most_novel.")] = None,
    size: Annotated[int | None, Option(help="Side of the pictures in pixels; left out, the generator's own.")] = None,
    noise: Annotated[str | None, Option(help="new: every round has noise of its own; fixed: all have that of round 1.")] = None,
    batch: Annotated[Any, Option(parser=_number_or_word, metavar="N|auto", help="Rows in every call of a model, or auto.")] = None,
    device: Annotated[str | None, Option(help="auto, cpu, cuda, cuda:N or mps.")] = None,
    dtype: Annotated[str | None, Option(help="auto, fp32, bf16 or fp16.")] = None,
    offload: Annotated[str | None, Option(help="What leaves the GPU while it is not needed: none, model or group.")] = None,
    quantize: Annotated[str | None, Option(help="Weights in fewer bits: none, 8bit or 4bit.")] = None,
    compile: Annotated[bool | None, Option(help="Compile the generators: slower to start, faster to draw.")] = None,
    max_requests: Annotated[int | None, Option(help="The most requests to remote models before the run stops.")] = None,
    keep: Annotated[str | None, Option(help='Rounds whose pictures stay on disk: all, "every K" or log.')] = None,
    keep_candidates: Annotated[bool | None, Option(help="Whether the pictures that were not picked stay on disk.")] = None,
    set: Annotated[list[str] | None, Option(metavar="NAME.KEY=VALUE", help="Change a recipe field of a model; may be repeated.")] = None,
    json: Annotated[bool, Option("--json", help="Print the results as JSON on stdout, and nothing else there.")] = False,
) -> None:
    """Carry out a plan, or go on with it where its folder exists; then measure it and make its page.

    Without an argument: the surfer experiment on the built-in models. With originals: one caption and one picture a round, unless said
    otherwise.
    """
    given = {
        "name": name,
        "rounds": rounds,
        "seeds": seeds,
        "seed": seed,
        "arms": arm,
        "controls": controls,
        "watch": watch,
        "captioners": captioner,
        "generators": generator,
        "embedder": embedder,
        "captions": captions,
        "images": images,
        "pick_caption": pick_caption,
        "pick_image": pick_image,
        "size": size,
        "noise": noise,
        "batch": batch,
        "device": device,
        "dtype": dtype,
        "offload": offload,
        "quantize": quantize,
        "compile": compile,
        "max_requests": max_requests,
        "keep": keep,
        "keep_candidates": keep_candidates,
    }
    plan = plan_from(what or [], {field: value for field, value in given.items() if value is not None}, set or [], rule or [])
    carry_out_and_show(plan, out or Path("outputs") / plan.name, json=json)


def plan_from(what: Sequence[str], changes: Mapping[str, Any], overrides: Sequence[str], rules: Sequence[str] = ()) -> "Plan":
    """The plan that arguments and options amount to. Raises PlanError."""
    from imageloop.errors import PlanError
    from imageloop.plan import changed, name_of
    from imageloop.plan_files import find

    plans = [text for text in what if text.lower().endswith(".toml")]
    originals = [text for text in what if text not in plans]
    if len(plans) > 1:
        raise PlanError(f"{plans[1]}: one plan at a time; {plans[0]} is one already")
    if originals:
        changes = {"originals": tuple(originals), **changes}
    if plans or not originals:
        return changed(find(plans[0] if plans else "surfer.toml"), changes, overrides, rules)
    return changed(None, {"name": name_of(originals), **changes}, overrides, rules)


def carry_out_and_show(plan: "Plan", folder: Path, *, json: bool) -> None:
    """Carry out, measure and report a plan, then print its results. What is up to date is not made again."""
    from time import perf_counter

    from imageloop.cli import results
    from imageloop.cli.live_page import LivePage
    from imageloop.cli.progress import watcher
    from imageloop.runner import carry_out

    start = perf_counter()
    with watcher() as progress:
        with LivePage(folder, progress) as live:
            run = carry_out(plan, folder, progress=live)
        table = results.up_to_date_measures(run, progress.message)
        page = results.up_to_date_page(run, progress.message)
    results.show(run, table, page=page, json=json, seconds=perf_counter() - start)
