"""Rounds that need not be generated: with the same noise in every round, a picture that comes back proves that the chain repeats itself.

A round is then a function of the picture it describes. It holds where nothing else changes from round to round: no arm that depends on
the round, no rule of the monitor that brings the original back, and models whose every call gives the same bits, which is promised on a
CPU only. The rounds that follow are written as copies that say so (`Round.inferred`), for as long as the pictures are still on disk.
"""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import count

from imageloop import catalog
from imageloop.casting import Cast, Pair
from imageloop.errors import RunError
from imageloop.interventions import KeepPrompt, Length, PickAmong, Temper
from imageloop.loop import ChainState, Turned, needs_embedder
from imageloop.records import ChainKey, Pixels, Round, StoredPicture
from imageloop.store import RunFolder
from imageloop.watch import REANCHOR, acting

STEADY = (KeepPrompt, PickAmong, Temper, Length)
"""Interventions that do the same to every round."""


class Forward:
    """Knows which pictures the chains of a pair have described before."""

    def __init__(self, pair: Pair, run: RunFolder, states: Sequence[ChainState]) -> None:
        """Chains at round 0 or further, whose rounds are on disk."""
        plan, self._pair = pair.plan, pair
        brings_back = any(rule["action"] == REANCHOR for rule in acting(plan.rules).values())
        self._possible = plan.watch and plan.noise == "fixed" and not brings_back
        self._described: dict[ChainKey, dict[str, int]] = {}
        self._last: dict[ChainKey, str] = {}
        for state in states if self._possible else ():
            for done in run.rounds(state.key):
                self.see(state.key, done)

    def see(self, key: ChainKey, done: Round) -> None:
        """A round that was generated."""
        if not self._possible or not all(isinstance(part, STEADY) for part in self._pair.by_label[key.arm].parts) or not done.picture:
            return
        if done.saw is not None:
            self._described.setdefault(key, {})[done.saw] = done.round
        self._last[key] = done.picture.pixels

    def repeats(self, key: ChainKey) -> bool:
        """Whether the chain's last picture has been described before, so that its next round is known."""
        return self._last.get(key) in self._described.get(key, {})

    def rounds(self, state: ChainState, run: RunFolder) -> Iterator[Turned]:
        """The rounds to come of a chain that repeats itself, without end; none where one must be generated all the same.

        All rounds that were made must be on disk.
        """
        if not _exact(self._pair, self._pair.cast(state), run):
            return
        rounds = run.rounds(state.key)
        first = self._described[state.key][self._last[state.key]]
        try:
            cycle = [(done, _pixels(done, rounds, state.key, run)) for done in rounds[first - 1 :]]
        except RunError:
            return
        for place in count():
            done, pixels = cycle[place % len(cycle)]
            yield replace(done, round=state.round + 1 + place, seconds={}, inferred=True), pixels


def _exact(pair: Pair, cast: Cast, run: RunFolder) -> bool:
    """Whether the models of a round give the same bits for the same input, so that one repetition proves all others."""
    names = [f"{part.role}/{part.label}" for part in cast]
    names += [f"embedder/{catalog.label(pair.plan.embedder)}"] if needs_embedder(pair.plan) else []
    recipes = [run.info.recipes.get(name, {}) for name in names]
    return all(recipe.get("device") == "cpu" and recipe.get("settings", {}).get("reproducible", True) for recipe in recipes)


def _pixels(done: Round, rounds: Sequence[Round], key: ChainKey, run: RunFolder) -> tuple[Pixels, ...]:
    """The pictures of a round; in place of one that the plan does not keep, the chosen one, which is not written there either.

    Raises RunError where one that is to be kept is gone.
    """
    there = {picture.pixels: picture for each in rounds for picture in each.pictures if picture.file is not None}

    def read(picture: StoredPicture) -> Pixels:
        return run.picture(key, there.get(picture.pixels, picture))

    chosen = read(done.pictures[done.picture_pick.chosen])
    return tuple(read(picture) if run.info.plan["keep_candidates"] else chosen for picture in done.pictures)
