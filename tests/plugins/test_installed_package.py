"""A third-party package that is installed with pip is listed, shown, checked and run in a grid."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "plugins" / "duetbench-example"


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the installed package; pip needs no network, since hatchling is among the test packages."""
    source = shutil.copytree(PACKAGE, tmp_path_factory.mktemp("source") / "package")
    target = tmp_path_factory.mktemp("site")
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--no-index", "--no-deps", "--no-build-isolation"]
    subprocess.run([*pip, "--target", str(target), str(source)], check=True, stdin=subprocess.DEVNULL, timeout=300)
    return target


def _duetbench(installed: Path, *arguments: str, **environ: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "duetbench", *arguments],
        env={**os.environ, "PYTHONPATH": str(installed), **environ},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )


def test_package_is_listed_with_its_origin(installed: Path) -> None:
    done = _duetbench(installed, "list", "strategies")
    assert "strategy\tlikes_dislikes\tpackage duetbench-example 0.1.0\t" in done.stdout


def test_package_is_shown_with_its_options(installed: Path) -> None:
    done = _duetbench(installed, "show", "strategy", "likes_dislikes")
    assert done.returncode == 0
    assert "history_k\tint\t10\t" in done.stdout


def test_package_conforms(installed: Path) -> None:
    done = _duetbench(installed, "plugin", "check", "likes_dislikes")
    assert done.returncode == 0, done.stdout
    assert "strategy likes_dislikes from package duetbench-example 0.1.0: " in done.stdout


def test_package_can_be_blocked(installed: Path) -> None:
    done = _duetbench(installed, "list", "strategies", DUETBENCH_DISABLE_PLUGINS="example")
    assert "likes_dislikes" not in done.stdout
    assert "blocked by DUETBENCH_DISABLE_PLUGINS: example" in done.stderr


def test_package_runs_in_a_grid(installed: Path, tmp_path: Path) -> None:
    names = ("--strategy", "10h", "--strategy", "likes_dislikes", "--dataset", "toy", "--model", "toy-lm")
    done = _duetbench(installed, "run", *names, "--limit", "4", "--out", str(tmp_path / "runs"))
    assert done.returncode == 0, done.stderr
    records = [json.loads(path.read_text()) for path in sorted((tmp_path / "runs").rglob("record.json"))]
    mine = [record for record in records if record["cell"]["strategy"] == "likes_dislikes"]
    assert [record["status"] for record in mine] == ["done"]
    plugin = mine[0]["plugins"]["strategy"]
    assert (plugin["name"], plugin["origin"]) == ("likes_dislikes", "package duetbench-example 0.1.0")
    assert len(plugin["code"]) == 64
