import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from imageloop.errors import ModelError, PlanError
from imageloop.picks import PICKS, Choice, pick
from imageloop.records import Pick

SQUARE = np.array([[1, 0], [0.6, 0.8], [0, 1], [-1, 0]], dtype=np.float32)
EAST, NORTH = SQUARE[0], SQUARE[2]
HALF = float(np.float32(0.6))
MOST = float(np.float32(0.8))


def test_first_takes_the_first() -> None:
    assert pick("first", Choice(4, seed=3)) == Pick("first", 0)


def test_random_takes_each_candidate_equally_often_and_the_same_for_the_same_seed() -> None:
    chosen = [pick("random", Choice(4, seed)).chosen for seed in range(400)]
    assert [chosen.count(i) for i in range(4)] == [100] * 4
    assert pick("random", Choice(4, 2**62 + 1)) == pick("random", Choice(4, 2**62 + 1))


def test_closest_takes_the_candidate_nearest_to_the_original_and_says_that_it_looked() -> None:
    assert pick("closest", Choice(4, 0, SQUARE, NORTH)) == Pick("closest", 2, saw_original=True, scores=(0.0, MOST, 1.0, 0.0))


def test_medoid_takes_the_candidate_nearest_to_all_and_never_looks_at_the_original() -> None:
    found = pick("medoid", Choice(4, 0, SQUARE))
    assert (found.chosen, found.saw_original) == (1, False)
    assert found.scores == pytest.approx((0.15, 0.45, 0.45 - 0.0, -0.15), abs=1e-7)


@pytest.mark.parametrize("rule", ["closest", "medoid"])
def test_of_equals_the_first_is_taken(rule: str) -> None:
    assert pick(rule, Choice(3, 0, np.stack([EAST, EAST, EAST]), EAST)).chosen == 0


@pytest.mark.parametrize("rule", PICKS)
def test_a_single_candidate_is_taken_without_looking(rule: str) -> None:
    assert pick(rule, Choice(1, seed=5)) == Pick(rule, 0)


@pytest.mark.parametrize("rule", ["closest", "medoid"])
@given(order=st.permutations(range(4)))
def test_a_comparing_rule_takes_the_same_candidate_in_any_order(rule: str, order: list[int]) -> None:
    assert order[pick(rule, Choice(4, 0, SQUARE[order], NORTH)).chosen] == pick(rule, Choice(4, 0, SQUARE, NORTH)).chosen


def test_only_closest_sees_the_original_and_only_comparing_rules_embed() -> None:
    assert {name for name, rule in PICKS.items() if rule.sees_original} == {"closest"}
    assert {name for name, rule in PICKS.items() if rule.embeds} == {"closest", "medoid", "most_novel"}


def test_most_novel_takes_the_candidate_least_like_all() -> None:
    assert pick("most_novel", Choice(4, 0, SQUARE)).chosen == 3
    assert not pick("most_novel", Choice(4, 0, SQUARE)).saw_original


def test_rules_for_captions_go_by_likelihood_and_length() -> None:
    choice = Choice(3, 0, log_probabilities=(-1.5, -0.5, -0.7), words=(4, 9, 2))
    assert [pick(rule, choice).chosen for rule in ("most_likely", "shortest", "longest")] == [1, 2, 1]
    assert pick("most_likely", choice).scores == (-1.5, -0.5, -0.7)


def test_a_captioner_without_probabilities_cannot_say_what_is_most_likely() -> None:
    with pytest.raises(ModelError, match="the captioner gives no probabilities; choose another rule or captioner"):
        pick("most_likely", Choice(2, 0, log_probabilities=(-1.0, None), words=(1, 1)))


@pytest.mark.parametrize("rule", ["closest", "medoid"])
def test_a_vector_that_is_not_finite_is_told_and_not_ranked(rule: str) -> None:
    with pytest.raises(ModelError, match=f"^pick rule '{rule}': the embedder gave a vector that is not finite; run it with dtype fp32$"):
        pick(rule, Choice(2, 0, np.array([[np.nan, 0], [1, 0]]), EAST))


def test_an_unknown_rule_is_answered_with_the_known_ones() -> None:
    with pytest.raises(
        PlanError,
        match=r"^no pick rule is called 'best'; use one of first, random, closest, medoid, most_novel, most_likely, shortest, longest$",
    ):
        pick("best", Choice(2, 0))
