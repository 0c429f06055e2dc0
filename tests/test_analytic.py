from collections import Counter
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tiny_runs import noise

from imageloop import catalog
from imageloop.errors import ModelError
from imageloop.models import analytic
from imageloop.models.analytic import SETTINGS, AnalyticCaptioner, AnalyticEmbedder, AnalyticGenerator, World, draw, read_state, world_of
from imageloop.seeds import seed_of

WORLD = world_of(SETTINGS)
DRAWS = 4000


def captioner(batch: int, **settings: Any) -> AnalyticCaptioner:
    return analytic.load_captioner(catalog.find("captioner", "analytic"), batch=batch, overrides=settings)


def generator(batch: int, **settings: Any) -> AnalyticGenerator:
    return analytic.load_generator(catalog.find("generator", "analytic"), batch=batch, overrides=settings)


def embedder(batch: int, **settings: Any) -> AnalyticEmbedder:
    return analytic.load_embedder(catalog.find("embedder", "analytic"), batch=batch, overrides=settings)


@st.composite
def worlds(draw: st.DrawFn) -> World:
    hypotheses, data = draw(st.integers(1, 7)), draw(st.integers(1, 7))
    random = np.random.default_rng(draw(st.integers(0, 99)))
    return World(random.dirichlet(np.ones(hypotheses)), random.dirichlet(np.ones(data), hypotheses))


def test_the_posterior_and_the_transition_follow_bayes() -> None:
    tell, mislead = 0.56 / 0.65, 0.14 / 0.35
    assert WORLD.posterior == pytest.approx(np.array([[tell, 1 - tell], [mislead, 1 - mislead]]))
    assert WORLD.transition[0, 0] == pytest.approx(0.8 * tell + 0.2 * mislead)


@given(worlds())
def test_the_prior_is_where_every_world_ends(world: World) -> None:
    assert world.transition.sum(axis=1) == pytest.approx(np.ones(len(world.prior)))
    assert world.prior @ world.transition == pytest.approx(world.prior)


def test_the_loop_moves_between_hypotheses_as_the_closed_form_says() -> None:
    prompts = ["state0", "state1"] * (DRAWS // 2)
    seeds = [seed_of(0, "x", i, 1, "image") for i in range(DRAWS)]
    pictures = generator(DRAWS).generate(prompts, seeds)
    captions = captioner(DRAWS).caption([picture.pixels for picture in pictures], seeds)
    for state in range(2):
        share = Counter(caption.text for caption in captions[state::2])["state0"] / (DRAWS // 2)
        assert share == pytest.approx(WORLD.transition[state, 0], abs=4 * 0.5 / (DRAWS // 2) ** 0.5)


def test_a_caption_tells_its_exact_probability_and_the_posteriors_entropy() -> None:
    [caption] = captioner(1).caption([draw(1, 0, WORLD, 8)], [7])
    likely = np.array([0.56, 0.09]) / 0.65
    assert caption.log_probability == pytest.approx(np.log(likely[read_state(caption.text, 2)]))
    assert caption.entropy == pytest.approx(-(likely * np.log(likely)).sum())


@given(st.integers(0, 2**63 - 1), st.integers(0, 1))
def test_the_captioner_sees_the_datum_and_never_the_hypothesis(seed: int, datum: int) -> None:
    captions = captioner(2).caption([draw(state, datum, WORLD, 8) for state in range(2)], [seed, seed])
    assert captions[0] == captions[1]


@given(worlds(), st.integers(2, 9), st.integers(0, 6), st.integers(0, 6))
def test_what_is_drawn_can_be_read(world: World, size: int, state: int, datum: int) -> None:
    hypotheses, data = world.likelihood.shape
    picture = draw(state % hypotheses, datum % data, world, size)
    settings = {"prior": world.prior.tolist(), "likelihood": world.likelihood.tolist()}
    assert analytic.read_datum(picture, world) == datum % data
    vectors = np.stack([embedder(1, **settings).embed_images([picture])[0], embedder(1, **settings).embed_texts([f"state{state}"])[0]])
    assert vectors.dtype == np.float32
    assert vectors[0] @ vectors[1] == 1.0


@given(st.integers(0, 50), st.integers(1, 40))
def test_any_picture_and_any_text_can_be_read(seed: int, size: int) -> None:
    [caption] = captioner(1).caption([noise(seed, size)], [seed])
    assert caption.text in ("state0", "state1")
    assert embedder(1).embed_images([noise(seed, size)]).sum() == 1.0
    assert 0 <= read_state("a surfer" * seed, 2) < 2
    assert read_state("9" * 500, 2) < 2


def test_a_datum_that_no_hypothesis_gives_leaves_the_prior() -> None:
    world = world_of({"prior": [0.7, 0.3], "likelihood": [[1, 0], [1, 0]]})
    assert world.posterior[1] == pytest.approx(world.prior)


@pytest.mark.parametrize(
    ("settings", "text"),
    [
        ({"prior": [0.5, 0.6]}, "analytic: prior must hold probabilities that sum to 1"),
        ({"likelihood": [[1.5, -0.5], [0.5, 0.5]]}, "analytic: likelihood must hold probabilities that sum to 1"),
        ({"prior": [1.0]}, "analytic: likelihood must have one row of probabilities for each hypothesis of prior"),
        ({"prior": "x"}, "analytic: prior must be a list of numbers and likelihood a list of rows of equal length"),
        ({"prior": [float("nan"), 1.0]}, "analytic: prior must hold probabilities that sum to 1"),
        ({"size": 1}, "analytic: size must be a whole number of pixels, 2 or more, not 1"),
        ({"priors": [1.0]}, "analytic: the analytic pair has no setting 'priors'; it has prior"),
    ],
)
def test_wrong_settings_are_told_in_one_line(settings: dict[str, Any], text: str) -> None:
    with pytest.raises(ModelError) as caught:
        captioner(1, **settings)
    assert str(caught.value) == text


def test_another_number_of_rows_than_the_batch_is_refused() -> None:
    with pytest.raises(ModelError, match=r"^analytic: the captioner is called with 2 rows, not 1; use loop\.in_batches$"):
        captioner(2).caption([noise(0)], [0])
