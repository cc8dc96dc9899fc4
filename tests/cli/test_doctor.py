"""What `duetbench doctor` sees, and what it says to do."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner
from grid_making import PLUGIN, make_model_folder

from duetbench.cli import main
from duetbench.errors import ModelError
from duetbench.plugins import Plugins
from duetbench.runner import doctor


def _doctor(*arguments: str) -> tuple[int, str]:
    result = CliRunner().invoke(main, [*arguments, "doctor", "--no-engines"])
    return result.exit_code, result.stdout


def test_it_reports_packages_hardware_cache_models_and_plugins() -> None:
    code, output = _doctor()
    assert code == 0, output
    for part in (
        "packages",
        "torch: ",
        "hardware",
        "cores",
        "cache",
        "free space",
        "models",
        "toy-lm",
        "strategies: 10h",
    ):
        assert part in output


def test_a_broken_plugin_is_blamed_with_a_way_out(tmp_path: Path) -> None:
    (tmp_path / "bad.py").write_text("import nothing_of_that_name")
    output = _doctor("--plugins-dir", str(tmp_path))[1]
    assert "bad.py: broken: ModuleNotFoundError" in output
    assert "DUETBENCH_DISABLE_PLUGINS" in output


def test_a_cache_that_cannot_be_written_is_bad(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "taken").write_text("a file")
    monkeypatch.setenv("DUETBENCH_CACHE", str(tmp_path / "taken" / "cache"))
    code, output = _doctor()
    assert code == 1
    assert "set DUETBENCH_CACHE" in output


def test_a_package_outside_its_bounds_is_noted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor, "requires", lambda _name: ["click>=100", "nothing-like-it>=1; extra == 'train'"])
    _, click_found, missing = doctor.packages()
    assert click_found.state == "warning"
    assert "supported: >=100" in click_found.found
    assert (missing.state, missing.advice) == ("warning", "pip install 'duetbench[train]'")


def test_a_missing_package_that_every_run_needs_is_bad(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor, "requires", lambda _name: ["nothing-like-it>=1"])
    assert list(doctor.packages())[1].state == "error"


def test_engines_are_tried_with_the_smallest_model(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = make_model_folder(tmp_path / "model")
    monkeypatch.setattr(doctor, "PROBE_MODEL", f"path:{folder}")
    found = {finding.what: finding for finding in doctor.engines(Plugins([PLUGIN], environ={}))}
    assert found["logging"].found.startswith("works")
    assert found["transformers"].state == "warning"
    assert found["transformers"].found.startswith("does not work here: ")


def test_a_faulty_card_is_a_finding_and_no_end(monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(name: str) -> None:
        raise ModelError(f"card {name} is not YAML")

    monkeypatch.setattr("duetbench.models.load_card", refused)
    assert {(finding.state, finding.found) for finding in doctor.models() if finding.what == "toy-lm"} == {
        ("warning", "card toy-lm is not YAML")
    }
