"""`docs/measures.md`, written from the table of measures: python -m imageloop.measures.docs"""

import math
import sys
from collections.abc import Iterable
from pathlib import Path

from imageloop.measures.definitions import MEASURES, Measure

TITLES = {
    "round": "Of one round of a chain",
    "chain": "Of one chain",
    "all chains at a round": "Of all chains of a pair at one round",
    "pair": "Of all chains of a pair",
}
OPENING = """# Measures

What `imageloop measure` writes into `measures.parquet` and `measures.csv`: one row for each pair, original, seed, arm, round and measure.
`x_t` is the picture and `y_t` the caption of round t, `x_0` the original; the cosines are of unit embeddings by the run's embedder.

- A value that is undefined has no row. How many a measure could not give is counted in the metadata of `measures.parquet`.
- A row of a whole chain has round −1; a row of all chains of a pair has original `*` and seed −1.
- Rounds of one chain depend on each other. Whatever is averaged is averaged over originals, and its interval resamples originals.
- A measure's version is raised when its definition changes, so that two numbers of the same name and version mean the same.

This page is made from the table in `imageloop/measures/definitions`; `imageloop measures` prints that table.
"""


def page(measures: Iterable[Measure] = tuple(MEASURES.values())) -> str:
    """The whole page, in Markdown."""
    rows = list(measures)
    parts = [OPENING]
    for scope, title in TITLES.items():
        if own := [row for row in rows if row.scope == scope]:
            parts += [f"## {title}\n", *(_entry(row) for row in own)]
    return "\n".join(parts)


def range_of(measure: Measure) -> str:
    """`−1 to 1`, with ∞ for what has no end."""
    return f"{_bound(measure.low)} to {_bound(measure.high)}"


def direction_of(measure: Measure) -> str:
    """Which way is better, or `neither`."""
    return {True: "higher", False: "lower", None: "neither"}[measure.higher_is_better]


def _entry(measure: Measure) -> str:
    facts = f"{measure.unit}, {range_of(measure)} · better: {direction_of(measure)} · version {measure.version}"
    return (
        f"### {measure.name}\n\n**{measure.title}.** {measure.meaning}\n\n"
        f"*{facts} · source: {measure.source}*\n\n"
        f"*Undefined:* {measure.undefined}.\n\n"
        f"*What it does not say, and where it fails:* {measure.limits}\n"
    )


def _bound(value: float) -> str:
    if math.isinf(value):
        return "∞" if value > 0 else "−∞"
    return f"{value:.4g}".replace("-", "−")


def main() -> None:
    """Write the page to the path given, or to docs/measures.md."""
    Path(sys.argv[1] if len(sys.argv) > 1 else "docs/measures.md").write_text(page(), encoding="utf-8")


if __name__ == "__main__":
    main()
