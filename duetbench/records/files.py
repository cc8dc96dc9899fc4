"""Reads and writes records as `record.json` in the folder of their cell; both validate against the JSON Schema."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

from duetbench.atomic import write_text
from duetbench.digests import digest_of_file, digest_of_value
from duetbench.documents.json_text import load_json
from duetbench.documents.schemas import schema_validator, shortened
from duetbench.errors import DocumentError, RecordError
from duetbench.records.record import VERSION, FileEntry, JsonValue, Record
from duetbench.records.serialization import from_json, to_json

RECORD = "record.json"
PREDICTIONS = "predictions.parquet"
ANSWERS = "answers.jsonl"
"""Every answer, parsed or not; absent without a model, as are the two files below."""
PROFILES = "profiles.parquet"
"""Profiles as the scorer read them."""
PROMPTS = "prompts.parquet"
"""Every distinct prompt."""


def write_record(folder: Path, record: Record) -> Path:
    """Writes a record into a cell's folder, atomically, and returns its path.

    Raises:
        RecordError: the record does not fit the schema, or the folder cannot be written; an older record is kept.
    """
    values = to_json(record)
    values["digest"] = record_digest(values)
    validate_record(values)
    path = folder / RECORD
    try:
        write_text(path, json.dumps(values, indent=2, ensure_ascii=False, allow_nan=False) + "\n")
    except OSError as error:
        raise RecordError(f"cannot write {path}: {error.strerror or error}; free or choose another folder") from error
    return path


def read_record(path: Path) -> Record:
    """The record in a file or in a cell's folder.

    Raises:
        RecordError: the file is missing, is not JSON, has a newer version, or does not fit the schema.
    """
    path = path / RECORD if path.is_dir() else path
    try:
        values = load_json(path)
    except OSError as error:
        raise RecordError(f"cannot read {path}: {error.strerror or error}") from error
    except DocumentError as error:
        raise RecordError(str(error)) from error
    return _intact(values) or _validated(values, str(path))


def record_digest(values: Mapping[str, JsonValue]) -> str:
    """The digest of a record's JSON values, see `Record.digest`."""
    return digest_of_value({name: value for name, value in values.items() if name != "digest"})


def _intact(values: JsonValue) -> Record | None:
    """The record if it is as this version of its fields wrote it; None: it must be validated.

    A record is validated before it is written. Its digest takes a tenth of the time of another validation, which is
    most of the time of reading the records of a large board.
    """
    is_known = isinstance(values, dict) and values.get("schema_version") == VERSION and "digest" in values
    if not is_known or values["digest"] != record_digest(values):
        return None
    try:
        return from_json(Record, values)
    except (RecordError, TypeError, AttributeError):  # fields of another version, which validation names
        return None


def _validated(values: JsonValue, name: str) -> Record:
    validate_record(values, name=name)
    return from_json(Record, values)


def validate_record(values: JsonValue, *, name: str = "record") -> None:
    """Checks JSON values against the schema of records.

    Args:
        values: The record as JSON values.
        name: What the record is called in the message.

    Raises:
        RecordError: one line with the path of the most relevant fault.
    """
    from jsonschema.exceptions import best_match

    version = values.get("schema_version") if isinstance(values, dict) else None
    if isinstance(version, int) and version > VERSION:
        raise RecordError(
            f"{name} has schema version {version}, this duetbench reads up to {VERSION}; upgrade duetbench"
        )
    try:
        json.dumps(values, allow_nan=False)
    except (TypeError, ValueError) as error:
        raise RecordError(f"{name} cannot be written as JSON: {error}") from error
    fault = best_match(schema_validator("record").iter_errors(values))
    if fault is not None:
        path = fault.json_path.removeprefix("$").removeprefix(".") or "top level"
        raise RecordError(f"{name}: {path}: {shortened(fault.message)}")


def file_entry(path: Path) -> FileEntry:
    """Digest and size of a file."""
    return FileEntry(sha256=digest_of_file(path), bytes=path.stat().st_size)
