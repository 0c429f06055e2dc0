"""Plans: what a file may say, what a person reads when it says something else, and the way back to a file."""

import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from imageloop.errors import PlanError
from imageloop.plan import Plan, changed, name_of, option_of
from imageloop.plan_files import TABLES, find, read, shipped, to_toml


def written(folder: Path, text: str) -> Path:
    file = folder / "a.toml"
    file.write_text(text)
    return file


def line_for(folder: Path, text: str) -> str:
    """What a person reads for a plan with this text, without the file's name."""
    file = written(folder, text)
    with pytest.raises(PlanError) as caught:
        read(file)
    line = str(caught.value)
    assert line.startswith(f"{file}: ")
    assert "\n" not in line
    return line.removeprefix(f"{file}: ")


def test_the_surfer_plan_is_the_experiment_of_the_essay() -> None:
    plan = read(shipped() / "surfer.toml")
    assert (plan.captions, plan.pick_caption, plan.images, plan.pick_image, plan.rounds) == (4, "first", 4, "closest", 20)
    assert plan.originals == ("stickers:surfer, palm tree, hibiscus; beach; cartoon",)
    assert plan.seeds > 1


def test_the_pairs_plan_crosses_all_built_in_models() -> None:
    plan = read(shipped() / "pairs.toml")
    assert (len(plan.captioners), len(plan.generators)) == (2, 2)


def test_a_shipped_plan_is_found_by_its_bare_name_from_anywhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert find("surfer.toml").name == "surfer"
    written(tmp_path, '[run]\nname = "mine"\noriginals = ["text:x"]').rename("surfer.toml")
    assert find("surfer.toml").name == "mine"


def test_every_field_but_overrides_has_a_place_in_a_table() -> None:
    assert sorted([*(key for keys in TABLES.values() for key in keys), "models", "rules"]) == sorted(Plan.model_fields)


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ('[run]\nround = 3\noriginals = ["a.png"]', "[run] has no key 'round'; did you mean 'rounds'?"),
        ('[run]\ncaptions = 3\noriginals = ["a.png"]', "[run] has no key 'captions'; it belongs in [loop]"),
        ('[run]\nzzz = 3\noriginals = ["a.png"]', "[run] has no key 'zzz'"),
        ("[lop]\ncaptions = 3", "a plan has no table 'lop'; did you mean [loop]?"),
        ("rounds = 3", "a plan has no key 'rounds'; it belongs in [run]"),
        ("run = 3", "[run] must be a table: a line [run] with its keys below it"),
        ("[run]\nrounds = 3", '[run] has no originals; name at least one: originals = ["my-photo.jpg"]'),
        ("[run]\noriginals = []", '[run] originals must be a list of at least one text, such as ["…"], not []'),
        ('[run]\noriginals = "a.png"', '[run] originals must be a list of at least one text, such as ["…"], not "a.png"'),
        ('[run]\noriginals = ["a.png", 3]', '[run] originals must be a list of at least one text, such as ["…"], not ["a.png", 3]'),
        ('[run]\noriginals = ["a.png", " "]', "[run] originals must not be empty"),
        ('[run]\noriginals = ["a.png", "a.png"]', "[run] originals names 'a.png' twice"),
        ('[run]\noriginals = ["a.png"]\nrounds = -3', "[run] rounds must be a whole number, 1 or more, not -3"),
        ('[run]\noriginals = ["a.png"]\nrounds = "20"', '[run] rounds must be a whole number, 1 or more, not "20"'),
        ('[run]\noriginals = ["a.png"]\nrounds = 2.0', "[run] rounds must be a whole number, 1 or more, not 2.0"),
        ('[run]\noriginals = ["a.png"]\nrounds = true', "[run] rounds must be a whole number, 1 or more, not true"),
        ('[run]\noriginals = ["a.png"]\nseed = -1', "[run] seed must be a whole number from 0 to 2**63 - 1, not -1"),
        ('[run]\noriginals = ["a.png"]\nkeep = "every 0"', '[run] keep must be one of "all", "log", "every k" with k a whole number such as "every 10", not "every 0"'),  # noqa: E501
        ('[run]\noriginals = ["a.png"]\nkeep_candidates = 1', "[run] keep_candidates must be true or false, not 1"),
        ('[run]\noriginals = ["a.png"]\nname = "../up"', '[run] name must be a text of letters, digits, ".", "_" and "-", starting with a letter or digit, not "../up"'),  # noqa: E501
        ('[run]\noriginals = ["a.png"]\n[loop]\nsize = 4', "[loop] size must be a whole number of pixels from 8 to 8192, not 4"),
        ('[run]\noriginals = ["a.png"]\n[loop]\npick_image = "closets"', "[loop] pick_image must be one of first, random, closest, medoid, most_novel, not 'closets'; did you mean 'closest'?"),  # noqa: E501
        ('[run]\noriginals = ["a.png"]\n[models]\ndevice = "gpu"', '[models] device must be one of auto, cpu, cuda, cuda:N, mps, not "gpu"'),  # noqa: E501
        ('[run]\noriginals = ["a.png"]\n[models]\ndtype = "int8"', '[models] dtype must be one of auto, fp32, bf16, fp16, not "int8"'),
        ('[run]\noriginals = ["a.png"]\n[models]\ncaptioner = "x"', "[models] has no key 'captioner'; did you mean 'captioners'?"),
        (
            '[run]\noriginals = ["a.png"]\n[models.sticker-sna]\nsteps = 2',
            "[models.sticker-sna] is no model of this plan; its models are sticker-blip, sticker-sana, sticker-clip; did you mean 'sticker-sana'?",  # noqa: E501
        ),
    ],
)  # fmt: skip
def test_a_wrong_plan_is_told_in_one_line_with_file_table_and_key(tmp_path: Path, text: str, line: str) -> None:
    assert line_for(tmp_path, text) == line


def test_a_file_that_is_no_toml_is_told_with_the_place(tmp_path: Path) -> None:
    assert re.fullmatch(r"is not valid TOML: .*line 2.*", line_for(tmp_path, "[run]\nrounds = = 3"))


def test_a_file_that_is_no_text_is_told(tmp_path: Path) -> None:
    file = tmp_path / "a.toml"
    file.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(PlanError, match=r"a\.toml: is not UTF-8 text; a plan is a TOML file"):
        read(file)


def test_a_missing_plan_is_told_with_those_that_come_with_the_package() -> None:
    with pytest.raises(PlanError, match=r"nosuch\.toml: no such plan; those that come with imageloop: .*pairs\.toml.*surfer\.toml"):
        find("nosuch.toml")


def test_paths_in_a_plan_are_taken_from_its_own_folder(tmp_path: Path) -> None:
    (tmp_path / "holiday pictures").mkdir()
    text = '[run]\noriginals = ["a.png", "holiday pictures", "a surfer", "stickers:cat; sea; ink"]\n[models]\ncaptioners = ["./mine", "blip-base"]\n[models."./mine"]\nmax_new_tokens = 9'  # noqa: E501
    plan = read(written(tmp_path, text))
    assert plan.originals == (str(tmp_path / "a.png"), str(tmp_path / "holiday pictures"), "a surfer", "stickers:cat; sea; ink")
    assert plan.captioners == (str(tmp_path / "mine"), "blip-base")
    assert plan.models == {str(tmp_path / "mine"): {"max_new_tokens": 9}}


def test_a_plan_without_a_name_has_its_files(tmp_path: Path) -> None:
    assert read(written(tmp_path, '[run]\noriginals = ["a.png"]')).name == "a"


def test_a_plan_cannot_be_changed_in_place_and_refuses_unknown_fields() -> None:
    plan = Plan(originals=("a.png",))
    with pytest.raises(ValidationError):
        plan.rounds = 3  # type: ignore[misc]
    with pytest.raises(ValidationError):
        Plan(originals=("a.png",), round=3)  # type: ignore[call-arg]


def test_options_override_a_plan_and_are_named_in_errors() -> None:
    plan = Plan(originals=("a.png",), rounds=5)
    assert changed(plan, {"rounds": 7}).rounds == 7
    with pytest.raises(PlanError, match="--rounds must be a whole number, 1 or more, not -7"):
        changed(plan, {"rounds": -7})
    with pytest.raises(PlanError, match="--pick-image must be one of first, random, closest, medoid, most_novel, not 'best'"):
        changed(plan, {"pick_image": "best"})


def test_recipe_fields_are_set_by_option_and_dropped_with_their_model() -> None:
    plan = changed(Plan(originals=("a.png",)), {"generators": ("qwen2.5",)}, ["qwen2.5.steps=8", "qwen2.5.mode=fast", 'qwen2.5.task="<A>"'])
    assert plan.models == {"qwen2.5": {"steps": 8, "mode": "fast", "task": "<A>"}}
    assert changed(plan, {"generators": ("sticker-sana",)}).models == {}


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("steps=8", "--set steps=8: must be NAME.KEY=VALUE, such as sticker-sana.steps=8"),
        ("sticker-sana.steps", "--set sticker-sana.steps: must be NAME.KEY=VALUE, such as sticker-sana.steps=8"),
        ("sticker-sna.steps=8", "--set sticker-sna is no model of this plan; its models are sticker-blip, sticker-sana, sticker-clip; did you mean 'sticker-sana'?"),  # noqa: E501
    ],
)  # fmt: skip
def test_a_wrong_recipe_option_is_told(text: str, line: str) -> None:
    with pytest.raises(PlanError) as caught:
        changed(Plan(originals=("a.png",)), {}, [text])
    assert str(caught.value) == line


def test_a_run_is_named_after_its_originals(tmp_path: Path) -> None:
    assert name_of(["photos/My Photo.JPG"]) == "my-photo"
    assert name_of(["a surfer under a palm tree", "b.png", "c.png"]) == "a-surfer-under-a-palm-tree-and-2-more"
    assert name_of(["stickers:surfer; beach; ink"]) == "surfer-beach-ink"
    assert name_of(["海.png"]) == "run"


texts = st.text(st.characters(exclude_categories=("Cs",)), min_size=1).filter(str.strip)
values = st.recursive(
    st.booleans()
    | st.integers(-(2**62), 2**62)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_categories=("Cs",))),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=5,
)


@given(
    st.lists(texts, min_size=1, max_size=4, unique=True).map(lambda found: tuple(f"text:{text}" for text in found)),
    st.integers(1, 10**6),
    st.none() | st.integers(8, 8192),
    st.sampled_from(["all", "log", "every 3"]),
    st.dictionaries(st.sampled_from(["sticker-sana", "sticker-blip"]), st.dictionaries(texts, values, max_size=3), max_size=2),
)
def test_a_plan_written_and_read_is_the_same_plan(
    tmp_path_factory: pytest.TempPathFactory,
    originals: tuple[str, ...],
    rounds: int,
    size: int | None,
    keep: str,
    models: dict[str, dict[str, object]],
) -> None:
    plan = Plan(originals=originals, rounds=rounds, size=size, keep=keep, models=models)
    file = tmp_path_factory.mktemp("plan") / "p.toml"
    file.write_text(to_toml(plan), encoding="utf-8", newline="")
    assert read(file) == plan


def test_options_are_named_as_a_person_types_them() -> None:
    assert [option_of(field) for field in ("captioners", "pick_image", "rounds")] == ["--captioner", "--pick-image", "--rounds"]
