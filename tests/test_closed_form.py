from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from test_analytic import WORLD, worlds

from imageloop.models import closed_form
from imageloop.models.analytic import World


def test_the_sampler_pair_of_griffiths_and_kalish_has_its_known_numbers() -> None:
    assert WORLD.transition == pytest.approx(np.array([[0.76923, 0.23077], [0.53846, 0.46154]]), abs=5e-6)
    assert closed_form.half_life(WORLD) == pytest.approx(np.log(2) / -np.log(0.230769), abs=1e-5)
    assert closed_form.chance(WORLD) == pytest.approx(0.58)


def test_fresh_data_moves_the_stationary_distribution_by_the_known_amount() -> None:
    settled = closed_form.with_fresh(WORLD.transition, 0.2, np.array([0.0, 1.0]))
    assert settled == pytest.approx([0.528302, 0.471698], abs=1e-6)
    assert closed_form.with_fresh(WORLD.transition, 0.0, np.array([0.0, 1.0])) == pytest.approx(WORLD.prior)
    assert closed_form.with_fresh(WORLD.transition, 1.0, np.array([0.2, 0.8])) == pytest.approx([0.2, 0.8])


@given(worlds(), st.integers(1, 8))
def test_what_is_known_of_the_original_only_shrinks(world: World, rounds: int) -> None:
    known = [closed_form.mutual_information(world, t) for t in range(rounds + 1)]
    assert known[0] == pytest.approx(closed_form.entropy(world.prior), abs=1e-9)
    assert all(later <= earlier + 1e-9 for earlier, later in pairwise(known))
    assert closed_form.retention(world, 0) == pytest.approx(1)


@given(worlds(), st.integers(1, 8))
def test_originals_drawn_from_the_world_leave_it_as_it_is(world: World, rounds: int) -> None:
    assert closed_form.after(world, rounds, world.prior @ world.likelihood) == pytest.approx(world.prior)
