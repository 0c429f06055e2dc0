"""Measures of how chains come to rest, each beside what its rule finds where nothing is attracted."""

from collections.abc import Callable, Iterable, Sequence
from math import inf, isinf, isnan, nan

import numpy as np
from jaxtyping import Float

from imageloop.measures import attractors
from imageloop.measures.attractors import ALIKE, FEWEST_ORIGINALS, HELD
from imageloop.measures.chains import ChainData, PairData
from imageloop.measures.definitions.row import NO_PICTURE, Measure

RULE = "Sardean123/vlm-iterative-loss"
NULL = "this package"
NO_WINDOW = f"no {HELD} rounds in a row have their pictures: {NO_PICTURE}"
NO_FLOOR = "the run has no control chains that draw one caption again and again"
FEW = f"fewer than {FEWEST_ORIGINALS} originals, or {NO_PICTURE}"
NEVER = "the chain never gets there"
THRESHOLD = f"The threshold of {ALIKE} fits no embedder in particular: the two nulls say what it finds where nothing is attracted."
Rule = Callable[[Float[np.ndarray, "n d"], Float[np.ndarray, " d"]], float]


def _reached(number: float) -> float:
    return nan if isinf(number) else number


def _share(rounds: Iterable[float]) -> float:
    """Share of the rounds that are finite, among those that are known."""
    known = [number for number in rounds if not isnan(number)]
    return float(np.mean([not isinf(number) for number in known])) if known else nan


def _reached_share(rule: Rule, chains: Iterable[ChainData]) -> float:
    return _share(rule(chain.images, chain.original_image) for chain in chains)


def _unrelated_share(rule: Rule, pair: PairData) -> float:
    """What the rule says of pictures of unrelated captions: the first rounds' pictures of other chains, one after the other."""
    firsts = np.stack([chain.images[0] for chain in pair.chains])
    order = attractors.unrelated([key.original for key in pair.keys], max(len(chain.rounds) for chain in pair.chains))
    nowhere = np.full(firsts.shape[1], np.nan)
    return _share(rule(firsts[row[: len(chain.rounds)]], nowhere) for row, chain in zip(order, pair.chains, strict=False))


def _pictures(chain: ChainData) -> list[str]:
    """The hash of each round's picture; without any where one is not known."""
    pictures = [turn.picture for turn in chain.rounds]
    return [picture.pixels for picture in pictures if picture] if all(pictures) else []


def _start(states: Sequence[str]) -> float:
    """The round from which the states go in an exact cycle; infinity if they do not, NaN where there are too few of them."""
    if len(states) < HELD:
        return nan
    cycle = attractors.exact_cycle(states)
    return cycle.start if cycle else inf


def _period(states: Sequence[str]) -> float:
    cycle = attractors.exact_cycle(states)
    return cycle.period if cycle else nan


CHAINS = (
    Measure(
        "fixed_point_round",
        "Fixed point from round",
        f"First of the first {HELD} rounds in a row whose pictures' mean cosine with the one before is above {ALIKE}: it stands still.",
        "round",
        1,
        inf,
        None,
        RULE,
        f"{NEVER}, or {NO_WINDOW}",
        per_chain=lambda chain: _reached(attractors.fixed_point_round(chain.images, chain.original_image)),
        limits=f"Says where stillness begins, not that it lasts, and chains without it have no row, so a mean of it flatters. {THRESHOLD}",
    ),
    Measure(
        "two_cycle_round",
        "Two-cycle from round",
        f"First of the first {HELD} rounds in a row whose mean cosine is above {ALIKE} with the last picture but one, below with the last.",
        "round",
        1,
        inf,
        None,
        f"{RULE}; Wang et al. 2025",
        f"{NEVER}, or {NO_WINDOW}",
        per_chain=lambda chain: _reached(attractors.two_cycle_round(chain.images, chain.original_image)),
        limits=f"A chain whose steps lie just on either side of the threshold can seem to alternate. {THRESHOLD}",
    ),
    Measure(
        "exact_cycle_round",
        "Exact cycle from round",
        f"From which round on the very same pictures come again, pixel by pixel, until the end of the chain and at least {HELD} times.",
        "round",
        1,
        inf,
        None,
        "hashes of the pixels; Gusfield 1997",
        NEVER,
        per_chain=lambda chain: _reached(_start(_pictures(chain))),
        limits="Models that draw with new noise each round never repeat a picture, however settled the chain is.",
    ),
    Measure(
        "exact_cycle_period",
        "Period of the exact cycle",
        "Rounds after which the very same picture comes again in the exact cycle the chain ends in; 1 where it stays.",
        "rounds",
        1,
        inf,
        None,
        "hashes of the pixels; Gusfield 1997",
        NEVER,
        per_chain=lambda chain: _period(_pictures(chain)),
        limits="As for the round it starts: only chains that end in a cycle have a row.",
    ),
    Measure(
        "caption_cycle_round",
        "Captions repeat from round",
        f"From which round on the very same captions come again, letter by letter, until the end of the chain and at least {HELD} times.",
        "round",
        1,
        inf,
        None,
        "equal texts; Gusfield 1997",
        NEVER,
        per_chain=lambda chain: _reached(_start(chain.captions)),
        limits="A captioner of few phrasings repeats itself by chance; one that samples may say the same in new words and never repeat.",
    ),
    Measure(
        "caption_cycle_period",
        "Period of the captions",
        "Rounds after which the very same caption comes again in the cycle the chain ends in; 1 where it stays.",
        "rounds",
        1,
        inf,
        None,
        "equal texts; Gusfield 1997",
        NEVER,
        per_chain=lambda chain: _period(chain.captions),
        limits="As for the round it starts: only chains that end in a cycle have a row.",
    ),
)


def _shares(name: str, title: str, what: str, rule: Rule, source: str) -> tuple[Measure, ...]:
    """The share of chains that a rule finds, and its two nulls."""
    return (
        Measure(
            f"{name}_share",
            f"{title}, share",
            f"Share of a pair's chains that {what} at some round.",
            "share",
            0,
            1,
            None,
            source,
            NO_WINDOW,
            per_pair=lambda pair: _reached_share(rule, pair.chains),
            limits=f"Longer chains have more chances. {THRESHOLD}",
        ),
        Measure(
            f"{name}_share_fixed_caption",
            f"{title}, share with one caption",
            f"Null: share of control chains, which draw one caption again and again, that {what}.",
            "share",
            0,
            1,
            None,
            NULL,
            f"{NO_FLOOR}, or {NO_WINDOW}",
            per_pair=lambda pair: _reached_share(rule, pair.floors),
            limits="Control chains are shorter than chains, so they have fewer chances.",
        ),
        Measure(
            f"{name}_share_random_captions",
            f"{title}, share with unrelated captions",
            f"Null: share of sequences of first-round pictures, each of another original than the two before it, that {what}.",
            "share",
            0,
            1,
            None,
            NULL,
            FEW,
            per_pair=lambda pair: _unrelated_share(rule, pair),
            limits="Where few originals are at hand the same few pictures come again and again.",
        ),
    )


SHARES = (
    *_shares("fixed_point", "Fixed points", "stand still", attractors.fixed_point_round, RULE),
    *_shares("two_cycle", "Two-cycles", "alternate between two states", attractors.two_cycle_round, f"{RULE}; Wang et al. 2025"),
    Measure(
        "exact_cycle_share",
        "Exact cycles, share",
        "Share of a pair's chains that end in a cycle of the very same pictures.",
        "share",
        0,
        1,
        None,
        "hashes of the pixels; Gusfield 1997",
        f"no chain has {HELD} rounds",
        per_pair=lambda pair: _share(_start(_pictures(chain)) for chain in pair.chains),
        limits="Models that draw with new noise each round never repeat a picture, however settled the chain is.",
    ),
    Measure(
        "caption_cycle_share",
        "Repeating captions, share",
        "Share of a pair's chains that end in a cycle of the very same captions.",
        "share",
        0,
        1,
        None,
        "equal texts; Gusfield 1997",
        f"no chain has {HELD} rounds",
        per_pair=lambda pair: _share(_start(chain.captions) for chain in pair.chains),
        limits="A captioner of few phrasings repeats itself by chance; one that samples may never repeat a settled scene's words.",
    ),
)

ROWS = (*CHAINS, *SHARES)
