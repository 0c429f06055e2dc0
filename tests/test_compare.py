"""Pairs, arms and runs side by side, on measures that are made up so that the answer is known."""

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest
from compared_runs import PAIRS, by_pair, compared, made_up, wiggle

import imageloop
from imageloop.comparison.files import csv_of, json_of
from imageloop.errors import RunError
from imageloop.measures import Estimate
from imageloop.records import ChainKey


def noisy(key: ChainKey, number: int) -> float:
    """Pairs differ by less than their chains do."""
    place = PAIRS.index(key.pair) + 1
    return 0.5 + 0.01 * place + 0.1 * ((place * (7 * int(key.original[-1]) + 3 * key.seed) + number) % 11) / 11


def test_the_best_pair_comes_first_and_is_told_from_the_others(tmp_path: Path) -> None:
    found = compared(made_up(tmp_path / "a", by_pair))
    assert [entry.label for entry in found.entries] == ["eye+brush", "eye+pen", "ear+brush", "ear+pen"]
    assert (found.measure, found.round, found.originals, found.seeds, found.runs) == ("clip_image_similarity", 3, 8, 2, ("a",))
    best = found.entries[0]
    assert best.value is not None
    assert best.value.mean == pytest.approx(0.8 + 0.07 + 0.0015 - 0.03)
    assert best.value == best.similarity
    assert best.hop_1_loss is not None
    assert best.hop_1_loss.mean == pytest.approx(1 - (0.8 + 0.07 + 0.0015 - 0.01))
    assert (best.chains, best.rounds, best.saw_original, best.seconds_a_round) == (16, 3, False, pytest.approx(0.4))
    assert len(found.differences) == 6
    assert all(one.decided and one.needed is None for one in found.differences)
    first = found.differences[0]
    assert (first.left, first.right) == ("eye+brush", "eye+pen")
    assert first.difference.estimate.mean == pytest.approx(0.2)
    assert (first.difference.p, first.p_corrected) == (2 / 2**8, 6 * 2 / 2**8)


def test_the_matrix_has_captioners_as_rows_and_the_variance_is_theirs(tmp_path: Path) -> None:
    found = compared(made_up(tmp_path / "a", by_pair))
    assert found.matrix is not None
    assert (found.matrix.captioners, found.matrix.generators) == (("ear", "eye"), ("brush", "pen"))
    cell = found.matrix.cells[1][0]
    assert cell is not None
    assert cell == found.entry("eye+brush").value
    assert found.blame is not None
    shares = {share.source: share.share or 0 for share in found.blame.shares}
    assert shares["captioner"] > shares["generator"] > shares["original"] > shares["seed"] > 0
    assert shares["interaction"] == pytest.approx(0, abs=1e-9)


def test_undecided_differences_say_how_many_originals_it_takes(tmp_path: Path) -> None:
    found = compared(made_up(tmp_path / "a", noisy))
    open_ones = [one for one in found.differences if not one.decided]
    assert len(open_ones) == 6
    assert any(one.needed is not None and one.needed.originals is not None and one.needed.originals > 8 for one in open_ones)
    assert all(one.needed is not None and one.needed.seeds == 2 for one in open_ones)


def test_only_chains_that_all_pairs_have_are_compared(tmp_path: Path) -> None:
    def some(key: ChainKey, number: int) -> float | None:
        return None if key.pair == "ear+pen" and key.original == "original-3" else by_pair(key, number)

    found = compared(made_up(tmp_path / "a", some, measures={"word_entropy": lambda key, number: 1.0}, vendi=4.5))
    assert {(entry.chains, entry.originals) for entry in found.entries} == {(14, 7)}
    assert {entry.vendi for entry in found.entries} == {None}  # it is of all 16
    assert "of 16 chains a line could have, 14 are compared: those that its rivals have too" in found.notes
    assert {one.difference.originals for one in found.differences} == {7}


def test_chains_of_different_length_are_compared_where_all_have_come(tmp_path: Path) -> None:
    short = made_up(tmp_path / "short", by_pair, pairs=PAIRS[:2], rounds=3)
    long = made_up(tmp_path / "long", by_pair, pairs=PAIRS[2:], rounds=9)
    found = compared(short, long)
    assert (found.round, {entry.rounds for entry in found.entries}) == (3, {3, 9})
    assert "lines have 3 to 9 rounds: all are compared at round 3, the last that all have" in found.notes
    assert compared(short, long, round=2).round == 2
    with pytest.raises(RunError, match=r"--round 4: eye\+brush of short has rounds 1 to 3"):
        compared(short, long, round=4)


def test_pairs_of_several_runs_stand_in_one_matrix(tmp_path: Path) -> None:
    whole = compared(made_up(tmp_path / "a", by_pair))
    halves = compared(made_up(tmp_path / "b", by_pair, pairs=PAIRS[:2]), made_up(tmp_path / "c", by_pair, pairs=PAIRS[2:]))
    assert halves.matrix == whole.matrix
    assert halves.blame == whole.blame
    assert halves.differences == whole.differences
    assert [entry.run for entry in halves.entries] == ["b", "b", "c", "c"]


def test_more_seeds_of_a_pair_in_another_run_are_the_same_line(tmp_path: Path) -> None:
    first = made_up(tmp_path / "a", by_pair, seeds=2, vendi=4.5)
    again = made_up(tmp_path / "b", by_pair, seeds=3, vendi=5.5)
    assert {entry.vendi for entry in compared(again).entries} == {Estimate(5.5, None, None, 8)}  # nothing was embedded, so no interval
    found = compared(first, again)
    assert [(entry.run, entry.chains, entry.vendi) for entry in found.entries] == [("a, b", 24, None)] * 4
    assert "no Vendi score" in " ".join(found.notes)


def by_arm(key: ChainKey, number: int) -> float:
    return by_pair(key, number) + {"plain": 0.0, "reanchor(every=2)": 0.15, "keep_prompt(text=x)": 0.0, "floor": 0.4}[key.arm]


ARMS = ("plain", "reanchor(every=2)", "keep_prompt(text=x)", "floor")


def test_arms_are_compared_with_the_plain_loop_of_their_pair(tmp_path: Path) -> None:
    made = made_up(tmp_path / "a", by_arm, pairs=PAIRS[1:3], arms=ARMS, looks=["reanchor(every=2)"])
    found = compared(made, by="arm")
    assert {(one.left, one.right) for one in found.differences} == {
        (f"{pair} @ {arm}", f"{pair} @ plain") for pair in PAIRS[1:3] for arm in ARMS[1:3]
    }
    gains = {one.left: one for one in found.differences}
    assert gains["eye+pen @ reanchor(every=2)"].difference.estimate.mean == pytest.approx(0.15)
    assert gains["eye+pen @ reanchor(every=2)"].decided
    assert not gains["eye+pen @ keep_prompt(text=x)"].decided
    assert {entry.label for entry in found.entries if entry.saw_original} == {f"{pair} @ reanchor(every=2)" for pair in PAIRS[1:3]}
    assert any(note.startswith("* looked at the original") for note in found.notes)
    assert [entry.label for entry in found.entries] == [
        *(f"ear+brush @ {arm}" for arm in ("reanchor(every=2)", "keep_prompt(text=x)", "plain")),
        *(f"eye+pen @ {arm}" for arm in ("reanchor(every=2)", "keep_prompt(text=x)", "plain")),
    ]  # pair after pair, although the first pair is the worse one


def test_arms_of_one_pair_are_called_by_their_name(tmp_path: Path) -> None:
    found = compared(made_up(tmp_path / "a", by_arm, pairs=PAIRS[:1], arms=ARMS), by="arm")
    assert {entry.label for entry in found.entries} == set(ARMS) - {"floor"}


def test_pairs_are_compared_by_their_plain_loop_and_arms_are_mentioned(tmp_path: Path) -> None:
    found = compared(made_up(tmp_path / "a", by_arm, arms=ARMS))
    assert {entry.arm for entry in found.entries} == {"plain"}
    assert found.differences == compared(made_up(tmp_path / "b", by_arm)).differences
    assert "the plain loop only; --by arm compares keep_prompt(text=x), reanchor(every=2)" in found.notes


def test_a_run_without_the_plain_loop_has_no_pairs_to_compare(tmp_path: Path) -> None:
    with pytest.raises(RunError, match="--by arm"):
        compared(made_up(tmp_path / "a", by_arm, arms=ARMS[1:]))


def test_runs_are_compared_pair_by_pair(tmp_path: Path) -> None:
    more = {"plan": {"images": 4, "pick_image": "closest"}, "recipes": {"captioner/eye": {"name": "eye", "steps": 8}}}
    better = made_up(tmp_path / "better", lambda key, number: by_pair(key, number) + 0.05, pairs=PAIRS[:2], **more)
    found = compared(made_up(tmp_path / "a", by_pair, pairs=PAIRS[:2]), better, by="run")
    assert [(one.left, one.right) for one in found.differences] == [
        ("eye+brush (better)", "eye+brush (a)"),
        ("eye+pen (better)", "eye+pen (a)"),
    ]
    assert all(one.decided and one.difference.estimate.mean == pytest.approx(0.05) for one in found.differences)


def test_runs_of_one_pair_are_called_by_their_folder(tmp_path: Path) -> None:
    both = [made_up(tmp_path / name, by_pair, pairs=PAIRS[:1]) for name in "ab"]
    assert {entry.label for entry in compared(*both, by="run").entries} == {"a", "b"}


def test_a_measure_of_whole_chains_can_be_compared(tmp_path: Path) -> None:
    cut = {"truncated_share": lambda key, _: 0.5 if key.generator == "pen" else 0.0}
    found = compared(made_up(tmp_path / "a", by_pair, measures=cut), measure="truncated_share")
    assert (found.whole_chain, found.higher_is_better) == (True, False)
    assert [entry.generator for entry in found.entries] == ["brush", "brush", "pen", "pen"]
    assert found.entries[0].similarity is not None


def test_pairs_without_a_common_chain_are_ranked_and_not_compared(tmp_path: Path) -> None:
    def apart(key: ChainKey, number: int) -> float | None:
        even = int(key.original[-1]) % 2 == 0
        return by_pair(key, number) if even == (key.captioner == "eye") else None

    found = compared(made_up(tmp_path / "a", apart, pairs=("eye+pen", "ear+pen")))
    assert (len(found.entries), found.differences, found.blame) == (2, (), None)
    assert any(note.startswith("no chains in common") for note in found.notes)


def test_chains_that_start_from_texts_are_left_out_and_can_be_asked_for(tmp_path: Path) -> None:
    def from_texts(key: ChainKey, number: int) -> float | None:
        return by_pair(key, number) if key.original > "original-4" else None

    def from_pictures(key: ChainKey, number: int) -> float | None:
        return None if key.original > "original-4" else by_pair(key, number)

    made = made_up(tmp_path / "a", from_pictures, measures={"text_to_image_similarity": from_texts})
    assert compared(made).originals == 5
    assert (
        "6 of 16 chains have no clip_image_similarity and are left out; --measure text_to_image_similarity compares those"
        in compared(made).notes
    )
    texts = compared(made, measure="text_to_image_similarity")
    assert (texts.originals, texts.closeness) == (3, "text_to_image_similarity")
    assert texts.entries[0].hop_1_loss is None


def test_where_the_last_pictures_were_not_kept_the_round_before_is_compared(tmp_path: Path) -> None:
    def every_other(key: ChainKey, number: int) -> float | None:
        return by_pair(key, number) if number % 2 == 0 else None

    one = made_up(tmp_path / "a", by_pair, pairs=PAIRS[:2], rounds=5)
    other = made_up(tmp_path / "b", every_other, pairs=PAIRS[2:], rounds=8)
    found = compared(one, other)
    assert found.round == 4
    assert found.entry("ear+pen").hop_1_loss is None
    with pytest.raises(RunError, match="no round has a value for every pair"):
        compared(one, other, round=5)


def test_the_half_life_looks_no_further_than_the_round_compared(tmp_path: Path) -> None:
    def falls_then_returns(key: ChainKey, number: int) -> float:
        return 0.4 + 0.5 * 0.5 ** (number / 3) + wiggle(key) if number <= 14 else 0.9

    made = made_up(tmp_path / "a", falls_then_returns, pairs=PAIRS[:1], rounds=24)
    decay = compared(made, round=14).entries[0].decay
    assert decay is not None
    assert decay.half_life is not None
    assert decay.half_life.mean == pytest.approx(3)
    whole = compared(made).entries[0].decay
    assert whole is not None
    assert whole.verdict != "decays"


def test_what_each_column_takes_is_the_measure_of_that_name(tmp_path: Path) -> None:
    extra: dict[str, Any] = {
        "normalised_retention": lambda key, number: 0.11 * number,
        "windowed_caption_jsd": lambda key, number: 0.12 * number,
        "survival_rare": lambda key, number: 0.13 * number if key.original < "original-3" else None,
        "truncated_share": lambda key, number: 0.14,
    }
    entry = compared(made_up(tmp_path / "a", by_pair, pairs=PAIRS[:1], measures=extra)).entries[0]
    columns = (entry.normalised, entry.windowed_jsd, entry.rare_survival, entry.truncated_share)
    assert [(column.mean, column.n) for column in columns if column] == [
        (pytest.approx(0.33), 8),
        (pytest.approx(0.36), 8),
        (pytest.approx(0.39), 3),
        (pytest.approx(0.14), 8),
    ]
    judged = {**extra, "object_survival_rare": lambda key, number: 0.2 * number}
    found = compared(made_up(tmp_path / "b", by_pair, pairs=PAIRS[:1], measures=judged))
    assert found.rare_measure == "object_survival_rare"


def test_everything_found_is_finite_json_and_every_number_a_row(tmp_path: Path) -> None:
    found = compared(made_up(tmp_path / "a", by_pair))
    again = json.loads(json_of(found))
    assert again == json.loads(json.dumps(asdict(found)))
    assert again["entries"][0]["value"]["n"] == 8
    rows = csv_of(found).splitlines()
    assert sum(row.startswith("difference,") for row in rows) == 6
    assert sum(row.startswith("matrix,") for row in rows) == 4
    assert sum(row.startswith("blame,") for row in rows) == 6
    assert sum(row.startswith("leaderboard,eye+brush,") for row in rows) == 3
    assert all(len(row.split(",")) >= 18 for row in rows)


def test_the_library_compares_what_is_on_disk(tmp_path: Path) -> None:
    made = made_up(tmp_path / "a", by_pair)
    assert imageloop.compare([tmp_path / "a"]) == compared(made)
    (tmp_path / "a" / "measures.parquet").unlink()
    with pytest.raises(RunError, match="imageloop measure"):
        imageloop.compare([tmp_path / "a"])
