"""Fixed points, cycles and basins by constructed chains, and their nulls."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from imageloop.measures.attractors import Cycle, exact_cycle, fixed_point_round, prefix_matches, two_cycle_round, unrelated
from imageloop.measures.basins import BASIN, basins, commitment_rounds, count, largest_share, motifs, telling_words
from imageloop.measures.chains import ChainData, PairData
from imageloop.measures.definitions import MEASURES
from imageloop.records import ChainKey, Pick, Round, SeededCaption, StoredPicture

NOWHERE = np.full(2, np.nan)


def at(*degrees: float) -> np.ndarray:
    """Unit vectors in the plane at these angles."""
    turns = np.radians(np.array(degrees, dtype=float))
    return np.stack([np.cos(turns), np.sin(turns)], axis=1)


def spread(count: int, dimensions: int = 64, seed: int = 0) -> np.ndarray:
    rows = np.random.default_rng(seed).normal(size=(count, dimensions))
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


def chain(images: np.ndarray, captions: list[str] | None = None, before: np.ndarray | None = None, pixels: str | None = None) -> ChainData:
    """A chain with these pictures; `pixels`: one letter a round that stands for the picture's hash."""
    said = captions or ["a cat"] * len(images)
    rounds = tuple(
        Round(
            number,
            None,
            (SeededCaption(text, 2, None),),
            Pick("first", 0),
            text,
            {},
            {},
            (StoredPicture(pixels[number - 1] if pixels else str(number), 0, None),),
            Pick("first", 0),
        )
        for number, text in enumerate(said, start=1)
    )
    missing = np.full(images.shape[1], np.nan)
    none = np.empty((0, images.shape[1]))
    return ChainData(rounds, images, np.zeros_like(images), missing if before is None else before, missing, none, none)


def pair(chains: list[ChainData], originals: list[str] | None = None, floors: tuple[ChainData, ...] = ()) -> PairData:
    names = originals or [f"o{number}" for number in range(len(chains))]
    return PairData(tuple(ChainKey("c", "g", name, number) for number, name in enumerate(names)), tuple(chains), floors)


def test_a_chain_that_stays_is_a_fixed_point_from_its_first_still_round() -> None:
    # Angles of 18° have a cosine of .951, of 19° of .946.
    assert fixed_point_round(at(90, 0, 0, 0, 0), at(180)[0]) == 3
    assert fixed_point_round(at(18, 36, 54), at(0)[0]) == 1
    assert fixed_point_round(at(19, 38, 57, 76), at(0)[0]) == np.inf
    assert fixed_point_round(at(90, 0, 0, 0, 90, 180, 270), NOWHERE) == np.inf


def test_a_fixed_point_needs_three_rounds_that_are_all_there() -> None:
    assert np.isnan(fixed_point_round(at(0, 0), at(0)[0]))
    assert np.isnan(fixed_point_round(at(0, 0, 0), NOWHERE))
    with_gap = at(90, 0, 0, 0, 0, 0)
    with_gap[2] = np.nan
    assert np.isnan(fixed_point_round(with_gap, NOWHERE))
    assert fixed_point_round(np.concatenate([with_gap, at(0)]), NOWHERE) == 5


def test_a_chain_that_alternates_is_a_two_cycle_and_no_fixed_point() -> None:
    back_and_forth = at(45, 0, 90, 0, 90, 0)
    assert two_cycle_round(back_and_forth, NOWHERE) == 4
    assert fixed_point_round(back_and_forth, NOWHERE) == np.inf
    assert two_cycle_round(at(0, 0, 0, 0, 0), at(0)[0]) == np.inf
    assert two_cycle_round(at(0, 90, 180, 270, 0, 90), NOWHERE) == np.inf


def test_two_cycles_need_the_second_picture_before() -> None:
    assert np.isnan(two_cycle_round(at(0, 90, 0), at(90)[0]))
    assert two_cycle_round(at(0, 90, 0, 90), at(90)[0]) == 2


@pytest.mark.parametrize(
    ("states", "cycle"),
    [
        ("abcabcabc", Cycle(1, 3)),
        ("xyababab", Cycle(3, 2)),
        ("xbababab", Cycle(2, 2)),
        ("abaaa", Cycle(3, 1)),
        ("aab", None),
        ("abab", None),
        ("aabaabaab", Cycle(1, 3)),
        ("aaabbbab", None),
        ("ab", None),
        ("", None),
    ],
)
def test_an_exact_cycle_is_the_shortest_that_goes_on_to_the_end_three_times(states: str, cycle: Cycle | None) -> None:
    assert exact_cycle(states) == cycle


def by_definition(states: str) -> Cycle | None:
    for period in range(1, len(states) // 3 + 1):
        start = len(states)
        while start - period - 1 >= 0 and states[start - 1] == states[start - period - 1]:
            start -= 1
        if len(states) - start + period >= 3 * period:
            return Cycle(start - period + 1, period)
    return None


@given(st.text("ab", max_size=24))
def test_the_fast_search_agrees_with_the_definition(states: str) -> None:
    assert exact_cycle(states) == by_definition(states)


@given(st.lists(st.integers(0, 1), max_size=16))
def test_prefix_matches_are_the_lengths_that_agree_with_the_beginning(row: list[int]) -> None:
    lengths = prefix_matches(np.array(row, dtype=np.int64)).tolist()
    for place in range(1, len(row)):
        length = lengths[place]
        assert row[place : place + length] == row[:length]
        assert place + length == len(row) or row[place + length] != row[length]


def test_pictures_of_the_null_are_of_other_originals_than_the_two_before() -> None:
    originals = ["a", "b", "a", "c", "d"]
    order = unrelated(originals, 200)
    assert order.shape == (5, 200)
    for row in order:
        names = [originals[place] for place in row]
        assert all(one != other for one, other in pairwise(names))
        assert all(one != other for one, other in zip(names, names[2:], strict=False))
        assert set(row.tolist()) == {0, 1, 2, 3, 4}
    assert np.array_equal(order, unrelated(originals, 200))
    assert unrelated(["a", "b", "b"], 9).shape == (0, 9)


def test_shares_stand_beside_nulls_that_tell_rest_from_sameness() -> None:
    places = spread(6)
    still = [chain(np.tile(place, (6, 1))) for place in places]
    wandering = [chain(spread(6, seed=number + 1)) for number in range(6)]
    redrawn = tuple(chain(np.tile(place, (4, 1))) for place in places)
    both = pair([*still, *wandering], floors=redrawn)
    assert MEASURES["fixed_point_share"].per_pair(both) == pytest.approx(0.5)
    assert MEASURES["fixed_point_share_fixed_caption"].per_pair(both) == 1
    assert MEASURES["fixed_point_share_random_captions"].per_pair(both) == 0
    assert MEASURES["two_cycle_share"].per_pair(both) == 0
    assert MEASURES["two_cycle_share_random_captions"].per_pair(both) == 0
    blind = pair([chain(np.tile(places[0], (6, 1))) for _ in range(4)])
    assert MEASURES["fixed_point_share_random_captions"].per_pair(blind) == 1, "to a generator that draws one picture everything is still"


def test_a_null_without_its_data_is_undefined() -> None:
    alone = pair([chain(np.tile(place, (5, 1))) for place in spread(4)], ["a", "a", "b", "b"])
    for name in ("fixed_point_share_fixed_caption", "fixed_point_share_random_captions", "basins_of_fixed_caption", "basins_of_originals"):
        assert np.isnan(MEASURES[name].per_pair(alone)), name


def test_exact_cycles_are_of_pictures_and_of_captions() -> None:
    images = spread(6)
    turning = chain(images, ["x", "a", "b", "a", "b", "a"], pixels="zabcde")
    settled = chain(images, ["x", "y", "z", "a", "a", "a"], pixels="zyxwww")
    assert MEASURES["exact_cycle_round"].per_chain(settled) == 4
    assert MEASURES["exact_cycle_period"].per_chain(settled) == 1
    assert np.isnan(MEASURES["exact_cycle_round"].per_chain(turning))
    assert np.isnan(MEASURES["caption_cycle_round"].per_chain(turning)), "two and a half periods are not three"
    assert MEASURES["caption_cycle_period"].per_chain(settled) == 1
    assert MEASURES["exact_cycle_share"].per_pair(pair([turning, settled])) == 0.5
    assert np.isnan(MEASURES["exact_cycle_share"].per_pair(pair([chain(images[:2])])))


def test_never_is_no_round() -> None:
    wandering = chain(spread(9))
    assert np.isnan(MEASURES["fixed_point_round"].per_chain(wandering))
    assert np.isnan(MEASURES["two_cycle_round"].per_chain(wandering))


def test_basins_are_groups_of_alike_pictures_largest_first() -> None:
    # Cosines: 10° .985, 30° .866, 40° .766.
    assert basins(at(0, 90, 100, 95, 180, 185)).tolist() == [2, 0, 0, 0, 1, 1]
    assert basins(at(0, 30)).tolist() == [0, 0]
    assert basins(at(0, 40)).tolist() == [0, 1]
    assert basins(at(0, 0, 0)).tolist() == [0, 0, 0]


def test_average_linkage_takes_the_mean_cosine_between_groups() -> None:
    # The mean of cos 30° and cos 34° is .8475, below the threshold; of cos 28° and cos 32° it is .8655.
    assert count(basins(at(0, 30, 34), BASIN)) == 2
    assert count(basins(at(0, 28, 32), BASIN)) == 1


def test_a_picture_that_is_missing_is_in_no_basin() -> None:
    rows = at(0, 90, 0)
    rows[1] = np.nan
    ids = basins(rows)
    assert ids.tolist() == [0, -1, 0]
    assert (count(ids), largest_share(ids)) == (1, 1)
    assert np.isnan(count(basins(rows[1:])))
    assert np.isnan(largest_share(basins(rows[:0])))


def test_a_chain_commits_where_it_last_comes_back_to_its_basin() -> None:
    paths = [at(0, 90, 2, 0), at(0, 0, 1, 2), at(180, 180, 180, 90)]
    assert commitment_rounds(paths) == [3, 1, 4]


def test_a_missing_picture_on_the_way_does_not_undo_a_commitment_and_at_the_end_leaves_none() -> None:
    paths = [at(0, 0, 0, 0), at(90, 90, 90, 90)]
    paths[0][1] = np.nan
    paths[1][3] = np.nan
    first, second = commitment_rounds(paths)
    assert first == 1
    assert np.isnan(second)
    with pytest.raises(ValueError, match="every chain needs a picture"):
        commitment_rounds([at(0), np.empty((0, 2))])


def test_numbers_of_basins_stand_beside_those_of_originals_first_pictures_and_one_caption() -> None:
    places = spread(6)
    ends = [chain(np.stack([places[number], places[0]]), before=places[number]) for number in range(4)]
    redrawn = (chain(np.stack([places[4]] * 3)), chain(np.stack([places[4], places[5], places[4]])))
    found = pair(ends, ["a", "b", "c", "c"], redrawn)
    expected = {
        "basins": 1,
        "largest_basin_share": 1,
        "basins_of_originals": 3,
        "basins_of_random_captions": 4,
        "largest_basin_share_of_random_captions": 0.25,
        "basins_of_fixed_caption": 1.5,
        "commitment_round": (1 + 2 + 2 + 2) / 4,
    }
    for name, value in expected.items():
        assert MEASURES[name].per_pair(found) == value, name


def test_chains_of_unequal_length_are_grouped_at_their_last_common_round() -> None:
    places = spread(3)
    found = pair([chain(places[[0, 0]]), chain(places[[1, 0, 2]])])
    assert MEASURES["basins"].per_pair(found) == 1


def test_a_motif_has_its_medoid_its_share_and_its_words() -> None:
    captions = ["a cat at the beach", "a cat on the beach", "cat and cat", "an owl in the snow", "an owl"]
    found = motifs(at(0, 6, 10, 90, 95), captions)
    assert [motif.members for motif in found] == [(0, 1, 2), (3, 4)]
    assert found[0].typical == 1
    assert [motif.share for motif in found] == pytest.approx([0.6, 0.4])
    assert [word for word, _ in found[0].words] == ["cat", "beach"]
    assert [word for word, _ in found[1].words] == ["owl", "snow"]


def test_the_words_scores_are_those_of_the_published_equations() -> None:
    inside = np.array([True, True, False, False])
    captions = ["cat beach", "cat", "owl beach", "owl snow"]
    # cat: 2 of 3 inside, 0 of 4 outside, prior 2 of 7.
    ratio = np.log((2 + 2) / (3 + 7 - 2 - 2)) - np.log((0 + 2) / (4 + 7 - 0 - 2))
    assert telling_words(captions, inside)[0] == ("cat", pytest.approx(ratio / np.sqrt(1 / 4 + 1 / 2)))
    assert telling_words(["cat", "cat"], np.array([True, False])) == ()


def test_only_words_that_are_more_frequent_inside_are_telling() -> None:
    found = telling_words(["cat owl", "cat", "owl", "owl"], np.array([True, True, False, False]))
    assert [word for word, _ in found] == ["cat"]


def test_with_one_motif_its_words_are_the_most_frequent() -> None:
    (found,) = motifs(at(0, 0, 0), ["a cat", "the cat sleeps", "an owl"])
    assert found.words == (("cat", 2.0), ("owl", 1.0), ("sleeps", 1.0))
    assert motifs(np.full((2, 3), np.nan), ["a", "b"]) == []
