"""How fast models of the catalog run at their true size on this machine. Random weights: speed only, no quality.

    python benchmarks/architectures.py [--only NAME …] [--batches 1 4 16] [--device auto] [--dtype auto] [--json]

Architectures are those of `true_generators` and `true_captioners`; they run through the package's own adapters (`timed_adapters`), with
the steps, guidance and size of their row of the catalog. Nothing is downloaded. A caption is `--tokens` tokens long.

FLOPs are counted by torch over one call: products of matrices, convolutions, attention. A share is of the fastest product of two square
matrices that this device does in the same dtype, timed first.
"""

import argparse
import gc
import json
import platform
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from statistics import median
from typing import Any

import torch
from torch.utils.flop_counter import FlopCounterMode

from imageloop import catalog
from imageloop.errors import OutOfMemory
from imageloop.models import loading

sys.path.insert(0, str(Path(__file__).parent.parent / "tests" / "architectures"))  # for the tokenizers of timed_adapters

SMALL = ("clip-b32", "blip-base")
"""What is timed on a CPU unless other names are given."""
MADE = {"generator": "pictures", "captioner": "captions", "embedder": "pictures read", "text-embedder": "texts read"}
SIDE_OF_PEAK = {"cuda": 8192, "cpu": 2048, "mps": 2048}
"""Side of the matrices by which a device's peak is measured."""
FILLED = 0.7
"""Share of a GPU's free memory that weights may take for a model to be timed unasked."""
Call = Callable[[], object]


def measure(only: Sequence[str], batches: Sequence[int], device: torch.device, dtype: torch.dtype, **how: int) -> dict[str, Any]:
    """Every model at every batch size, and what they were measured on. `how`: tokens, repetitions."""
    peak = peak_of(device, dtype)
    rows = []
    for name in only:
        print(f"timing {name}", file=sys.stderr)
        rows += timed(row_of(name), batches, device, dtype, peak, **how)
        gc.collect()
        loading.empty_cache()
    return {
        "note": "random weights: speed only, no quality",
        "device": str(device) if device.type != "cuda" else torch.cuda.get_device_name(device),
        "dtype": loading.dtype_name(dtype),
        "threads": torch.get_num_threads(),
        "processor": platform.machine(),
        "torch": torch.__version__,
        "peak_tflops": peak / 1e12,
        **how,
        "models": rows,
    }


def timed(
    row: catalog.Row, batches: Sequence[int], device: torch.device, dtype: torch.dtype, peak: float, tokens: int, repetitions: int
) -> list[dict[str, Any]]:
    """Results a second of one model at each batch size, with their spread; None where the batch does not fit the memory."""
    from timed_adapters import ready

    of_batch = ready(row, device, dtype, tokens)
    results: list[dict[str, Any]] = []
    for batch in batches:
        result: dict[str, Any] = {"name": row.name, "makes": MADE[row.role], "batch": batch, "per_second": None}
        call = of_batch(batch)
        try:
            flops = flops_of(call)
            call()  # the one before may have taken other kernels
            seconds = [seconds_of(call) for _ in range(repetitions)]
        except (OutOfMemory, torch.OutOfMemoryError):
            results.append(result)
            break
        rates = [batch / each for each in seconds]
        result["per_second"] = {"median": median(rates), "lowest": min(rates), "highest": max(rates)}
        results.append({**result, "tflop_each": flops / batch / 1e12, "share_of_peak": flops / batch * median(rates) / peak})
    return results


def flops_of(call: Call) -> int:
    """Floating-point operations of a call."""
    counter = FlopCounterMode(display=False)
    fused = torch.backends.mha.get_fastpath_enabled()
    # The counter does not see into torch's fused attention layer, which is a third of CLIP.
    torch.backends.mha.set_fastpath_enabled(False)
    try:
        with counter:
            call()
    finally:
        torch.backends.mha.set_fastpath_enabled(fused)
    return int(counter.get_total_flops())


def seconds_of(call: Call) -> float:
    """Wall time of a call; adapters answer in main memory, so nothing is left running on a GPU."""
    start = time.perf_counter()
    call()
    return time.perf_counter() - start


def peak_of(device: torch.device, dtype: torch.dtype, repetitions: int = 10) -> float:
    """FLOP a second of the fastest of several products of two square matrices."""
    side = SIDE_OF_PEAK[device.type]
    one, other = torch.randn(2, side, side, device=device).to(dtype)
    best = float("inf")
    for _ in range(repetitions):
        start = time.perf_counter()
        torch.mm(one, other).sum().item()
        best = min(best, time.perf_counter() - start)
    return 2 * side**3 / best


def row_of(name: str) -> catalog.Row:
    """The row of the catalog; exits with the names that can be timed."""
    from timed_adapters import names

    if name not in names():
        sys.exit(f"{name}: is not timed here; name some of {', '.join(names())}")
    return next(row for row in catalog.ROWS if row.name == name)


def unasked(device: torch.device, dtype: torch.dtype) -> list[str]:
    """What is timed unless names are given: two small models on a CPU, on a GPU all whose weights leave room."""
    from timed_adapters import names

    if device.type != "cuda":
        return list(SMALL)
    free = torch.cuda.mem_get_info(device)[0]
    rows = [row_of(name) for name in names()]
    return [row.name for row in rows if (row.parameters or 0) * dtype.itemsize < FILLED * free]


def table(result: Mapping[str, Any]) -> str:
    """The result as a person reads it."""
    where = f"{result['device']}, {result['dtype']}, {result['threads']} threads, torch {result['torch']}"
    lines = [
        f"{where}; matrix products reach {result['peak_tflops']:.2f} TFLOP/s",
        f"{result['note']}; captions of {result['tokens']} tokens; median of {result['repetitions']} [lowest, highest]",
        "",
        f"{'':<18}{'':<15}{'batch':>6}{'a second':>11}{'':<20}{'TFLOP each':>11}{'of peak':>9}",
    ]
    for row in result["models"]:
        start = f"{row['name']:<18}{row['makes']:<15}{row['batch']:>6}"
        if row["per_second"] is None:
            lines.append(f"{start}   out of memory")
            continue
        rate, low, high = (row["per_second"][name] for name in ("median", "lowest", "highest"))
        spread = f" [{low:.3g}, {high:.3g}]"
        lines.append(f"{start}{rate:>11.3g}{spread:<20}{row['tflop_each']:>11.3g}{row['share_of_peak']:>9.1%}")
    return "\n".join(lines)


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", nargs="+", metavar="NAME", help="models of the catalog; left out, those that this machine has room for")
    parser.add_argument("--batches", type=int, nargs="+", default=[1, 4, 16])
    parser.add_argument("--tokens", type=int, default=20)
    parser.add_argument("--repetitions", type=int, default=3)
    parser.add_argument("--device", default="auto")
    parser.add_argument("--dtype", default="auto")
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args(arguments)
    device = loading.resolve_device(given.device)
    dtype = loading.resolve_dtype(given.dtype, device)
    only = given.only or unasked(device, dtype)
    result = measure(only, given.batches, device, dtype, tokens=given.tokens, repetitions=given.repetitions)
    print(json.dumps(result, indent=2) if given.json else table(result))


if __name__ == "__main__":
    main()
