from collections.abc import Sequence
from dataclasses import replace
from itertools import count

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tiny_runs import Spy, key_of, model, noise, picture, plan_of

from imageloop.errors import ModelError
from imageloop.loop import ChainState, Turned, anchors, in_batches, needs_embedder, turn
from imageloop.picks import IMAGE_PICKS, PICKS, Choice
from imageloop.plan import Plan
from imageloop.records import Caption, Original, Pick, Pixels, Recipe, Round, canonical, pixel_hash
from imageloop.seeds import seed_of

EMBEDDER = model("embedder")
ORIGINALS = [picture(f"picture-{i}", i) for i in range(4)] + [Original("text-0", text="a surfer"), Original("text-1", text="state4")]
ANCHORS = anchors(ORIGINALS, EMBEDDER)


def start(original: Original, seed: int = 0, round: int = 0, last: int = 50) -> ChainState:
    pixels = original.pixels if round == 0 else noise(last)
    return ChainState(key_of(original, seed), original, round, pixels, ANCHORS[original.id])


def turned(states: Sequence[ChainState], plan: Plan, batch: int = 4) -> list[Turned]:
    return turn(states, model("captioner", batch), model("generator", batch), EMBEDDER, plan)


def result(done: Turned) -> tuple[str, list[bytes]]:
    return canonical(replace(done[0], seconds={}).to_json()), [pixels.tobytes() for pixels in done[1]]


STATES = st.lists(
    st.builds(start, st.sampled_from(ORIGINALS), st.integers(0, 3), st.integers(0, 3), st.integers(0, 9)), min_size=1, max_size=7
)


@given(st.integers(0, 20), st.integers(1, 7))
def test_every_call_has_exactly_the_batchs_rows_and_every_row_one_result(rows: int, batch: int) -> None:
    sizes = []

    def double(column: list[int], other: list[int]) -> list[int]:
        sizes.append(len(column))
        return [a + b for a, b in zip(column, other, strict=True)]

    assert in_batches(double, batch, range(rows), range(rows)) == [2 * row for row in range(rows)]
    assert sizes == [batch] * -(-rows // batch)


def test_a_short_batch_is_filled_with_its_last_row() -> None:
    seen: list[list[str]] = []
    in_batches(lambda rows: seen.append(rows) or rows, 4, ["a", "b"])  # type: ignore[func-returns-value]
    assert seen == [["a", "b", "b", "b"]]


def test_a_model_that_answers_with_another_number_of_rows_is_told() -> None:
    with pytest.raises(ModelError, match=r"was given 4 rows and answered 3; correct the model$"):
        in_batches(lambda rows: rows[:3], 4, ["a", "b"])


@given(STATES, st.sampled_from(list(PICKS)), st.sampled_from(IMAGE_PICKS))
def test_a_chain_comes_out_the_same_alone_and_in_any_company(states: list[ChainState], pick_caption: str, pick_image: str) -> None:
    plan = plan_of(captions=3, images=2, pick_caption=pick_caption, pick_image=pick_image)
    together = turned(states, plan)
    assert [result(done) for done in together] == [result(turned([state], plan)[0]) for state in states]
    assert [result(done) for done in turned(states[::-1], plan)] == [result(done) for done in together][::-1]


@given(STATES)
def test_models_are_called_with_their_recipes_batch_and_nothing_else(states: list[ChainState]) -> None:
    captioner, generator, embedder = Spy(model("captioner", 3)), Spy(model("generator", 5)), Spy(model("embedder", 4))
    turn(states, captioner, generator, embedder, plan_of(captions=2, images=3, pick_caption="medoid"))
    for spy in (captioner, generator, embedder):
        assert {len(column) for _, columns in spy.calls for column in columns} <= {spy.recipe.batch}


@given(STATES)
def test_all_candidates_of_all_chains_share_the_fewest_calls(states: list[ChainState]) -> None:
    captioner, generator = Spy(model("captioner")), Spy(model("generator"))
    turn(states, captioner, generator, EMBEDDER, plan_of(captions=2, images=3))
    looking = sum(state.given is None for state in states)
    assert (len(captioner.calls), len(generator.calls)) == (-(-looking * 2 // 4), -(-len(states) * 3 // 4))


@given(STATES, st.sampled_from(list(PICKS)), st.sampled_from(IMAGE_PICKS))
def test_telephone_the_captioner_gets_pixels_and_seeds_and_the_generator_text_and_seeds(
    states: list[ChainState], pick_caption: str, pick_image: str
) -> None:
    captioner, generator = Spy(model("captioner", 1)), Spy(model("generator", 1))
    plan = plan_of(captions=2, images=2, pick_caption=pick_caption, pick_image=pick_image)
    rounds = [done for done, _ in turn(states, captioner, generator, EMBEDDER, plan)]
    looking = [state for state in states if state.given is None]
    assert [name for name, _ in captioner.calls] == ["caption"] * len(captioner.calls)
    for (_, (images, seeds)), (state, k) in zip(captioner.calls, [(s, k) for s in looking for k in range(2)], strict=True):
        assert type(images[0]) is np.ndarray
        assert images[0].tobytes() == (state.pixels.tobytes() if state.pixels is not None else b"")
        assert seeds == [seed_of(0, state.original.id, state.key.seed, state.round + 1, "caption", k)]
    for (_, (prompts, seeds)), (i, m) in zip(generator.calls, [(i, m) for i in range(len(states)) for m in range(2)], strict=True):
        assert prompts == [rounds[i].caption]
        assert type(prompts[0]) is str
        assert seeds == [seed_of(0, states[i].original.id, states[i].key.seed, states[i].round + 1, "image", m)]


@given(st.lists(st.integers(0, 9), min_size=1, max_size=5), st.sampled_from(["first", "random", "medoid"]))
def test_telephone_no_rule_but_closest_lets_the_original_change_a_later_round(last: list[int], rule: str) -> None:
    plan = plan_of(captions=3, images=3, pick_caption=rule, pick_image=rule)
    states = [start(ORIGINALS[0], seed, 2, pixels) for seed, pixels in enumerate(last)]
    others = [replace(state, original=replace(state.original, pixels=noise(99)), anchor=-np.ones(6)) for state in states]
    assert [result(done) for done in turned(states, plan)] == [result(done) for done in turned(others, plan)]
    assert not any(done.caption_pick.saw_original or done.picture_pick.saw_original for done, _ in turned(states, plan))


@pytest.mark.parametrize("rule", PICKS)
def test_telephone_a_rule_is_shown_the_original_only_where_it_declares_so(rule: str, monkeypatch: pytest.MonkeyPatch) -> None:
    shown: list[Choice] = []

    def noting(choice: Choice) -> Pick:
        shown.append(choice)
        return Pick(rule, 0)

    monkeypatch.setitem(PICKS, rule, replace(PICKS[rule], pick=noting))
    stages = 2 if rule in IMAGE_PICKS else 1
    turned([start(ORIGINALS[0])], plan_of(pick_caption=rule, pick_image=rule if stages == 2 else "first"))
    assert [choice.original is not None for choice in shown] == [PICKS[rule].sees_original] * stages
    assert [choice.vectors is not None for choice in shown] == [PICKS[rule].embeds] * stages
    assert [bool(choice.words) for choice in shown] == [PICKS[rule].captions_only] * stages


def test_a_rule_that_sees_the_original_is_stored_with_the_round() -> None:
    done, _ = turned([start(ORIGINALS[0])], plan_of(captions=2, images=2, pick_image="closest"))[0]
    assert done.caption_pick.saw_original
    assert done.picture_pick.saw_original


def test_a_chain_from_a_text_begins_with_the_text_itself_and_no_captioner() -> None:
    captioner = Spy(model("captioner"))
    [(done, _)] = turn([start(ORIGINALS[4])], captioner, model("generator"), EMBEDDER, plan_of())
    assert (done.round, done.saw, done.prompt, done.captions[0].seed, len(done.captions)) == (1, None, "a surfer", None, 1)
    assert captioner.calls == []


def test_a_chain_from_a_picture_describes_that_picture_first() -> None:
    done, pictures = turned([start(ORIGINALS[0])], plan_of(captions=3, images=2))[0]
    assert ORIGINALS[0].pixels is not None
    assert done.saw == pixel_hash(ORIGINALS[0].pixels)
    assert (len(done.captions), len(pictures)) == (3, 2)
    assert [stored.pixels for stored in done.pictures] == [pixel_hash(pixels) for pixels in pictures]


@pytest.mark.parametrize(
    ("captions", "images", "pick_caption", "pick_image", "needed"),
    [
        (1, 1, "closest", "closest", False),
        (4, 4, "first", "random", False),
        (4, 1, "medoid", "first", True),
        (1, 4, "first", "closest", True),
    ],
)
def test_the_embedder_is_called_only_where_a_rule_compares(
    captions: int, images: int, pick_caption: str, pick_image: str, needed: bool
) -> None:
    plan = plan_of(captions=captions, images=images, pick_caption=pick_caption, pick_image=pick_image)
    embedder = Spy(EMBEDDER)
    turn([start(ORIGINALS[0])], model("captioner"), model("generator"), embedder, plan)
    assert (bool(embedder.calls), needs_embedder(plan)) == (needed, needed)
    assert {name for name, _ in embedder.calls} <= {"embed_texts" if captions > 1 else "embed_images"}


def test_a_comparing_rule_without_an_embedder_is_a_mistake_of_the_caller() -> None:
    with pytest.raises(ValueError, match="pick rule 'closest' needs an embedder"):
        turn([start(ORIGINALS[0])], model("captioner"), model("generator"), None, plan_of())


def test_each_stages_time_is_shared_by_the_chains_that_took_part() -> None:
    ticks = count()
    states = [start(ORIGINALS[0]), start(ORIGINALS[1]), start(ORIGINALS[4])]
    rounds = turn(states, model("captioner"), model("generator"), EMBEDDER, plan_of(), clock=lambda: 6.0 * next(ticks))
    shared = {"caption-pick": 2.0, "image": 2.0, "image-pick": 2.0}
    assert [done.seconds for done, _ in rounds] == [{"caption": 3.0, **shared}, {"caption": 3.0, **shared}, {"caption": 0.0, **shared}]


class Endless:
    recipe: Recipe = model("captioner").recipe

    def caption(self, images: Sequence[Pixels], seeds: Sequence[int]) -> list[Caption]:
        return [Caption("state0", 1, log_probability=float("-inf")) for _ in images]


def test_a_probability_that_is_not_finite_is_told_and_never_stored() -> None:
    with pytest.raises(ModelError, match=r"^analytic: gave a caption with a probability that is not finite; run it with dtype fp32$"):
        turn([start(ORIGINALS[0])], Endless(), model("generator"), EMBEDDER, plan_of())


@given(STATES)
def test_a_round_survives_json(states: list[ChainState]) -> None:
    for done, _ in turned(states, plan_of()):
        assert Round.from_json(done.to_json()) == done
