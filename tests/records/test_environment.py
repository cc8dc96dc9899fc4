from __future__ import annotations

import platform
import subprocess
from pathlib import Path

import pytest
from record_making import record_values

from duetbench.records import current_environment, environment, to_json, validate_record


def test_the_environment_fits_the_schema_and_names_this_python() -> None:
    current = current_environment()
    validate_record(record_values(environment=to_json(current)))
    assert current.python == platform.python_version()
    assert current.packages["numpy"]


def test_an_installed_package_does_not_report_the_commit_of_another_repository(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    git = ["git", "-C", str(tmp_path), "-c", "user.name=x", "-c", "user.email=x"]
    subprocess.run([*git, "init", "-q"], check=True)
    subprocess.run([*git, "commit", "-q", "--allow-empty", "-m", "x"], check=True)
    package = tmp_path / "site-packages" / "duetbench" / "records"
    package.mkdir(parents=True)
    monkeypatch.setattr(environment, "__file__", str(package / "environment.py"))
    current = current_environment()
    assert (current.git_commit, current.git_dirty) == (None, None)
