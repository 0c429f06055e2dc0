"""Each rule by closed form: what it computes, and the very round in which it begins to hold on chains made by hand."""

import math
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from imageloop.measures.attractors import exact_cycle, fixed_point_round
from imageloop.measures.concepts import Vocabulary
from imageloop.measures.diversity import vendi
from imageloop.monitor.alarms import Alarm
from imageloop.monitor.folding import Crowd, Fold
from imageloop.monitor.history import LONGEST, REACH, START, History, Seen, cosine
from imageloop.monitor.rules import CHAIN_RULES
from imageloop.records import ChainKey
from imageloop.watch import KINDS, resolved

KEY = ChainKey("c", "g", "o", 0)
SURFER, OTHER, SEA = "a man riding a wave on a surfboard", "a surfer on a wave", "a person in the ocean"


def chain(count: int, **fields: Sequence[object]) -> list[Seen]:
    """So many rounds; each field of `Seen` is given as a list."""
    plain = [Seen(number, f"caption {number}", True, f"picture {number}", False) for number in range(1, count + 1)]
    return [replace(seen, **{name: values[place] for name, values in fields.items()}) for place, seen in enumerate(plain)]


def alarms(
    rounds: Sequence[Seen],
    rule: dict[str, object],
    name: str,
    *,
    vectors: Sequence[np.ndarray | None] | None = None,
    before: np.ndarray | None = None,
    control: float = math.nan,
    fixed: bool = False,
) -> list[Alarm]:
    fold = Fold(KEY, {name: resolved({name: rule})[name]}, History(fixed), before)
    return [a for seen, v in zip(rounds, vectors or [None] * len(rounds), strict=True) for a in fold.see(seen, v, control)]


def rounds_of(found: Sequence[Alarm]) -> list[int]:
    return [alarm.round for alarm in found]


def turned(angles: Sequence[float]) -> list[np.ndarray]:
    """Unit vectors, each turned by so many degrees from the one before."""
    at = np.radians(np.cumsum(angles))
    return [np.array([math.cos(angle), math.sin(angle)], np.float32) for angle in at]


def test_jsd_holds_in_the_first_round_whose_window_is_below() -> None:
    said = [SURFER, SURFER, OTHER, SEA, *[SURFER] * 6]
    [alarm] = alarms(chain(10, caption=said), {"window": 4, "below": 0.1}, "jsd")
    assert (alarm.round, alarm.value, alarm.threshold) == (8, 0.0, 0.1)
    # The window of rounds 1 to 4 is the example of the literature, 0.804775 bits.
    assert rounds_of(alarms(chain(4, caption=said[:4]), {"window": 4, "below": 0.8047}, "jsd")) == []
    [alarm] = alarms(chain(4, caption=said[:4]), {"window": 4, "below": 0.8048}, "jsd")
    assert (alarm.round, alarm.value) == (4, pytest.approx(0.804775, abs=1e-6))


def test_jsd_says_nothing_of_captions_without_words_and_before_its_window() -> None:
    assert alarms(chain(9, caption=["…"] * 9), {}, "jsd") == []
    assert rounds_of(alarms(chain(9, caption=[SEA] * 9), {}, "jsd")) == [8]


def test_still_holds_at_the_third_of_three_small_steps() -> None:
    vectors = turned([0, 40, 5, 40, 5, 5, 5, 5, 60, 5, 5, 5])
    found = alarms(chain(11), {"above": 0.99}, "still", vectors=vectors[1:], before=vectors[0])
    assert rounds_of(found) == [6, 11]
    assert found[0].value == pytest.approx(math.cos(math.radians(5)))
    assert found[0].threshold == 0.99


def test_still_counts_the_first_step_from_the_original_where_it_is_known() -> None:
    vectors = turned([0, 1, 1, 1])
    assert rounds_of(alarms(chain(3), {}, "still", vectors=vectors[1:], before=vectors[0])) == [3]
    assert alarms(chain(3), {}, "still", vectors=vectors[1:]) == []
    assert alarms(chain(3), {}, "still", vectors=[vectors[1], None, vectors[3]], before=vectors[0]) == []
    assert rounds_of(alarms(chain(3), {"rounds": 1}, "still", vectors=[vectors[1], None, vectors[3]], before=vectors[0])) == [1]


@given(st.lists(st.sampled_from([1.0, 10.0, 30.0]), min_size=3, max_size=12))
def test_still_without_a_control_is_the_fixed_point_known_at_its_third_round(angles: list[float]) -> None:
    vectors = turned([0, *angles])
    found = alarms(chain(len(angles)), {"above": 0.95}, "still", vectors=vectors[1:], before=vectors[0])
    first = fixed_point_round(np.stack(vectors[1:]), vectors[0])
    assert (rounds_of(found)[:1] or [math.inf]) == [first + 2]


def test_still_is_held_against_a_share_of_the_change_of_its_noise_floor() -> None:
    vectors = turned([0, 8, 8, 8, 4, 4, 4])
    change = 1 - math.cos(math.radians(8))
    found = alarms(chain(6), {"floor": 0.3}, "still", vectors=vectors[1:], before=vectors[0], control=1 - change)
    assert rounds_of(found) == [6]
    assert found[0].threshold == pytest.approx(1 - 0.3 * change)
    exact = alarms(chain(6), {}, "still", vectors=turned([0] * 6), before=turned([0])[0], control=1.0)
    assert rounds_of(exact) == [3]


def test_a_cycle_holds_once_it_was_gone_through_often_enough() -> None:
    hashes = ["z", "a", "b", "a", "b", "a", "b", "c", "c", "c"]
    found = alarms(chain(10, pixels=hashes), {}, "cycle")
    assert [(alarm.round, alarm.value) for alarm in found] == [(7, 2.0), (10, 1.0)]
    assert rounds_of(alarms(chain(10, pixels=hashes), {"times": 2}, "cycle")) == [5, 9]


def test_with_fixed_noise_one_picture_that_comes_back_is_a_cycle() -> None:
    [alarm] = alarms(chain(5, pixels=["a", "b", "c", "b", "c"]), {}, "cycle", fixed=True)
    assert (alarm.round, alarm.value) == (4, 2.0)


def test_a_picture_that_is_not_known_is_no_cycle() -> None:
    assert alarms(chain(9, pixels=[None] * 9), {}, "cycle") == []


@given(st.lists(st.sampled_from("ab"), min_size=1, max_size=14))
def test_the_cycle_of_the_monitor_is_that_of_the_measures(states: list[str]) -> None:
    history = History()
    for seen in chain(len(states), pixels=states):
        history.add(seen)
    reading = CHAIN_RULES["cycle"](history, resolved({})["cycle"], math.nan)
    cycle = exact_cycle(states)
    assert reading is not None
    assert (reading.holds, reading.value) == ((False, 0) if cycle is None else (True, cycle.period))


def test_a_blanked_picture_is_told_at_once_and_again_after_one_that_was_not() -> None:
    blanked = [False, True, True, False, True]
    assert rounds_of(alarms(chain(5, blanked=blanked), {}, "blank")) == [2, 5]
    assert rounds_of(alarms(chain(5, blanked=blanked), {"rounds": 2}, "blank")) == [3]


def test_length_compares_the_last_captions_with_the_captioners_first() -> None:
    lengths = [100, 10, 10, 10, 10, 6, 4, 4]
    captions = ["x" * count for count in lengths]
    given_first = chain(8, caption=captions, written=[False, *[True] * 7])
    found = alarms(given_first, {"rounds": 2, "share": 0.45}, "length")
    assert [(alarm.round, alarm.value) for alarm in found] == [(8, 0.4)]
    assert rounds_of(alarms(given_first, {"rounds": 2, "share": 0.55}, "length")) == [7]
    # Were the text that the chain starts from counted, the captions would have been short from the third round on.
    assert rounds_of(alarms(chain(8, caption=captions), {"rounds": 2, "share": 0.45}, "length")) == [4]


def test_length_waits_until_first_and_last_captions_are_others() -> None:
    assert rounds_of(alarms(chain(6, caption=["xxxx", "xxxx", "", "", "", ""]), {"rounds": 3}, "length")) == [6]


def crowd(rule: dict[str, object], name: str, chains: int) -> Crowd:
    vocabulary = Vocabulary(lambda caption: frozenset(caption.split()), lambda word: "rare" if word.isupper() else "common")
    return Crowd({name: resolved({name: rule})[name]}, vocabulary, chains)


def test_vendi_is_a_share_of_the_same_chains_first_pictures() -> None:
    watched = crowd({"share": 0.8}, "vendi", 3)
    first, later = np.eye(3), np.array([[1, 0, 0], [0.9, math.sqrt(0.19), 0], [0, 0, 1]])
    found = []
    for seen, rows in zip(chain(2), (first, later), strict=True):
        for place, row in enumerate(rows):
            found += watched.see(replace(KEY, seed=place), seen, row)
    [alarm] = found
    assert alarm.value == pytest.approx(2.1573 / 3, abs=1e-4)
    assert vendi(later @ later.T) == pytest.approx(2.1573, abs=1e-4)
    assert (alarm.round, alarm.original, alarm.seed, alarm.threshold) == (2, "*", -1, 0.8)


def test_a_crowd_is_looked_at_when_all_chains_have_made_a_round_whatever_their_order() -> None:
    watched = crowd({}, "vendi", 2)
    one, two = replace(KEY, seed=1), replace(KEY, seed=2)
    rows = chain(3)
    assert [watched.see(one, seen, np.array([1.0, 0.0])) for seen in rows] == [[], [], []]
    assert watched.see(two, rows[0], np.array([0.0, 1.0])) == []
    assert watched.see(two, rows[1], np.array([0.0, 1.0])) == []
    assert rounds_of(watched.see(two, rows[2], np.array([1.0, 0.0]))) == []  # half is not below half
    watched = crowd({"share": 0.51}, "vendi", 2)
    for seen, row in zip(rows, ([0.0, 1.0], [0.0, 1.0], [1.0, 0.0]), strict=True):
        watched.see(two, seen, np.array(row))
    assert [rounds_of(watched.see(one, seen, np.array([1.0, 0.0]))) for seen in rows] == [[], [], [3]]


def test_a_chain_that_was_stopped_is_missing_from_both_sides_of_the_share() -> None:
    watched = crowd({"share": 0.9}, "vendi", 3)
    rows = np.eye(3)
    for place in range(3):
        watched.see(replace(KEY, seed=place), chain(1)[0], rows[place])
    watched.ended[replace(KEY, seed=2)] = 2
    for later, next_one in zip(chain(3)[1:], (2, 4), strict=True):
        assert [watched.see(replace(KEY, seed=place), later, rows[place]) for place in range(2)] == [[], []]
        assert watched.next == next_one
        if later.round == 2:  # its last round is waited for
            assert watched.see(replace(KEY, seed=2), later, rows[2]) == []


def test_rare_pools_what_the_first_captions_named() -> None:
    watched = crowd({"share": 0.5}, "rare", 2)
    one, two = replace(KEY, seed=1), replace(KEY, seed=2)
    said = [("A B C d", "E F d"), ("A B d", "E d"), ("A d", "d E"), ("B NEW", "d")]
    found = [
        watched.see(one, replace(seen, caption=left), None) + watched.see(two, replace(seen, caption=right), None)
        for seen, (left, right) in zip(chain(4), said, strict=True)
    ]
    assert [[(alarm.round, alarm.value) for alarm in some] for some in found] == [[], [], [(3, 0.4)], []]


def test_too_few_rare_things_are_no_share() -> None:
    watched = crowd({}, "rare", 1)
    assert [watched.see(KEY, replace(seen, caption=text), None) for seen, text in zip(chain(2), ("A B C D", "x"), strict=True)] == [[], []]


def test_a_rule_that_goes_on_holding_is_told_once() -> None:
    assert rounds_of(alarms(chain(30, caption=[SEA] * 30), {}, "jsd")) == [8]


def test_a_history_stays_small_and_reaches_as_far_as_every_rule_may() -> None:
    history = History()
    for seen in chain(REACH + 50):
        history.add(seen)
    assert (len(history.recent), len(history.start)) == (REACH, START)
    most = {name: number.high for kind in KINDS.values() for name, number in kind.numbers.items() if number.whole}
    assert most["times"] * LONGEST <= REACH
    assert max(most["window"], most["rounds"]) <= REACH
    assert KINDS["length"].numbers["rounds"].high < START


def test_a_cosine_with_what_is_not_known_is_not_known() -> None:
    assert math.isnan(cosine(None, np.ones(1)))
    assert cosine(np.array([1.0, 0.0]), np.array([0.0, 1.0])) == 0
