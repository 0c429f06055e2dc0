"""What cannot be compared is refused with what differs, and what cannot be said is said to be so."""

from pathlib import Path
from typing import Any

import pytest
from compared_runs import PAIRS, by_pair, compared, made_up

from imageloop.comparison.files import csv_of, json_of
from imageloop.errors import RunError
from imageloop.records import ChainKey


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({"plan": {"seed": 1}}, "b against a: seed was 0, is 1"),
        ({"plan": {"images": 4}}, "b against a: images was 1, is 4"),
        ({"plan": {"size": 32}}, "b against a: size was not there, is 32"),
        ({"plan": {"pick_image": "closest"}}, 'b against a: pick_image was not there, is "closest"'),
        ({"recipes": {"captioner/eye": {"name": "eye", "steps": 8}}}, "b against a: captioner/eye: steps was 4, is 8"),
        ({"embedder": {"name": "other"}}, 'b against a: embedder of the measures: name was "clip", is "other"'),
    ],
)
def test_runs_that_differ_in_more_than_the_pair_are_refused_unless_told(tmp_path: Path, changes: dict[str, Any], text: str) -> None:
    both = made_up(tmp_path / "a", by_pair), made_up(tmp_path / "b", by_pair, **changes)
    with pytest.raises(RunError) as error:
        compared(*both)
    assert text in str(error.value)
    assert str(error.value).endswith("if you mean it, add --allow-different")
    allowed = compared(*both, allow_different=True)
    assert text in allowed.different
    assert text in json_of(allowed).replace('\\"', '"')
    assert f"compared all the same: {text}" in csv_of(allowed).replace('""', '"')


@pytest.mark.parametrize(
    "changes",
    [
        {"plan": {"name": "x", "keep": "log", "device": "cuda"}},
        {"plan": {"embedder": "other"}},
        {"embedder": {"device": "cuda", "batch": 64}},
    ],
)
def test_what_changes_no_number_is_no_difference(tmp_path: Path, changes: dict[str, Any]) -> None:
    assert compared(made_up(tmp_path / "a", by_pair), made_up(tmp_path / "b", by_pair, **changes)).different == ()


def test_an_embedder_that_picked_must_be_the_same(tmp_path: Path) -> None:
    both = [made_up(tmp_path / name, by_pair, plan={"images": 4, "embedder": name}) for name in "ab"]
    with pytest.raises(RunError, match='embedder was "a", is "b"'):
        compared(*both)


def test_the_same_name_with_another_recipe_is_another_line_when_allowed(tmp_path: Path) -> None:
    other = {"generator/pen": {"name": "pen", "steps": 8}}
    found = compared(made_up(tmp_path / "a", by_pair), made_up(tmp_path / "b", by_pair, recipes=other), allow_different=True)
    labels = {entry.label for entry in found.entries}
    assert labels == {"eye+brush", "ear+brush", "eye+pen (a)", "eye+pen (b)", "ear+pen (a)", "ear+pen (b)"}
    assert (found.matrix, found.blame) == (None, None)


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({"by": "run"}, "--by run compares two or more runs"),
        ({"measure": "clip_image_similarty"}, "no measure is called 'clip_image_similarty'; did you mean clip_image_similarity?"),
        ({"measure": "vendi_score"}, "vendi_score: no chain has a value"),
        ({"measure": "word_entropy"}, "word_entropy: no chain has a value"),
        ({"round": 0}, "--round 0"),
    ],
)
def test_what_cannot_be_compared_is_refused_in_one_line(tmp_path: Path, options: dict[str, Any], text: str) -> None:
    with pytest.raises(RunError) as error:
        compared(made_up(tmp_path / "a", by_pair), **options)
    assert text in str(error.value)
    assert "\n" not in str(error.value)


def test_a_run_named_twice_is_refused(tmp_path: Path) -> None:
    made = made_up(tmp_path / "a", by_pair)
    with pytest.raises(RunError, match="each once"):
        compared(made, made)


def test_one_pair_and_one_original_say_what_they_cannot(tmp_path: Path) -> None:
    found = compared(made_up(tmp_path / "a", by_pair, pairs=PAIRS[:1], originals=1))
    assert found.entries[0].value is not None
    assert found.entries[0].value.low is None
    assert found.differences == ()
    assert "one pair: there is nothing to compare it with" in found.notes
    assert "one original: no interval, no test, and nothing is said of other originals" in found.notes
    two = compared(made_up(tmp_path / "b", by_pair, pairs=PAIRS[:2], originals=1))
    assert (two.differences[0].p_corrected, two.differences[0].decided, two.differences[0].needed) == (None, False, None)
    assert "no split of the variance: one original" in two.notes


def test_few_originals_are_said_to_be_few(tmp_path: Path) -> None:
    notes = compared(made_up(tmp_path / "a", by_pair, originals=4)).notes
    assert "4 originals: intervals over fewer than 6 are too narrow" in notes
    assert "4 originals cannot decide any of 6 differences: the smallest corrected p they allow is 0.75" in notes


def test_a_hole_in_the_matrix_leaves_no_split(tmp_path: Path) -> None:
    found = compared(made_up(tmp_path / "a", by_pair, pairs=PAIRS[:3]))
    assert found.matrix is not None
    assert found.matrix.cells[0][1] is None
    assert found.blame is None
    assert any("ear+pen was not run" in note for note in found.notes)


def test_unequal_numbers_of_seeds_leave_no_split(tmp_path: Path) -> None:
    def some(key: ChainKey, number: int) -> float | None:
        return None if key.seed == 1 and key.original == "original-0" else by_pair(key, number)

    found = compared(made_up(tmp_path / "a", some))
    assert found.blame is None
    assert "no split of the variance: not identifiable with 1 to 2 seeds an original" in found.notes
    assert len(found.differences) == 6
