"""Choosing tokens: the draws follow the model's own distribution, the filters filter, the statistics are exact."""

import numpy as np
import pytest
import torch

from imageloop.models.sampling import Decoding, RowSampler, ended

SCORES = torch.log(torch.tensor([0.5, 0.3, 0.15, 0.05]))


def draws(decoding: Decoding, count: int = 4000) -> np.ndarray:
    sampler = RowSampler(range(count), decoding)
    chosen = sampler(torch.zeros(count, 1, dtype=torch.long), SCORES.repeat(count, 1)).argmax(dim=-1)
    return np.bincount(chosen.numpy(), minlength=4) / count


@pytest.mark.parametrize("temperature", [1.0, 0.5, 2.0])
def test_noise_and_argmax_draw_from_the_tempered_distribution(temperature: float) -> None:
    expected = torch.softmax(SCORES / temperature, dim=0).numpy()
    np.testing.assert_allclose(draws(Decoding(temperature, 0, 1.0)), expected, atol=4 * np.sqrt(0.25 / 4000))


def test_top_k_and_top_p_leave_out_the_unlikely() -> None:
    assert (draws(Decoding(1.0, 2, 1.0))[2:] == 0).all()
    assert (draws(Decoding(1.0, 0, 0.7))[2:] == 0).all()
    assert (draws(Decoding(1.0, 0, 0.81)) > 0).tolist() == [True, True, True, False]


def test_statistics_are_those_of_the_models_own_distribution() -> None:
    sampler = RowSampler([1], Decoding(0.0, 0, 1.0))
    sampler(torch.zeros(1, 1, dtype=torch.long), SCORES[None])
    (row,) = sampler.rows({3}, limit=1)
    assert row.tokens == [0]
    assert row.cut
    assert row.log_probability == pytest.approx(np.log(0.5), abs=1e-6)
    assert row.entropy == pytest.approx(-(SCORES.exp() * SCORES).sum().item(), abs=1e-6)


def test_a_row_ends_at_its_end_token_and_counts_it_in_the_mean() -> None:
    row = ended([5, 6, 9, 7], {9}, 3, [-1.0, -2.0, -6.0, -100.0], None)
    assert (row.tokens, row.cut, row.log_probability) == ([5, 6], False, -3.0)
    assert ended([5, 6, 7, 9], {9}, 3, None, None) == ended([5, 6, 7, 9], {9}, 4, None, None)
    assert ended([5, 6, 7, 8], {9}, 3, [-1.0] * 4, None).cut
