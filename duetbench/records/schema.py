"""The JSON Schema of records, generated from their types."""

from __future__ import annotations

import ast
import inspect
import json
import re
import types
from collections.abc import Mapping
from dataclasses import is_dataclass
from pathlib import Path
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from duetbench.paths import registry_dir
from duetbench.records import record
from duetbench.records.record import VERSION, JsonValue, Limits, Record
from duetbench.records.serialization import FieldType, field_types

Schema = dict[str, Any]

_SCALARS = {str: "string", bool: "boolean", int: "integer", float: "number", type(None): "null"}
_KEYWORDS = {
    "minimum": "minimum",
    "maximum": "maximum",
    "pattern": "pattern",
    "min_length": "minLength",
    "min_items": "minItems",
}
_STATUS_RULES = [
    {
        "if": {"properties": {"status": {"const": "done"}}},
        "then": {
            "properties": {"error": {"type": "null"}, "metrics": {"type": "object"}, "dataset": {"type": "object"}}
        },
    },
    {
        "if": {"properties": {"status": {"const": "failed"}}},
        "then": {"properties": {"error": {"type": "object"}, "metrics": {"type": "null"}}},
    },
]
"""Which parts a record has depends on its status, which no type expresses."""


def schema_file() -> Path:
    """The generated schema in the registry, which validation reads."""
    return registry_dir("schemas", "record.schema.json")


def schema_text() -> str:
    """The JSON Schema of records as it is stored in the registry."""
    return json.dumps(record_schema(), indent=2, ensure_ascii=False) + "\n"


def record_schema() -> Schema:
    """The JSON Schema of records (draft 2020-12); every class but `Record` is an entry of `$defs`."""
    generator = _Generator(_docstrings())
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": f"duetbench record, version {VERSION}",
        **generator.class_schema(Record),
        "allOf": _STATUS_RULES,
        "$defs": dict(sorted(generator.definitions.items())),
    }


class _Generator:
    """Turns types into schemas.

    Args:
        docstrings: Docstrings of classes, under `CLASS`, and of their fields, under `CLASS.FIELD`.
    """

    def __init__(self, docstrings: Mapping[str, str]) -> None:
        self._docstrings = docstrings
        self.definitions: dict[str, Schema] = {}

    def class_schema(self, cls: type) -> Schema:
        """An object with the fields of a class as properties."""
        field_list = field_types(cls)
        named = [field for field in field_list if not field.is_flattened]
        flattened = [field for field in field_list if field.is_flattened]
        return {
            "description": self._docstrings[cls.__name__],
            "type": "object",
            "properties": {field.name: self._property(cls, field.name, field.hint) for field in named},
            "required": [field.name for field in named if not field.has_default],
            "additionalProperties": self._other_properties(cls, flattened[0]) if flattened else False,
        }

    def _other_properties(self, cls: type, field: FieldType) -> Schema:
        return self._property(cls, field.name, get_args(field.hint)[1])

    def _property(self, cls: type, name: str, hint: Any) -> Schema:
        return {**self.schema_of(hint), "description": self._docstrings[f"{cls.__name__}.{name}"]}

    def schema_of(self, hint: Any) -> Schema:
        """The schema of values of one type.

        Raises:
            TypeError: records cannot hold values of that type.
        """
        origin, arguments = get_origin(hint), get_args(hint)
        if hint in _SCALARS:
            return {"type": _SCALARS[hint]}
        if hint is JsonValue:
            return {}
        if is_dataclass(hint):
            return self._reference(hint)  # type: ignore[arg-type]
        if origin is Annotated:
            return _limited(self.schema_of(arguments[0]), arguments[1])
        if origin is Literal:
            return {"const": arguments[0]} if len(arguments) == 1 else {"enum": list(arguments)}
        if origin in (Union, types.UnionType):
            return _union([self.schema_of(member) for member in arguments])
        if origin is tuple:
            return {"type": "array", "items": self.schema_of(arguments[0])}
        if origin is Mapping:
            return {"type": "object", **_key_rules(arguments[0]), "additionalProperties": self.schema_of(arguments[1])}
        raise TypeError(f"{hint!r} has no JSON Schema; use a type that duetbench/records/schema.py knows")

    def _reference(self, cls: type) -> Schema:
        if cls.__name__ not in self.definitions:
            self.definitions[cls.__name__] = {}  # reserved, so that a class may refer to itself
            self.definitions[cls.__name__] = self.class_schema(cls)
        return {"$ref": f"#/$defs/{cls.__name__}"}


def _union(members: list[Schema]) -> Schema:
    """One list of types where the members differ in nothing else than their type, `anyOf` otherwise."""
    keywords = [{name: value for name, value in member.items() if name != "type"} for member in members]
    if all("type" in member for member in members) and sum(map(bool, keywords)) <= 1:
        merged: Schema = {"type": [member["type"] for member in members]}
        return merged | {name: value for member in keywords for name, value in member.items()}
    return {"anyOf": members}


def _limited(schema: Schema, limits: Limits) -> Schema:
    keywords = {keyword: getattr(limits, name) for name, keyword in _KEYWORDS.items()}
    schema = {**schema, **{keyword: value for keyword, value in keywords.items() if value is not None}}
    if limits.forbidden is not None:
        schema["not"] = {"pattern": limits.forbidden}
    if limits.required:
        schema["required"] = list(limits.required)
    return schema


def _key_rules(hint: Any) -> Schema:
    """`propertyNames`, for keys with limits; every key is a string."""
    return {"propertyNames": _limited({}, get_args(hint)[1])} if get_origin(hint) is Annotated else {}


def _docstrings() -> dict[str, str]:
    """Docstrings of the record types and, from the source, of their fields, in the terms of JSON."""
    docstrings: dict[str, str] = {}
    for node in ast.parse(inspect.getsource(record)).body:
        if isinstance(node, ast.ClassDef):
            docstrings[node.name] = _in_json_terms(ast.get_docstring(node) or "")
            for field_node, text_node in zip(node.body, node.body[1:], strict=False):
                if isinstance(field_node, ast.AnnAssign) and isinstance(field_node.target, ast.Name):
                    docstrings[f"{node.name}.{field_node.target.id}"] = _in_json_terms(_text_of(text_node))
    return docstrings


def _text_of(node: ast.stmt) -> str:
    is_text = isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str)
    return inspect.cleandoc(node.value.value) if is_text else ""  # type: ignore[attr-defined]


def _in_json_terms(text: str) -> str:
    return re.sub(r"\bNone\b", "null", " ".join(text.split()))
