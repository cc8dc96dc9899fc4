"""Building toy-lm with a few training steps."""

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


def test_build_is_a_model_folder(built: BuildReport) -> None:
    check_model_folder(built.folder)
    assert not built.folder.with_name("model.part").exists()


def test_report_is_in_the_model_folder(built: BuildReport) -> None:
    report = json.loads((built.folder / "build.json").read_text())
    assert report["seed"] == 1
    assert report["measurements"] == built.measurements.as_dict()


def test_untrained_model_does_not_meet_the_conditions(built: BuildReport) -> None:
    assert any("readable at temperature 0" in fault for fault in built.measurements.faults())
    assert any("NOT MET" in line for line in built.lines())


def test_build_replaces_an_earlier_build(built: BuildReport) -> None:
    (built.folder / "left.txt").write_text("from the earlier build")
    build_toy_lm(built.folder, seed=1, steps_scale=TINY, measured_pairs=2)
    assert not (built.folder / "left.txt").exists()


def test_same_seed_builds_the_same_weights(built: BuildReport, tmp_path: Path) -> None:
    second = build_toy_lm(tmp_path / "model", seed=1, steps_scale=TINY, measured_pairs=2)
    name = "model.safetensors"
    assert (second.folder / name).read_bytes() == (built.folder / name).read_bytes()


def test_other_folder_is_not_replaced(tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("mine")
    with pytest.raises(ModelError, match="choose another folder with --out"):
        build_toy_lm(tmp_path, seed=1)
    assert (tmp_path / "thesis.txt").read_text() == "mine"
