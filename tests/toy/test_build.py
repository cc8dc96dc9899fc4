"""Building toy-lm, far too short to learn anything."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from duetbench.errors import ModelError
from duetbench.models.folder import check_model_folder
from duetbench.toy.build import BuildReport, build_toy_lm

TINY = 0.0001


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> BuildReport:
    return build_toy_lm(tmp_path_factory.mktemp("toy") / "model", seed=1, steps_scale=TINY, measured_pairs=2)


def test_a_build_is_a_model_folder(built: BuildReport) -> None:
    check_model_folder(built.folder)
    assert not built.folder.with_name("model.part").exists()


def test_the_report_stands_beside_the_weights(built: BuildReport) -> None:
    body = json.loads((built.folder / "build.json").read_text())
    assert body["seed"] == 1
    assert body["measurements"] == built.measurements.as_dict()


def test_a_model_that_learnt_nothing_does_not_pass(built: BuildReport) -> None:
    assert any("readable at temperature 0" in fault for fault in built.measurements.faults())
    assert any("NOT MET" in line for line in built.lines())


def test_a_build_replaces_an_older_build(built: BuildReport) -> None:
    (built.folder / "left.txt").write_text("from the older build")
    build_toy_lm(built.folder, seed=1, steps_scale=TINY, measured_pairs=2)
    assert not (built.folder / "left.txt").exists()


def test_the_same_seed_builds_the_same_weights(built: BuildReport, tmp_path: Path) -> None:
    again = build_toy_lm(tmp_path / "model", seed=1, steps_scale=TINY, measured_pairs=2)
    name = "model.safetensors"
    assert (again.folder / name).read_bytes() == (built.folder / name).read_bytes()


def test_a_folder_that_no_build_made_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("mine")
    with pytest.raises(ModelError, match="name another folder with --out"):
        build_toy_lm(tmp_path, seed=1)
    assert (tmp_path / "thesis.txt").read_text() == "mine"
