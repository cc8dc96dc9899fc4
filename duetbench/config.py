"""Converts option values from files and the command line into a frozen `Config`; reports all faults at once."""

from __future__ import annotations

import math
import types
from collections.abc import Mapping
from dataclasses import MISSING, dataclass, fields
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

from duetbench.documents.schemas import shortened
from duetbench.errors import ConfigError
from duetbench.options import idle_options, option_faults, renamed_options, spec_of
from duetbench.suggestions import did_you_mean


@dataclass(frozen=True, slots=True)
class OptionInfo:
    """One option of a plugin, as `duetbench show` prints it."""

    name: str
    type: str
    default: Any
    meaning: str


def options_of(config_class: type) -> list[OptionInfo]:
    """The options of a `Config`, in the order of their definition."""
    hints = get_type_hints(config_class)
    return [
        OptionInfo(field.name, _type_name(hints[field.name]), _default(field), spec_of(field).meaning)
        for field in fields(config_class)
    ]


def value_text(value: Any) -> str:
    """An option's value as a user writes it on the command line and in a configuration."""
    if value is None or isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, list | tuple):
        return f"[{', '.join(map(str, value))}]"
    return str(value) if str(value) else "''"


def build_config(
    config_class: type, values: Mapping[str, Any], *, path: str, suggested: Mapping[str, Any] | None = None
) -> tuple[Any, list[str]]:
    """A `Config` with these values, and the faults; the Config is None if there are any.

    Args:
        config_class: A frozen dataclass whose fields all have defaults.
        values: Option values by name. A string is converted to the type of the option.
        path: The plugin's name, put in front of each fault.
        suggested: Values of options that `values` lacks; one without effect next to `values` is left out.
    """
    hints = get_type_hints(config_class)
    faults: list[str] = []
    clean: dict[str, Any] = {}
    for name, value in {**(suggested or {}), **_folded(values, hints)}.items():
        if name not in hints:
            hint = did_you_mean(str(name), hints, renamed_options(config_class))  # YAML keys may be numbers
            faults.append(f"{path}.{name}: no such option; {hint}Known: {', '.join(sorted(hints)) or 'none'}")
            continue
        try:
            clean[name] = coerce(value, hints[name])
        except ValueError as error:
            faults.append(f"{path}.{name}: {error}")
    if faults:
        return None, faults
    try:
        config = config_class(**clean)
    except ValueError as error:  # a Config may check its values against each other in __post_init__
        return None, [f"{path}: {error}"]
    idle = idle_options(config).keys() - values.keys()
    if idle and suggested:
        needed = {name: value for name, value in suggested.items() if name not in idle}
        return build_config(config_class, values, path=path, suggested=needed)
    faults = [f"{path}.{fault}" for fault in option_faults(config)]
    return (None, faults) if faults else (config, [])


def _folded(values: Mapping[str, Any], hints: Mapping[str, Any]) -> dict[str, Any]:
    """The values with `option.name=value` as an entry of the mapping that is the option's value."""
    folded: dict[str, Any] = {}
    for name, value in values.items():
        option, dot, key = name.partition(".") if isinstance(name, str) else (name, "", "")
        if dot and key and _is_mapping(hints.get(option)):
            earlier = folded.get(option)
            entry = _from_untyped(value.strip()) if isinstance(value, str) else value
            folded[option] = {**(earlier if isinstance(earlier, Mapping) else {}), key: entry}
        else:
            folded[name] = value
    return folded


def _is_mapping(hint: Any) -> bool:
    return get_origin(hint) is Mapping or any(_is_mapping(part) for part in get_args(hint))


def _from_untyped(text: str) -> Any:
    """The text as the first type that it has the form of: none, true or false, a whole number, a number."""
    for hint in (type(None), bool, int, float):
        value = _from_text(text, hint)
        if type(value) is hint:
            return value
    return text


def parse_settings(settings: tuple[str, ...]) -> dict[str, str]:
    """`--set` arguments by dotted path; a later argument overrides an earlier one.

    Raises:
        ConfigError: an argument is not of the form `path=value`.
    """
    faults = [f"{text}: write it as name.option=value" for text in settings if not _is_setting(text)]
    if faults:
        raise ConfigError(faults)
    return {key.strip(): value for key, _, value in (text.partition("=") for text in settings)}


def _is_setting(text: str) -> bool:
    key, equals, _ = text.partition("=")
    return bool(equals) and "." in key.strip().strip(".")


def coerce(value: Any, hint: Any) -> Any:
    """`value` converted to the annotated type.

    Text is parsed here and not as YAML, which reads `1e-3` as text, `no` as False and `010` as 8.

    Raises:
        ValueError: it is not of that type; the message names both.
    """
    origin = get_origin(hint)
    if origin is Literal:
        return _one_of(value, get_args(hint))
    if origin in (Union, types.UnionType):
        return _any_of(value, get_args(hint), hint)
    if origin is tuple:
        return _tuple_of(value, get_args(hint))
    if origin is Mapping:
        return _mapping_of(value, get_args(hint)[1], hint)
    return _scalar(value, hint)


def _scalar(value: Any, hint: Any) -> Any:
    if isinstance(value, str) and hint is not str:
        converted = _from_text(value.strip(), hint)
    elif hint is float and type(value) is int:
        converted = float(value)
    else:
        converted = value
    if type(converted) is hint and not (hint is float and not math.isfinite(converted)):
        return converted
    raise ValueError(f"expected {_type_name(hint)}, got {shortened(repr(value))}")


_WORDS = {"true": True, "yes": True, "on": True, "false": False, "no": False, "off": False}


def _from_text(text: str, hint: Any) -> Any:
    """The text converted to that type; the text itself if it cannot be converted."""
    if hint is bool:
        return _WORDS.get(text.lower(), text)
    if hint is type(None):
        return None if text.lower() in ("none", "null", "~") else text
    try:
        return hint(text) if hint in (int, float) else text
    except ValueError:
        return text


def _one_of(value: Any, choices: tuple[Any, ...]) -> Any:
    for choice in choices:
        if type(value) is type(choice) and value == choice:
            return choice
        if isinstance(value, str) and value.strip() == str(choice):
            return choice
    raise ValueError(f"expected one of {', '.join(map(str, choices))}, got {shortened(repr(value))}")


def _any_of(value: Any, hints: tuple[Any, ...], union: Any) -> Any:
    """The first type that fits; None is tried before text, so that `none` means None."""
    for hint in sorted(hints, key=lambda hint: hint is not type(None)):
        try:
            return coerce(value, hint)
        except ValueError:
            continue
    raise ValueError(f"expected {_type_name(union)}, got {shortened(repr(value))}")


def _tuple_of(value: Any, hints: tuple[Any, ...]) -> tuple[Any, ...]:
    if isinstance(value, str):
        value = [part.strip() for part in value.strip().removeprefix("[").removesuffix("]").split(",") if part.strip()]
    if not isinstance(value, list | tuple):
        value = [value]
    return tuple(coerce(part, hints[0]) for part in value)


def _mapping_of(value: Any, entries: Any, hint: Any) -> dict[str, Any]:
    if not isinstance(value, Mapping) or not all(isinstance(key, str) for key in value):
        raise ValueError(f"expected {_type_name(hint)}, got {shortened(repr(value))}")
    # Entries in a file have types already: a text is not converted.
    return {key: entry if isinstance(entry, str) else coerce(entry, entries) for key, entry in value.items()}


def _type_name(hint: Any) -> str:
    if get_origin(hint) is Mapping:
        return "names with values"
    if get_origin(hint) is Literal:
        return " | ".join(map(str, get_args(hint)))
    if get_origin(hint) in (Union, types.UnionType):
        return " | ".join(_type_name(part) for part in get_args(hint))
    if get_origin(hint) is tuple:
        return f"list of {_type_name(get_args(hint)[0])}"
    return "none" if hint is type(None) else str(getattr(hint, "__name__", hint))


def _default(field: Any) -> Any:
    if field.default is not MISSING:
        return field.default
    return field.default_factory() if field.default_factory is not MISSING else None
