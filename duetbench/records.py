"""Records of cells: written whole or not at all, validated on the way in and on the way out.

A record is `record.json` in the folder of its cell (`RUN/cells/CELL`), next to `predictions.parquet`. What its fields
mean stands in registry/schemas/record.schema.json.
"""

from __future__ import annotations

import json
import os
import platform
import subprocess
from collections.abc import Mapping
from datetime import UTC, datetime
from functools import lru_cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from duetbench.atomic import write_text
from duetbench.digests import digest_of_file
from duetbench.errors import RecordError
from duetbench.paths import registry_dir

VERSION = 1
RECORD = "record.json"
PREDICTIONS = "predictions.parquet"

PACKAGES = (
    "accelerate",
    "datasets",
    "duckdb",
    "duetbench",
    "gguf",
    "jinja2",
    "numpy",
    "peft",
    "polars",
    "safetensors",
    "tokenizers",
    "torch",
    "transformers",
    "trl",
    "vllm",
)
"""Packages that can change a number."""


def write_record(folder: Path, record: Mapping[str, Any]) -> Path:
    """The path of the record, which is on disk and whole when this returns; before that the old one, if any, stands.

    Raises:
        RecordError: it does not fit the schema, or the folder cannot be written.
    """
    validate_record(record)
    path = folder / RECORD
    try:
        write_text(path, json.dumps(record, indent=2, ensure_ascii=False, allow_nan=False) + "\n")
    except OSError as error:
        raise RecordError(f"cannot write {path}: {error.strerror or error}; free or choose another folder") from error
    return path


def read_record(path: Path) -> dict[str, Any]:
    """The record in a file or in a cell's folder.

    Raises:
        RecordError: it is not there, no JSON, of a newer version, or does not fit the schema.
    """
    path = path / RECORD if path.is_dir() else path
    try:
        record = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise RecordError(f"cannot read {path}: {error.strerror or error}") from error
    except ValueError as error:
        raise RecordError(f"{path} is no JSON: {error}") from error
    validate_record(record, name=str(path))
    return dict(record)


def validate_record(record: Mapping[str, Any], *, name: str = "record") -> None:
    """Refuses what does not fit the schema.

    Args:
        name: What to call the record in the message.

    Raises:
        RecordError: one line with the path of the worst fault.
    """
    from jsonschema.exceptions import best_match

    found = record.get("schema_version") if isinstance(record, Mapping) else None
    if isinstance(found, int) and found > VERSION:
        raise RecordError(f"{name} has schema version {found}, this duetbench reads up to {VERSION}; upgrade duetbench")
    fault = best_match(_validator().iter_errors(_plain(record, name)))
    if fault is not None:
        where = fault.json_path.removeprefix("$").removeprefix(".") or "the whole"
        message = " ".join(fault.message.split())
        # A long message opens with the whole value; what was wanted of it stands at the end.
        raise RecordError(f"{name}: {where}: {message if len(message) <= 200 else '...' + message[-160:]}")


def _plain(record: Mapping[str, Any], name: str) -> Any:
    """The record as it will come back from disk: tuples are lists there, and NaN is no number."""
    try:
        return json.loads(json.dumps(record, allow_nan=False))
    except (TypeError, ValueError) as error:
        raise RecordError(f"{name} cannot be written as JSON: {error}") from error


@lru_cache(maxsize=1)
def _validator() -> Any:
    from jsonschema import Draft202012Validator

    schema = json.loads(registry_dir("schemas", "record.schema.json").read_text(encoding="utf-8"))
    return Draft202012Validator(schema)


def file_entry(path: Path) -> dict[str, Any]:
    """The `sha256` and `bytes` of a file, for the record's `files`."""
    return {"sha256": digest_of_file(path), "bytes": path.stat().st_size}


def utc_now() -> str:
    """The time as records write it: `2026-01-31T23:59:59Z`."""
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def environment() -> dict[str, Any]:
    """Where this process computes, as the record's `environment`; imports none of the packages that it names."""
    commit, dirty = _git()
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return {
        "python": platform.python_version(),
        "platform": platform.platform(),
        "cpu": _processor(),
        "cores": cores,
        "packages": {name: found for name in PACKAGES if (found := _version(name))},
        "git_commit": commit,
        "git_dirty": dirty,
    }


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def _processor() -> str | None:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor() or None
    names = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(names, None) or platform.processor() or None


def _git() -> tuple[str | None, bool | None]:
    """Commit, and whether there are changes. Only of a checkout of duetbench itself: an installed package may lie
    inside a stranger's repository, whose commit would say nothing."""
    checkout = Path(__file__).resolve().parent.parent
    if not (checkout / ".git").exists():
        return None, None
    commit = _asked_git(checkout, "rev-parse", "HEAD")
    changes = _asked_git(checkout, "status", "--porcelain", "--untracked-files=no")
    return commit, None if changes is None else bool(changes)


def _asked_git(checkout: Path, *arguments: str) -> str | None:
    command = ["git", "--no-optional-locks", "-C", str(checkout), *arguments]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=10, check=True)
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout.strip()
