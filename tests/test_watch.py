"""The monitor's rules as a plan and a command write them."""

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from imageloop.errors import PlanError
from imageloop.identity import plan_changes, run_hash
from imageloop.plan import Plan, changed
from imageloop.plan_files import read, to_toml
from imageloop.watch import ACTIONS, KINDS, NOTE, OF_FLOOR, acting, differing, embeds, on, resolved


def told(folder: Path, text: str) -> str:
    """What a person reads for a plan with these rules, without the file's name."""
    file = folder / "a.toml"
    file.write_text(f'[run]\noriginals = ["text:x"]\n{text}')
    with pytest.raises(PlanError) as error:
        read(file)
    line = str(error.value)
    assert "\n" not in line
    return line.removeprefix(f"{file}: ")


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("[watch]\njds = {below = 0.1}", "[watch] no rule is called 'jds'; did you mean 'jsd'?"),
        ("[watch]\nxyz = {}", "[watch] no rule is called 'xyz'; there are jsd, still, cycle, blank, length, vendi, rare"),
        ("[watch]\njsd = {belw = 0.1}", "[watch] jsd has no 'belw'; did you mean 'below'?"),
        ("[watch]\njsd = {below = -1}", "[watch] jsd: below must be a number, 0 or more, not -1"),
        ("[watch]\njsd = {below = nan}", "[watch] jsd: below must be a number, 0 or more, not nan"),
        ("[watch]\njsd = {below = inf}", "[watch] jsd: below must be a number, 0 or more, not inf"),
        ("[watch]\njsd = {below = true}", "[watch] jsd: below must be a number, 0 or more, not True"),
        ("[watch]\njsd = {window = 2.5}", "[watch] jsd: window must be a whole number from 2 to 50, not 2.5"),
        ("[watch]\nvendi = {share = 1.5}", "[watch] vendi: share must be a number from 0 to 1, not 1.5"),
        ('[watch]\njsd = {action = "halt"}', "[watch] jsd: action must be note, stop or reanchor, not 'halt'"),
        ("[watch]\njsd = 0.1", '[watch] jsd must be a table such as {below = 0.05, window = 8, action = "note"}, or false'),
        (
            '[watch]\nvendi = {action = "stop"}',
            "[watch] vendi: watches all chains of a pair together, so its action can only be note",
        ),
        (
            '[watch]\nstill = {action = "stop", floor = 0.2}',
            "[watch] still: stop must depend on the chain alone, and floor is about its control; leave floor out",
        ),
        ("watch = 1", "[run] watch must be true or false, not 1"),
        ('[loop]\nnoise = "old"', '[loop] noise must be new or fixed, not "old"'),
        ("[wach]\njsd = {}", "a plan has no table 'wach'; did you mean [watch]?"),
    ],
)
def test_a_wrong_rule_is_told_in_one_line(tmp_path: Path, text: str, line: str) -> None:
    assert told(tmp_path, text) == line


def test_a_plan_changes_the_rules_it_names_and_no_others(tmp_path: Path) -> None:
    file = tmp_path / "a.toml"
    file.write_text('[run]\noriginals = ["text:x"]\n[watch]\njsd = {below = 0.2}\nstill = false\ncycle = {}\nblank = true\n')
    rules = read(file).rules
    usual = resolved({})
    assert rules == {**usual, "jsd": {**usual["jsd"], "below": 0.2}, "still": False}
    assert list(differing(rules)) == ["jsd", "still"]


def test_by_default_every_rule_is_on_and_notes() -> None:
    rules = Plan(originals=("text:x",)).rules
    assert list(rules) == list(KINDS)
    assert {rule["action"] for rule in on(rules).values()} == {NOTE}
    assert acting(rules) == {}
    assert embeds(rules)
    assert Plan(originals=("text:x",)).watch


@pytest.mark.parametrize(
    ("options", "rules"),
    [
        (["jsd.action=stop"], {"jsd": {"action": "stop"}}),
        (["still.action=reanchor", "still.above=0.99"], {"still": {"action": "reanchor", "above": 0.99}}),
        (["vendi=false"], {"vendi": False}),
        (["vendi=false", "vendi.share=0.3"], {"vendi": {"share": 0.3}}),
        (["vendi=false", "vendi=true"], {}),
    ],
)
def test_options_change_rules(options: list[str], rules: dict[str, Any]) -> None:
    assert changed(Plan(originals=("text:x",)), {}, (), options).rules == resolved(rules)
    assert changed(None, {"originals": ("text:x",)}, (), options).rules == resolved(rules)


@pytest.mark.parametrize(
    ("option", "line"),
    [
        ("jsd", "--rule jsd: must be RULE.KEY=VALUE, such as jsd.action=stop, or RULE=false"),
        ("jsd=0.1", "--rule jsd=0.1: must be RULE.KEY=VALUE, such as jsd.action=stop, or RULE=false"),
        ("jds.below=0.1", "--rule no rule is called 'jds'; did you mean 'jsd'?"),
        ("jsd.below=low", "--rule jsd: below must be a number, 0 or more, not 'low'"),
    ],
)
def test_a_wrong_option_is_told(option: str, line: str) -> None:
    with pytest.raises(PlanError) as error:
        changed(Plan(originals=("text:x",)), {}, (), [option])
    assert str(error.value) == line


def numbers_of(name: str) -> st.SearchStrategy[Any]:
    def value(key: str) -> st.SearchStrategy[float]:
        number = KINDS[name].numbers[key]
        high = min(number.high, 1000.0)
        return st.integers(int(number.low), int(high)) if number.whole else st.floats(number.low, high)

    keys = st.sets(st.sampled_from(sorted(KINDS[name].numbers)))
    tables = keys.flatmap(lambda chosen: st.fixed_dictionaries({key: value(key) for key in chosen}))
    actions = st.just(NOTE) if KINDS[name].together else st.sampled_from(ACTIONS)

    def joined(table: Mapping[str, float], action: str) -> dict[str, Any]:
        return {**{key: number for key, number in table.items() if action == NOTE or key != OF_FLOOR}, "action": action}

    return st.booleans() | st.builds(joined, tables, actions)


@given(st.fixed_dictionaries({}, optional={name: numbers_of(name) for name in KINDS}))
def test_rules_written_and_read_are_the_same_rules(tmp_path_factory: pytest.TempPathFactory, table: dict[str, Any]) -> None:
    plan = Plan(originals=("text:x",), rules=table, name="p")
    file = tmp_path_factory.mktemp("plan") / "p.toml"
    file.write_text(to_toml(plan))
    assert read(file) == plan
    assert Plan(**plan.model_dump(mode="json")) == plan
    assert all(math.isfinite(n) for rule in on(plan.rules).values() for n in rule.values() if not isinstance(n, str))


def identity(**changes: Any) -> str:
    return run_hash(Plan(originals=("text:x",), **changes).model_dump(mode="json"), {})


def test_only_rules_that_act_and_fixed_noise_are_part_of_what_a_run_is() -> None:
    plain = identity()
    assert identity(watch=False) == plain
    assert identity(rules={"jsd": {"below": 0.3}, "still": False}) == plain
    stops = {"jsd": {"action": "stop"}}
    assert len({plain, identity(rules=stops), identity(rules={"jsd": {"action": "reanchor"}}), identity(noise="fixed")}) == 4
    assert identity(rules=stops, watch=False) == plain


def test_the_embedder_is_part_of_what_a_run_is_where_a_rule_that_acts_needs_it() -> None:
    def change(**fields: Any) -> list[str]:
        one, two = (Plan(originals=("text:x",), embedder=name, **fields).model_dump(mode="json") for name in ("sticker-clip", "clip-b32"))
        return plan_changes(one, two)

    assert change() == []
    assert change(rules={"jsd": {"action": "stop"}}) == []
    assert change(rules={"still": {"action": "stop"}}) == ['embedder was "sticker-clip", is "clip-b32"']
    assert change(rules={"still": {"action": "stop"}}, watch=False) == []
