"""The monitor's benchmark counts alarms as it says, and finds in a finished run the alarms that the run had."""

import json
import sys
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
from tiny_runs import plan_of

from imageloop.monitor import Alarm, alarms_of
from imageloop.records import ChainKey
from imageloop.runner import carry_out
from imageloop.watch import resolved

ROOT = Path(__file__).parent.parent


@pytest.fixture
def monitor(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(str(ROOT / "benchmarks"))
    sys.modules.pop("monitor", None)
    import monitor

    return monitor


def key(seed: int) -> ChainKey:
    return ChainKey("c", "g", "o", seed)


def alarm(rule: str, seed: int, number: int) -> Alarm:
    return Alarm("c+g", "plain", rule, "*" if seed < 0 else "o", seed, number, 0.0, 0.0, "note")


def kept(*shares: tuple[float, int]) -> np.ndarray:
    return np.concatenate([np.full(count, share) for share, count in shares])


def test_it_is_lost_from_the_round_on_in_which_it_is_lost_for_good(monitor: ModuleType) -> None:
    lost = np.array([True, False, False, *[True] * 5])
    assert (monitor.for_good(lost), monitor.for_good(lost[:-1]), monitor.for_good(~lost), monitor.for_good(lost[3:])) == (4, None, None, 1)


def test_an_alarm_warns_within_ten_rounds_of_a_collapse_and_is_false_before(monitor: ModuleType) -> None:
    retention = {key(0): kept((0.8, 30)), key(1): kept((0.8, 19), (0.0, 11)), key(2): kept((0.8, 19), (0.0, 11))}
    raised = [alarm("jsd", 0, 7), alarm("jsd", 1, 9), alarm("jsd", 1, 10), alarm("jsd", 1, 15), alarm("jsd", 2, 24)]
    row = monitor.Case("x", retention, raised).row("jsd")
    assert row.false == pytest.approx(1000 * 2 / (30 + 9 + 9))  # rounds 7 of the first chain and 9 of the second
    assert (row.collapsed, row.warned, row.noticed, row.lead) == (2, 1, 2, (10 - 4) / 2)
    assert row.by_chance == pytest.approx(2 * (1 - (1 - 2 / 48) ** 10))


def test_all_chains_have_collapsed_where_half_of_what_they_kept_is_gone(monitor: ModuleType) -> None:
    gone = {key(0): kept((1, 10), (0.2, 10)), key(1): kept((1, 12), (0.4, 8)), key(2): kept((np.nan, 20))}
    row = monitor.Case("x", gone, [alarm("vendi", -1, 5), alarm("vendi", -1, 8)]).row("vendi")
    assert (row.false, row.collapsed, row.warned, row.by_chance, row.noticed, row.lead) == (0, 1, 1, None, 1, 13 - 5)
    calm = monitor.Case("x", {key(0): kept((0.9, 20))}, [alarm("vendi", -1, 5), alarm("vendi", -1, 8)]).row("vendi")
    assert (calm.false, calm.collapsed, calm.lead) == (100, 0, None)


def test_the_absorbing_world_absorbs_and_the_mixed_one_does_not(monitor: ModuleType) -> None:
    rules = resolved({})
    mixed = monitor.simulated("mixed", monitor.WELL_MIXED, rules, controls=True, chains=6, rounds=40)
    absorbed = monitor.simulated("absorbing", monitor.ABSORBING, rules, controls=True, chains=6, rounds=80)
    assert [end for end in mixed.collapses.values() if end] == []
    ends = [end for end in absorbed.collapses.values() if end]
    assert len(ends) >= 4
    assert absorbed.row("jsd").noticed == len(ends)
    assert "jsd" in monitor.table(absorbed)


def test_a_finished_run_is_gone_through_to_the_alarms_that_it_had(monitor: ModuleType, tmp_path: Path) -> None:
    rules = {"jsd": {"window": 2, "below": 0.5}}
    originals = ("stickers:surfer; beach; cartoon", "stickers:moai; beach; cartoon")
    run = carry_out(plan_of(watch=True, rules=rules, rounds=12, seeds=3, controls="auto", originals=originals), tmp_path / "run")
    before = alarms_of(run)
    case = monitor.replayed(run.path, resolved(rules), controls=True)
    assert before
    assert list(case.alarms) == before
    assert {len(row) for row in case.retention.values()} == {12}


def test_it_prints_a_table_and_json(monitor: ModuleType, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    small = monitor.simulated
    monkeypatch.setattr(monitor, "simulated", lambda *given, controls: small(*given, controls=controls, chains=5, rounds=9))
    monitor.main(["--without-controls", "--rule", "vendi=false"])
    assert capsys.readouterr().out.count("false/1,000") == 2
    monitor.main(["--json"])
    assert set(json.loads(capsys.readouterr().out)["cases"]) == {"analytic, well mixed", "analytic, absorbing"}
    with pytest.raises(SystemExit):
        monitor.main(["--rule", "jds=false"])
    assert "no rule is called 'jds'" in capsys.readouterr().err
