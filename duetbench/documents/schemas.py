"""Validators of the JSON Schemas in the registry."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

from duetbench.documents.json_text import load_json
from duetbench.escaping import one_line
from duetbench.paths import registry_dir

_MAX_MESSAGE = 200


@lru_cache
def schema_validator(name: str) -> Any:
    """The `jsonschema` validator of registry/schemas/NAME.schema.json."""
    from jsonschema import Draft202012Validator

    return Draft202012Validator(load_json(registry_dir("schemas", f"{name}.schema.json")))


def shortened(message: str) -> str:
    """A validator's message in one line of at most 200 characters: its beginning, the value, and its end, the rule."""
    return one_line(message, _MAX_MESSAGE, tail=100)
