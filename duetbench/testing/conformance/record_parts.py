"""Checks that the parts of a record that a plugin contributes fit the schema."""

from __future__ import annotations

from typing import Any

from duetbench.testing.conformance.checks import require

_PARTS = {
    "options": "CellSpec/properties/options",
    "plugins": "Record/properties/plugins",
    "prompts": "Record/properties/prompts",
    "measures": "ProfilesRecord/properties/extra",
    "metrics": "PopulationMetrics",
}
"""Where in the schema each part is described."""


def check_part(part: str, value: Any) -> None:
    """Fails the check if a value does not fit its part of a record.

    Args:
        part: `options` (by plugin), `plugins` (by kind), `prompts` (digests by name), `measures` (by name) or `metrics`
            (values by metric).
        value: What the plugin reports.
    """
    from jsonschema import Draft202012Validator

    from duetbench.records.schema import record_schema

    schema = record_schema()
    definitions = {**schema["$defs"], "Record": schema}
    rules = {"$ref": f"#/$defs/{_PARTS[part]}", "$defs": definitions}
    faults = list(Draft202012Validator(rules).iter_errors(value))
    require(not faults, f"{part} do not fit into a record: {faults[0].message if faults else ''}")
