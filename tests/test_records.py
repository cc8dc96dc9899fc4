from __future__ import annotations

import json
import os
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
from record_making import make_record

from duetbench import records
from duetbench.errors import RecordError
from duetbench.paths import registry_dir
from duetbench.records import environment, file_entry, read_record, utc_now, validate_record, write_record

GOLDEN = sorted(Path(__file__).parent.joinpath("records").glob("*.json"))


def test_a_record_comes_back_as_it_was_written(tmp_path: Path) -> None:
    record = make_record()
    path = write_record(tmp_path / "cells" / "duet-1", record)
    assert read_record(path) == read_record(path.parent) == record


def test_the_same_record_is_the_same_bytes(tmp_path: Path) -> None:
    first, second = (write_record(tmp_path / name, make_record()).read_bytes() for name in "ab")
    assert first == second


@pytest.mark.parametrize("path", GOLDEN, ids=lambda path: path.stem)
def test_golden_records_of_old_versions_still_load(path: Path) -> None:
    assert read_record(path)["schema_version"] <= records.VERSION


def test_there_is_a_golden_record_of_every_version() -> None:
    assert {read_record(path)["schema_version"] for path in GOLDEN} == set(range(1, records.VERSION + 1))


def test_a_failed_record_carries_its_error_and_no_metrics(tmp_path: Path) -> None:
    write_record(tmp_path, make_record(error="the server went away", dataset=None, usage=None))
    assert read_record(tmp_path)["error"]["message"] == "the server went away"


@pytest.mark.parametrize(
    ("changes", "fault"),
    [
        ({"seconds": "3"}, "seconds: '3' is not of type 'number'"),
        ({"surprise": 1}, "'surprise' was unexpected"),
        ({"status": "failed"}, "is not of type 'null'"),
        ({"dataset": None}, "dataset: None is not of type 'object'"),
        ({"started": "yesterday"}, "started: 'yesterday' does not match"),
        ({"files": {"../x": {"sha256": "0" * 64, "bytes": 1}}}, "files: '../x' should not be valid"),
        ({"seconds": float("nan")}, "cannot be written as JSON"),
    ],
)
def test_what_does_not_fit_is_named_with_its_path(changes: dict[str, Any], fault: str) -> None:
    with pytest.raises(RecordError, match=re.escape(fault)) as caught:
        validate_record(make_record(**changes))
    assert "\n" not in str(caught.value)


def test_a_fault_deep_inside_has_its_whole_path() -> None:
    record = make_record()
    record["metrics"]["over"]["readable"]["mae"]["raw"] = -1
    with pytest.raises(RecordError, match=r"metrics\.over\.readable\.mae\.raw: -1 is less than the minimum"):
        validate_record(record)


def test_an_unfit_record_leaves_the_old_one(tmp_path: Path) -> None:
    write_record(tmp_path, make_record())
    with pytest.raises(RecordError):
        write_record(tmp_path, make_record(seconds=-1))
    assert read_record(tmp_path)["seconds"] == 3.0


def test_a_failed_write_leaves_the_old_record_and_nothing_half_made(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_record(tmp_path, make_record())

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(RecordError, match="No space left on device"):
        write_record(tmp_path, make_record(seconds=9.0))
    assert [path.name for path in tmp_path.iterdir()] == ["record.json"]
    assert read_record(tmp_path)["seconds"] == 3.0


def test_a_folder_that_is_a_file_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "cells").write_text("")
    with pytest.raises(RecordError, match=r"cannot write .*record\.json"):
        write_record(tmp_path / "cells" / "x", make_record())


def test_a_missing_and_a_damaged_record_are_one_line(tmp_path: Path) -> None:
    with pytest.raises(RecordError, match=r"cannot read .*record\.json: No such file"):
        read_record(tmp_path / "record.json")
    (tmp_path / "record.json").write_text("{")
    with pytest.raises(RecordError, match="is no JSON"):
        read_record(tmp_path)


def test_a_list_is_no_record(tmp_path: Path) -> None:
    (tmp_path / "record.json").write_text("[]")
    with pytest.raises(RecordError, match="not of type 'object'"):
        read_record(tmp_path)


def test_a_record_from_the_future_says_to_upgrade() -> None:
    with pytest.raises(RecordError, match=r"schema version 99.*upgrade duetbench"):
        validate_record(make_record(schema_version=99))


def _without_description(schema: Any, path: str = "$") -> list[str]:
    if not isinstance(schema, dict):
        return []
    names = [
        f"{path}.{name}"
        for name, part in schema.get("properties", {}).items()
        if "$ref" not in part and "description" not in part and set(part) - {"type", "minimum", "maximum"}
    ]
    parts = [(f"{path}.{name}", part) for key in ("properties", "$defs") for name, part in schema.get(key, {}).items()]
    return names + [found for name, part in parts for found in _without_description(part, name)]


def test_every_field_of_the_schema_is_described() -> None:
    schema = json.loads(registry_dir("schemas", "record.schema.json").read_text())
    assert all("description" in part for part in schema["properties"].values())
    assert _without_description({key: schema[key] for key in ("properties", "$defs")}) == []


def test_the_environment_fits_the_schema_and_names_this_python() -> None:
    import platform

    found = environment()
    validate_record(make_record(environment=found))
    assert found["python"] == platform.python_version()
    assert found["packages"]["numpy"]


def test_an_installed_package_does_not_claim_a_strangers_commit(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    git = ["git", "-C", str(tmp_path), "-c", "user.name=x", "-c", "user.email=x"]
    subprocess.run([*git, "init", "-q"], check=True)
    subprocess.run([*git, "commit", "-q", "--allow-empty", "-m", "x"], check=True)
    (tmp_path / "site-packages" / "duetbench").mkdir(parents=True)
    monkeypatch.setattr(records, "__file__", str(tmp_path / "site-packages" / "duetbench" / "records.py"))
    assert (environment()["git_commit"], environment()["git_dirty"]) == (None, None)


def test_times_fit_the_schema() -> None:
    validate_record(make_record(started=utc_now(), finished=utc_now()))


def test_a_file_entry_is_its_digest_and_size(tmp_path: Path) -> None:
    (tmp_path / "x").write_bytes(b"abc")
    assert file_entry(tmp_path / "x") == {
        "sha256": "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
        "bytes": 3,
    }
