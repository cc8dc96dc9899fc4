"""Records as JSON values, and back."""

from __future__ import annotations

import types
from collections.abc import Iterator, Mapping
from dataclasses import MISSING, Field, dataclass, fields, is_dataclass
from functools import cache
from typing import Annotated, Any, TypeVar, Union, cast, get_args, get_origin, get_type_hints

from duetbench.errors import RecordError
from duetbench.records.record import FLATTENED, JsonValue

T = TypeVar("T")

_SCALARS = (bool, int, float, str, type(None))


@dataclass(frozen=True, slots=True)
class FieldType:
    """One field of a record type."""

    name: str
    hint: Any
    """Type of the field, its `Annotated` limits included."""
    is_flattened: bool
    """Whether the entries of the field are stored among the keys of its class."""
    has_default: bool


@cache
def field_types(cls: Any) -> tuple[FieldType, ...]:
    """The fields of a record type, in order."""
    hints = get_type_hints(cls, include_extras=True)
    return tuple(
        FieldType(field.name, hints[field.name], FLATTENED in field.metadata, _has_default(field))
        for field in fields(cls)
    )


def _has_default(field: Field[Any]) -> bool:
    return field.default is not MISSING or field.default_factory is not MISSING


def to_json(value: Any, *, path: str = "record") -> JsonValue:
    """A record, or a part of one, as JSON values: tuples become lists, classes become objects.

    Args:
        value: The record or part.
        path: Name of the value in messages.

    Raises:
        RecordError: a value has no JSON form.
    """
    if isinstance(value, _SCALARS):
        return value
    if is_dataclass(value) and not isinstance(value, type):
        return dict(_entries(value, path))
    if isinstance(value, Mapping):
        return {_key(key, path): to_json(part, path=f"{path}.{key}") for key, part in value.items()}
    if isinstance(value, list | tuple):
        return [to_json(part, path=f"{path}[{position}]") for position, part in enumerate(value)]
    raise RecordError(f"{path}: a {type(value).__name__} cannot be written as JSON")


def _entries(value: Any, path: str) -> Iterator[tuple[str, JsonValue]]:
    cls: Any = type(value)
    for field in field_types(cls):
        content = getattr(value, field.name)
        if field.is_flattened:
            yield from to_json(content, path=path).items()
        else:
            yield field.name, to_json(content, path=f"{path}.{field.name}")


def _key(key: Any, path: str) -> str:
    if isinstance(key, str):
        return key
    raise RecordError(f"{path}: a {type(key).__name__} as a key cannot be written as JSON")


def from_json(cls: type[T], values: JsonValue) -> T:
    """A record, or a part of one, from JSON values that fit its schema; missing optional fields get their defaults.

    Raises:
        RecordError: a class has no field of that name.
    """
    return cast("T", _build(cls, values))


def _build(hint: Any, value: JsonValue) -> Any:
    origin = get_origin(hint)
    if origin is Annotated:
        return _build(get_args(hint)[0], value)
    if origin in (Union, types.UnionType):
        return _build(_member_for(hint, value), value)
    if isinstance(value, Mapping) and is_dataclass(hint):
        return _build_class(cast("type", hint), value)
    if isinstance(value, Mapping) and origin is Mapping:
        return {name: _build(get_args(hint)[1], part) for name, part in value.items()}
    if isinstance(value, list) and origin is tuple:
        return tuple(_build(get_args(hint)[0], part) for part in value)
    return value


def _member_for(union: Any, value: JsonValue) -> Any:
    """The member of a union that has the JSON form of the value; scalars need no conversion."""
    for member in get_args(union):
        origin = get_origin(member)
        if isinstance(value, list) and origin is tuple:
            return member
        if isinstance(value, Mapping) and (is_dataclass(member) or origin is Mapping):
            return member
    return Any


def _build_class(cls: type, values: Mapping[str, JsonValue]) -> Any:
    field_list = field_types(cls)
    named = {field.name for field in field_list if not field.is_flattened}
    others = {name: part for name, part in values.items() if name not in named}
    if others and len(named) == len(field_list):
        raise RecordError(f"{cls.__name__} has no field {', '.join(sorted(others))}")
    arguments = {}
    for field in field_list:
        if field.is_flattened:
            arguments[field.name] = _build(field.hint, others)
        elif field.name in values:
            arguments[field.name] = _build(field.hint, values[field.name])
    return cls(**arguments)
