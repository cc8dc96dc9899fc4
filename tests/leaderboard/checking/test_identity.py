from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from builtin_metrics import METRICS

from duetbench.digests import digest_of_value
from duetbench.leaderboard.checking import check
from duetbench.leaderboard.checking.identity import identity_differences
from duetbench.records import record_digest

IDENTITY: dict[str, Any] = {
    "seed": 0,
    "split": "test",
    "limit": 80,
    "data": {"name": "toy", "fingerprint": "f" * 64},
    "scorer": {"name": "rating_expectation", "options": {}},
    "writing": {
        "strategy": {"name": "duet", "options": {"cue": True}},
        "model": {"name": "toy-lm"},
        "engine": {"name": "transformers"},
    },
}
CELL_ID = digest_of_value(IDENTITY)


@pytest.fixture
def record(cell: Callable, run: Path) -> Path:
    """The record of a cell whose id is the digest of its settings."""
    options = {"duet": {"cue": True}, "rating_expectation": {}}
    return Path(cell(CELL_ID, 0.5, identity=IDENTITY, options=options)) / "record.json"


def _edit(path: Path, *names: str, value: Any, sealed: bool = False) -> None:
    """Changes a value; `sealed`: and computes the digest again, as someone would who knows how."""
    content = json.loads(path.read_text())
    part = content
    for name in names[:-1]:
        part = part[name]
    part[names[-1]] = value
    if sealed:
        content["digest"] = record_digest(content)
    path.write_text(json.dumps(content))


def _differences(run: Path) -> tuple[str, ...]:
    return check([run], METRICS).differences


def test_an_untouched_cell_has_no_difference(record: Path, run: Path) -> None:
    report = check([run], METRICS)
    assert (report.differences, report.n_without_digest, report.n_without_identity) == ((), 0, 0)


@pytest.mark.parametrize(
    ("names", "value"),
    [
        (("cell", "strategy"), "lg"),
        (("cell", "seed"), 3),
        (("model", "digest"), "0" * 64),
        (("usage", "profiles", "prompt_tokens"), 1),
        (("seconds",), 0.1),
        (("environment", "git_commit"), "d" * 40),
    ],
    ids=lambda names: ".".join(names) if isinstance(names, tuple) else "",
)
def test_an_edited_record_is_found(record: Path, run: Path, names: tuple[str, ...], value: Any) -> None:
    _edit(record, *names, value=value)
    assert any("changed after it was written" in line for line in _differences(run))


@pytest.mark.parametrize(
    ("names", "value", "shown"),
    [
        (("cell", "strategy"), "lg", "cell.strategy is 'lg', but its id is that of 'duet'"),
        (("cell", "seed"), 3, "cell.seed is 3"),
        (("cell", "model"), "qwen3-8b", "cell.model is 'qwen3-8b'"),
        (("cell", "control"), "no_profile", "cell.control is 'no_profile', but its id is that of None"),
        (("cell", "options", "duet", "cue"), False, "the options of its strategy"),
        (("dataset", "fingerprint"), "0" * 64, "dataset.fingerprint is"),
        (("identity", "seed"), 3, "but that of its settings is"),
        (("cell_id",), "x", "its cell_id is x"),
    ],
)
def test_an_edit_with_a_new_digest_contradicts_the_id(
    record: Path, run: Path, names: tuple[str, ...], value: Any, shown: str
) -> None:
    _edit(record, *names, value=value, sealed=True)
    assert any(shown in line for line in _differences(run))


def test_a_removed_digest_is_found(record: Path, run: Path) -> None:
    content = json.loads(record.read_text())
    del content["digest"]
    record.write_text(json.dumps(content))
    assert any("its digest was removed" in line for line in _differences(run))


def test_old_records_are_counted_as_unchecked(record: Path, run: Path) -> None:
    content = json.loads(record.read_text())
    del content["digest"], content["identity"]
    record.write_text(json.dumps(content))
    report = check([run], METRICS)
    assert (report.differences, report.n_without_digest, report.n_without_identity) == ((), 1, 1)


def test_a_record_without_identity_has_no_differences() -> None:
    assert identity_differences({"cell_id": "x"}) == []


def _plan(run: Path, *cells: tuple[str, str]) -> None:
    content = {"name": "r", "cells": [{"id": cell_id, "folder": f"cells/{name}"} for name, cell_id in cells]}
    (run / "plan.json").write_text(json.dumps(content))


def test_a_planned_cell_without_record_is_named(record: Path, run: Path) -> None:
    _plan(run, (CELL_ID, CELL_ID), ("other", "b" * 64))
    (line,) = _differences(run)
    assert line.startswith(f"{run / 'cells' / 'other'}: planned, but it has no record")


def test_a_replaced_cell_is_named(record: Path, run: Path) -> None:
    _plan(run, (CELL_ID, CELL_ID), ("other", "b" * 64))
    shutil.copytree(record.parent, run / "cells" / "other")
    (line,) = _differences(run)
    assert "other: replaced: the plan has cell bbbbbbbb there" in line


def test_a_damaged_plan_is_a_difference(record: Path, run: Path) -> None:
    (run / "plan.json").write_text("[]")
    assert "plan.json cannot be read" in _differences(run)[0]


def test_a_folder_of_runs_has_all_its_plans_checked(record: Path, run: Path) -> None:
    _plan(run, ("gone", "b" * 64))
    assert any("gone: planned" in line for line in check([run.parent], METRICS).differences)
