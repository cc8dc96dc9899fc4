"""Validates single parts of a record, the ones that plugins contribute, with the record schema."""

from __future__ import annotations

import json
from typing import Any

from duetbench.paths import registry_dir
from duetbench.testing.checks import require

_PARTS = {
    "options": ("cell", "options"),
    "plugins": ("plugins",),
    "prompts": ("prompts",),
    "measures": ("profiles", "extra"),
}


def check_record_part(part: str, value: Any) -> None:
    """Fails the check if the value does not fit this part of the record schema.

    Args:
        part: `options` (by plugin), `plugins` (by kind), `prompts` (digests by name) or `measures` (by name).
        value: The plugin's contribution.
    """
    from jsonschema import Draft202012Validator

    schema = json.loads(registry_dir("schemas", "record.schema.json").read_text(encoding="utf-8"))
    part_schema = schema
    for name in _PARTS[part]:
        part_schema = part_schema["properties"][name]
    faults = list(Draft202012Validator({**part_schema, "$defs": schema["$defs"]}).iter_errors(value))
    require(not faults, f"{part} do not fit the record schema: {faults[0].message if faults else ''}")
