"""Whether what a plugin says of itself fits into a record: the parts of the record's schema, checked apart."""

from __future__ import annotations

import json
from typing import Any

from duetbench.paths import registry_dir
from duetbench.testing.conformance import require

_PARTS = {
    "options": ("properties", "cell", "properties", "options"),
    "plugins": ("properties", "plugins"),
    "prompts": ("properties", "prompts"),
    "measures": ("properties", "profiles", "properties", "extra"),
    "metrics": ("$defs", "values"),
}
"""Where in the schema each part is described."""


def check_part(part: str, value: Any) -> None:
    """Fails the check if the value does not fit where it will stand.

    Args:
        part: `options` (by plugin), `plugins` (by kind), `prompts` (digests by name), `measures` (by name) or `metrics`
            (values by metric).
        value: What the plugin says.
    """
    from jsonschema import Draft202012Validator

    schema = json.loads(registry_dir("schemas", "record.schema.json").read_text(encoding="utf-8"))
    found = schema
    for name in _PARTS[part]:
        found = found[name]
    faults = list(Draft202012Validator({**found, "$defs": schema["$defs"]}).iter_errors(value))
    require(not faults, f"{part} do not fit into a record: {faults[0].message if faults else ''}")
