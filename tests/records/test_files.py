from __future__ import annotations

import json
import os
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from record_making import make_record, record_values

from duetbench import records
from duetbench.errors import RecordError
from duetbench.records import (
    Record,
    file_entry,
    from_json,
    read_record,
    record_digest,
    utc_now,
    validate_record,
    write_record,
)

GOLDEN = sorted(Path(__file__).parent.glob("*.json"))


def test_a_record_is_read_back_as_it_was_written(tmp_path: Path) -> None:
    record = make_record()
    path = write_record(tmp_path / "cells" / "duet-1", record)
    assert read_record(path) == read_record(path.parent) == record


def test_equal_records_are_equal_bytes(tmp_path: Path) -> None:
    first, second = (write_record(tmp_path / name, make_record()).read_bytes() for name in "ab")
    assert first == second


@pytest.mark.parametrize("path", GOLDEN, ids=lambda path: path.stem)
def test_golden_records_still_load(path: Path) -> None:
    assert read_record(path).schema_version <= records.VERSION


def test_there_is_a_golden_record_of_every_version() -> None:
    assert {read_record(path).schema_version for path in GOLDEN} == set(range(1, records.VERSION + 1))


def test_a_golden_record_has_every_field_of_this_version(tmp_path: Path) -> None:
    path = Path(__file__).parent / "v1-trained.json"
    assert write_record(tmp_path, read_record(path)).read_text() == path.read_text()


def test_older_records_have_the_defaults_of_later_fields() -> None:
    record = read_record(Path(__file__).parent / "v1-done.json")
    assert (record.trained, record.training, record.validation, record.cell.control) == (None, None, None, None)
    assert record.engine is not None
    assert record.engine.settings == {}


def test_a_failed_record_has_its_error_and_no_metrics(tmp_path: Path) -> None:
    write_record(tmp_path, make_record(error="the server went away", dataset=None, usage=None))
    record = read_record(tmp_path)
    assert record.error is not None
    assert (record.error.message, record.metrics) == ("the server went away", None)


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
def test_a_fault_is_reported_with_its_path_in_one_line(changes: dict[str, Any], fault: str) -> None:
    with pytest.raises(RecordError, match=re.escape(fault)) as caught:
        validate_record(record_values(**changes))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("path", "value", "fault"),
    [
        ("metrics.counts.right_answer", -1, "-1 is less than the minimum"),
        ("metrics.over.readable.n", -1, "-1 is less than the minimum"),
        ("metrics.over.readable.mae.raw", "x", "'x' is not of type"),
        ("metrics.over.worst.f1.bucket3.micro", "x", "'x' is not of type"),
    ],
)
def test_a_nested_fault_is_reported_with_its_complete_path(path: str, value: Any, fault: str) -> None:
    values = part = record_values()
    *parents, name = path.split(".")
    for parent in parents:
        part = part[parent]
    part[name] = value
    with pytest.raises(RecordError, match=re.escape(f"{path}: {fault}")):
        validate_record(values)


@pytest.mark.parametrize("values", [{"5": 0.25, "10": None}, {"by_user": {"mean": 0.5, "sd": None}}])
def test_any_metric_is_accepted_in_every_population(values: Any) -> None:
    record = record_values()
    record["metrics"]["over"]["readable"]["ndcg"] = values
    validate_record(record)
    metrics = from_json(Record, record).metrics
    assert metrics is not None
    assert metrics.over["readable"].values["ndcg"] == values


def test_an_invalid_record_is_not_written_and_the_old_one_is_kept(tmp_path: Path) -> None:
    write_record(tmp_path, make_record())
    with pytest.raises(RecordError):
        write_record(tmp_path, make_record(seconds=-1))
    assert read_record(tmp_path).seconds == 3.0


def test_a_failed_write_keeps_the_old_record_and_leaves_no_partial_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_record(tmp_path, make_record())

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(RecordError, match="No space left on device"):
        write_record(tmp_path, make_record(seconds=9.0))
    assert [path.name for path in tmp_path.iterdir()] == ["record.json"]
    assert read_record(tmp_path).seconds == 3.0


def test_a_folder_that_is_a_file_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "cells").write_text("")
    with pytest.raises(RecordError, match=r"cannot write .*record\.json"):
        write_record(tmp_path / "cells" / "x", make_record())


def test_a_missing_and_a_damaged_record_are_one_line(tmp_path: Path) -> None:
    with pytest.raises(RecordError, match=r"cannot read .*record\.json: No such file"):
        read_record(tmp_path / "record.json")
    (tmp_path / "record.json").write_text("{")
    with pytest.raises(RecordError, match="not valid JSON: line 1"):
        read_record(tmp_path)


def test_a_list_is_not_a_record(tmp_path: Path) -> None:
    (tmp_path / "record.json").write_text("[]")
    with pytest.raises(RecordError, match="not of type 'object'"):
        read_record(tmp_path)


def test_a_newer_version_says_to_upgrade() -> None:
    with pytest.raises(RecordError, match=r"schema version 99.*upgrade duetbench"):
        validate_record(record_values(schema_version=99))


def test_a_value_without_a_json_form_is_refused_with_its_path(tmp_path: Path) -> None:
    record = make_record()
    spec = replace(record.cell, options={"duet": {"prompt": Path("mine.jinja")}})
    with pytest.raises(RecordError, match=r"cell\.options\.duet\.prompt: a PosixPath cannot be written as JSON"):
        write_record(tmp_path, replace(record, cell=spec))


def test_times_fit_the_schema() -> None:
    validate_record(record_values(started=utc_now(), finished=utc_now()))


def test_a_file_entry_has_digest_and_size(tmp_path: Path) -> None:
    (tmp_path / "x").write_bytes(b"abc")
    entry = file_entry(tmp_path / "x")
    assert entry.sha256 == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    assert entry.bytes == 3


def test_records_are_json_with_null_for_missing_values(tmp_path: Path) -> None:
    values = json.loads(write_record(tmp_path, make_record()).read_text())
    assert values["training"] is None
    assert values["dataset"]["steps"][0]["splits"] == {}


def test_the_digest_covers_every_other_field(tmp_path: Path) -> None:
    values = json.loads(write_record(tmp_path, make_record()).read_text())
    assert values["digest"] == record_digest(values)
    assert record_digest({**values, "seconds": 4.0}) != values["digest"]


def test_a_record_that_its_digest_does_not_fit_is_validated(tmp_path: Path) -> None:
    path = write_record(tmp_path, make_record())
    path.write_text(path.read_text().replace('"seconds": 3.0', '"seconds": "three"'))
    with pytest.raises(RecordError, match="seconds"):
        read_record(path)


def test_a_sealed_record_with_an_unknown_field_is_validated(tmp_path: Path) -> None:
    values = {**json.loads(write_record(tmp_path, make_record()).read_text()), "later": 1}
    (tmp_path / "record.json").write_text(json.dumps({**values, "digest": record_digest(values)}))
    with pytest.raises(RecordError, match="'later' was unexpected"):
        read_record(tmp_path)
