"""The doctor: what it finds on a broken machine, and the fix it gives."""

import importlib
from collections.abc import Mapping
from importlib import metadata
from pathlib import Path
from types import ModuleType

import pytest

from imageloop import doctor


def broken(name: str, error: Exception) -> doctor.Load:
    def load(wanted: str) -> ModuleType:
        if wanted == name:
            raise error
        return importlib.import_module(wanted)

    return load


def test_every_check_has_a_name_and_what_is_broken_has_a_fix(tmp_path: Path) -> None:
    checks = doctor.examine(folder=tmp_path)
    assert {"python", "packages", "torch", "memory", "disk", "weights", "cache", "offline"} <= {check.name for check in checks}
    assert all(check.found for check in checks)
    assert all(check.fix for check in checks if check.state == "broken")


def test_a_torchvision_of_another_torch_is_recognised() -> None:
    check = doctor.torch_and_torchvision(broken("torchvision", RuntimeError("operator torchvision::nms does not exist")))
    assert check.state == "broken"
    assert "torchvision does not fit it: operator torchvision::nms does not exist" in check.found
    assert check.fix.startswith("pip uninstall -y torch torchvision, then install both in one command from one index")


def test_a_torch_that_cannot_be_imported_is_told() -> None:
    load = broken("torch", OSError("libcudart.so.13: cannot open shared object file"))
    check = doctor.torch_and_torchvision(load)
    assert (check.state, check.found) == ("broken", "torch cannot be imported: libcudart.so.13: cannot open shared object file")
    assert doctor.devices(load) == []


def test_missing_and_old_packages_are_told_with_one_command(monkeypatch: pytest.MonkeyPatch) -> None:
    def version(name: str) -> str:
        if name == "matplotlib":
            raise metadata.PackageNotFoundError(name)
        return "4.57.1" if name == "transformers" else "99.0"

    monkeypatch.setattr(doctor, "version", version)
    monkeypatch.setattr(doctor, "requires", lambda _: ["torch>=2.6", "transformers>=5.0", "torchvision", 'ruff>=0.11; extra == "dev"'])
    check = doctor.packages()
    assert check.state == "broken"
    assert check.found == "missing: matplotlib; too old: transformers 4.57.1 (needs 5.0)"
    assert check.fix == "pip install --upgrade matplotlib 'transformers>=5.0'"


def test_a_full_or_closed_disk_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert doctor.disk(tmp_path).state == "well"
    monkeypatch.setattr(doctor.os, "access", lambda *_: False)
    assert doctor.disk(tmp_path).fix == "run in a folder of your own, or give --out"
    monkeypatch.undo()
    monkeypatch.setattr(doctor.shutil, "disk_usage", lambda _: type("Usage", (), {"free": 10**6}))
    assert doctor.disk(tmp_path).fix == "free some space, or give --out on another disk"


@pytest.mark.parametrize(
    ("variables", "folder"),
    [
        ({"HF_HUB_CACHE": "/a/b"}, "/a/b"),
        ({"HF_HOME": "/a"}, "/a/hub"),
        ({"XDG_CACHE_HOME": "/a"}, "/a/huggingface/hub"),
        ({}, str(Path("~/.cache/huggingface/hub").expanduser())),
    ],
)
def test_the_cache_is_where_the_variables_say(variables: Mapping[str, str], folder: str) -> None:
    assert str(doctor.cache_folder(variables)) == folder


def test_a_token_is_never_shown(tmp_path: Path) -> None:
    check = doctor.cache({"HF_HOME": str(tmp_path), "HF_TOKEN": "hf_secret"})
    assert "HF_TOKEN=(set)" in check.found
    assert "secret" not in check.found


def test_offline_mode_is_told_with_the_way_out() -> None:
    check = doctor.offline({"HF_HUB_OFFLINE": "1"})
    assert (check.state, check.fix) == ("note", "to fetch others: unset HF_HUB_OFFLINE")
    assert doctor.offline({"HF_HUB_OFFLINE": "0"}).state == "well"
