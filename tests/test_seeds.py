import inspect
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from imageloop.seeds import seed_of

DRAWS: st.SearchStrategy[tuple[Any, ...]] = st.tuples(
    st.integers(0, 2**63 - 1),
    st.text("abc-_0", min_size=1, max_size=4),
    st.integers(0, 3),
    st.integers(1, 3),
    st.sampled_from(["caption", "caption-pick", "image", "image-pick", "arm"]),
    st.integers(0, 3),
)


@given(DRAWS)
def test_a_seed_fits_every_generator_of_random_numbers(draw: tuple[Any, ...]) -> None:
    assert 0 <= seed_of(*draw) < 2**63


@given(DRAWS, DRAWS)
def test_two_different_draws_have_different_seeds(one: tuple[Any, ...], other: tuple[Any, ...]) -> None:
    assert (seed_of(*one) == seed_of(*other)) == (one == other)


def test_a_seed_is_the_same_for_ever() -> None:
    assert seed_of(0, "surfer-00000000", 0, 1, "image", 0) == 5291797413811271591


def test_a_seed_does_not_know_the_pair_nor_the_arm() -> None:
    assert list(inspect.signature(seed_of).parameters) == ["plan_seed", "original", "chain_seed", "round", "stage", "candidate"]
