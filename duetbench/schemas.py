"""Validators of the JSON Schemas in the registry."""

from __future__ import annotations

import json
from functools import lru_cache
from typing import Any

from duetbench.paths import registry_dir


@lru_cache
def schema_validator(name: str) -> Any:
    """The `jsonschema` validator of registry/schemas/NAME.schema.json."""
    from jsonschema import Draft202012Validator

    return Draft202012Validator(json.loads(registry_dir("schemas", f"{name}.schema.json").read_text(encoding="utf-8")))
