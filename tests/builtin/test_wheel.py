"""The package as it is installed elsewhere: a wheel with weights and plans, run outside the repository."""

import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

pytestmark = pytest.mark.builtin


@pytest.fixture(scope="module")
def unpacked(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel's content, as an installation lays it out."""
    folder = tmp_path_factory.mktemp("wheel")
    build = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)]
    subprocess.run(build, cwd=ROOT, check=True, capture_output=True)
    (wheel,) = folder.glob("*.whl")
    with zipfile.ZipFile(wheel) as file:
        file.extractall(folder / "site")
    return folder / "site"


def test_a_wheel_holds_every_weight_plan_and_template(unpacked: Path) -> None:
    for folder, inside in (("imageloop", "imageloop"), ("prompts", "imageloop/prompts")):
        wanted = [file for file in (ROOT / folder).rglob("*") if file.is_file() and file.suffix not in (".pyc", "")]
        assert [file for file in wanted if not (unpacked / inside / file.relative_to(ROOT / folder)).is_file()] == []
    assert (unpacked / "imageloop/stickers/weights/sticker-sprint/vae/diffusion_pytorch_model.safetensors").stat().st_size > 1e6


def test_the_first_command_runs_from_a_wheel_outside_the_repository(unpacked: Path, tmp_path: Path) -> None:
    environment = {**os.environ, "PYTHONPATH": str(unpacked), "HF_HUB_OFFLINE": "1"}
    where = [sys.executable, "-c", "import imageloop; print(imageloop.__file__)"]
    assert subprocess.run(where, cwd=tmp_path, env=environment, check=True, capture_output=True, text=True).stdout.startswith(str(unpacked))
    for generator in ("sticker-sana", "sticker-sprint"):
        command = ["-m", "imageloop", "run", "--rounds", "1", "--seeds", "1", "--generator", generator, "--out", generator]
        done = subprocess.run([sys.executable, *command], cwd=tmp_path, env=environment, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        assert (tmp_path / generator / "report" / "index.html").is_file()
