"""The doctor: what it finds on a broken machine, and the fix it gives."""

import importlib
import warnings
from collections.abc import Mapping
from dataclasses import replace
from importlib import metadata
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

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
    assert {"python", "packages", "extras", "torch", "memory", "disk", "weights", "cache", "offline"} <= {check.name for check in checks}
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
    assert doctor.devices(load, {}) == []


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


def torch_with(built: str | None = "13.0", said: str = "", gpus: tuple[Any, ...] = (), free: int = 0, mps: bool = False) -> doctor.Load:
    """A torch that finds these GPUs, or none and warns of it."""

    def is_available() -> bool:
        if said:
            warnings.warn(said, stacklevel=1)
        return bool(gpus)

    cuda = SimpleNamespace(
        is_available=is_available,
        device_count=lambda: len(gpus),
        get_device_properties=lambda number: gpus[number],
        get_arch_list=lambda: ["sm_75", "sm_90", "compute_90"],
        mem_get_info=lambda number: (free, gpus[number].total_memory),
    )
    backends = SimpleNamespace(mps=SimpleNamespace(is_available=lambda: mps))
    torch: Any = SimpleNamespace(
        cuda=cuda, backends=backends, version=SimpleNamespace(cuda=built), __version__="2.15.0", get_num_threads=lambda: 2
    )
    return lambda name: torch


def gpu(major: int = 9, minor: int = 0) -> SimpleNamespace:
    return SimpleNamespace(name="NVIDIA H100", total_memory=80_000_000_000, major=major, minor=minor)


def nvidia_smi(name: str) -> str | None:
    return "/usr/bin/nvidia-smi" if name == "nvidia-smi" else None


def nothing(name: str) -> str | None:
    return None


def test_a_gpu_is_named_with_its_free_memory() -> None:
    (check,) = doctor.devices(torch_with(gpus=(gpu(),), free=79_000_000_000), {})
    assert (check.state, check.found) == ("well", "cuda:0 NVIDIA H100, 80 GB, 79 GB free")


def test_a_gpu_whose_memory_others_hold_is_told() -> None:
    (_, check) = doctor.devices(torch_with(gpus=(gpu(), gpu()), free=9_000_000_000), {})
    assert (check.state, check.found) == ("note", "cuda:1 NVIDIA H100, 80 GB, 9 GB free")
    assert check.fix == "nvidia-smi shows which program holds the rest"


def test_a_gpu_that_this_torch_has_no_code_for_is_told() -> None:
    (check,) = doctor.devices(torch_with(gpus=(gpu(6, 1),), free=79_000_000_000), {})
    assert (check.state, check.found) == (
        "broken",
        "cuda:0 NVIDIA H100, 80 GB; torch 2.15.0 has no code for it (sm_61, the oldest is sm_75)",
    )
    assert check.fix == "use --device cpu, or install an older torch: pytorch.org/get-started/previous-versions"


def test_a_driver_that_is_too_old_is_told_with_what_it_knows() -> None:
    said = "CUDA initialization: The NVIDIA driver on your system is too old (found version 11040). Please update your GPU driver"
    (check,) = doctor.devices(torch_with(said=said), {}, nvidia_smi)
    assert (check.state, check.found) == ("broken", "the driver knows CUDA 11.4, and torch 2.15.0 is built for CUDA 13.0")
    assert check.fix == "update the NVIDIA driver, or install a torch for that CUDA: pytorch.org/get-started/locally"


def test_a_torch_without_cuda_beside_a_gpu_is_told() -> None:
    (check,) = doctor.devices(torch_with(built=None), {}, nvidia_smi)
    assert (check.state, check.found) == ("broken", "a driver is installed, but torch 2.15.0 is built without CUDA")


def test_a_variable_that_hides_the_gpu_is_told() -> None:
    (check,) = doctor.devices(torch_with(), {"CUDA_VISIBLE_DEVICES": "-1"}, nvidia_smi)
    assert (check.state, check.found) == ("broken", "CUDA_VISIBLE_DEVICES=-1 lets torch see no GPU")
    assert check.fix == "unset CUDA_VISIBLE_DEVICES, or set it to a number that nvidia-smi shows"


def test_any_other_reason_is_told_in_torchs_words() -> None:
    (check,) = doctor.devices(torch_with(said="CUDA unknown error"), {}, nvidia_smi)
    assert (check.state, check.found) == ("broken", "a driver is installed but torch sees no GPU: CUDA unknown error")


def test_a_machine_without_a_gpu_is_well_served() -> None:
    (check,) = doctor.devices(torch_with(), {}, nothing)
    assert check.state == "note"
    assert check.found == "no GPU that torch can use; 2 CPU threads: the built-in models are made for this"
    (check,) = doctor.devices(torch_with(mps=True), {}, nothing)
    assert (check.name, check.state) == ("mps", "well")


def test_missing_extras_are_told_with_one_command(monkeypatch: pytest.MonkeyPatch) -> None:
    lines = ["torch>=2.6", "bitsandbytes>=0.46; extra == 'quantize'", "num2words; extra == 'smolvlm'", "ruff>=0.11; extra == 'dev'"]

    def version(name: str) -> str:
        if name == "bitsandbytes":
            raise metadata.PackageNotFoundError(name)
        return "1.0"

    monkeypatch.setattr(doctor, "requires", lambda _: lines)
    monkeypatch.setattr(doctor, "version", version)
    check = doctor.extras()
    assert (check.state, check.found) == ("note", "not installed: quantize (bitsandbytes)")
    assert check.fix == "where you need them: pip install 'imageloop[quantize]'"
    monkeypatch.setattr(doctor, "version", lambda _: "1.0")
    assert doctor.extras() == doctor.Check("extras", "well", "all installed")


def test_little_memory_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor.os, "sysconf", lambda name: {"SC_PAGE_SIZE": 4096, "SC_PHYS_PAGES": 500_000}[name])
    check = doctor.memory()
    assert (check.state, check.found) == ("broken", "2.0 GB")
    assert check.fix == "the built-in models need about 3 GB: close other programs or use another machine"


def test_missing_built_in_weights_are_told(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(doctor, "ROWS", [replace(row, target=str(tmp_path)) for row in doctor.ROWS if row.name == "sticker-sana"])
    check = doctor.weights()
    assert (check.state, check.found) == ("broken", "missing: sticker-sana")


def test_a_closed_or_small_cache_is_told(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    variables = {"HF_HOME": str(tmp_path / "not" / "there")}
    monkeypatch.setattr(doctor.shutil, "disk_usage", lambda _: type("Usage", (), {"free": 2 * 10**9}))
    check = doctor.cache(variables)
    assert (check.state, check.fix) == ("note", "most models of the hub need 1 to 40 GB: set HF_HOME to a folder on a larger disk")
    monkeypatch.setattr(doctor.os, "access", lambda *_: False)
    check = doctor.cache(variables)
    assert (check.state, check.fix) == ("broken", "set HF_HOME to a folder of your own")
    assert check.found.endswith("it cannot be written")


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
