from __future__ import annotations

from collections.abc import Iterator
from dataclasses import fields
from typing import Any, get_args

import pytest
from click.testing import CliRunner

from duetbench.cli import main
from duetbench.records import Record, StatusCounts
from duetbench.records.schema import _Generator, record_schema, schema_file, schema_text
from duetbench.types import Status


def test_the_schema_in_the_registry_is_generated_from_the_types() -> None:
    stored = schema_file().read_text(encoding="utf-8")
    assert stored == schema_text(), "the types of records have changed: run `duetbench schema record --write`"


def _parts(schema: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    """Every property of the schema and of its definitions, with its path."""
    for key in ("properties", "$defs"):
        for name, part in schema.get(key, {}).items():
            yield f"{path}.{name}", part
            yield from _parts(part, f"{path}.{name}")


def test_every_field_and_every_class_has_a_description() -> None:
    assert [path for path, part in _parts(record_schema()) if not part["description"]] == []


def test_descriptions_are_in_the_terms_of_json() -> None:
    assert [path for path, part in _parts(record_schema()) if "None" in part["description"]] == []


def test_a_field_with_a_default_is_optional() -> None:
    schema = record_schema()
    assert set(schema["properties"]) - set(schema["required"]) == {
        "digest",
        "first_failure",
        "foreign",
        "identity",
        "trained",
        "training",
        "training_seconds",
        "validation",
    }


def test_types_become_keywords() -> None:
    definitions = record_schema()["$defs"]
    spec, metrics = definitions["CellSpec"]["properties"], definitions["MetricsRecord"]["properties"]
    assert spec["split"]["enum"] == ["valid", "test"]
    assert (spec["limit"]["type"], spec["limit"]["minimum"]) == (["integer", "null"], 0)
    assert (metrics["coverage"]["type"], metrics["coverage"]["maximum"]) == (["number", "null"], 1)
    assert definitions["CellSpec"]["additionalProperties"] is False
    assert definitions["PopulationMetrics"]["required"] == ["n"]
    assert definitions["PopulationMetrics"]["additionalProperties"]["type"] == "object"


def test_a_type_without_a_schema_is_refused() -> None:
    with pytest.raises(TypeError, match=r"set\[int\] has no JSON Schema"):
        _Generator({}).schema_of(set[int])


def test_counts_by_status_name_every_status() -> None:
    assert {field.name for field in fields(StatusCounts)} == set(get_args(Status))


def test_the_command_prints_the_schema() -> None:
    result = CliRunner().invoke(main, ["schema", "record"])
    assert (result.exit_code, result.stdout) == (0, schema_text())


def test_the_command_writes_the_schema(tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("duetbench.records.schema.registry_dir", lambda *parts: tmp_path.joinpath(*parts))
    result = CliRunner().invoke(main, ["schema", "record", "--write"])
    assert result.exit_code == 0
    assert (tmp_path / "schemas" / "record.schema.json").read_text() == schema_text()
    assert result.stdout == ""


def test_importing_records_is_cheap() -> None:
    import subprocess
    import sys

    code = "import sys, duetbench.records; print([name for name in ('jsonschema', 'numpy') if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_the_root_is_a_record() -> None:
    assert list(record_schema()["properties"]) == [field.name for field in fields(Record)]
