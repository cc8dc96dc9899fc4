"""Options of plugins and of the core: fields of a frozen dataclass, with meaning, bounds and earlier names."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from typing import Any

_BOUNDS: dict[str, tuple[str, Callable[[Any, float], bool]]] = {
    "ge": (">=", lambda value, bound: value >= bound),
    "gt": (">", lambda value, bound: value > bound),
    "le": ("<=", lambda value, bound: value <= bound),
    "lt": ("<", lambda value, bound: value < bound),
}


@dataclass(frozen=True, slots=True)
class OptionSpec:
    """The declaration of an option in addition to its type and default."""

    meaning: str
    bounds: Mapping[str, float]
    """By kind of bound: `ge`, `gt`, `le`, `lt`. None and text are not compared."""
    old_names: tuple[str, ...]
    """Its names in earlier versions: suggested in the error, not accepted."""


def option(
    default: Any,
    meaning: str,
    *,
    ge: float | None = None,
    gt: float | None = None,
    le: float | None = None,
    lt: float | None = None,
    old_names: tuple[str, ...] = (),
) -> Any:
    """A field of a `Config`.

    Args:
        default: Its value if the user sets none.
        meaning: One line, printed by `duetbench show`.
        ge: Minimum.
        gt: Value that it must exceed.
        le: Maximum.
        lt: Value that it must stay below.
        old_names: Names of the option in earlier versions, for the error message.
    """
    all_bounds = {"ge": ge, "gt": gt, "le": le, "lt": lt}
    bounds = {name: bound for name, bound in all_bounds.items() if bound is not None}
    return field(default=default, metadata={"option": OptionSpec(meaning, bounds, old_names)})


def spec_of(config_field: Any) -> OptionSpec:
    """The declaration of a `Config` field; an empty one if it was not made by `option`."""
    spec: OptionSpec = config_field.metadata.get("option", OptionSpec("", {}, ()))
    return spec


def bound_faults(config: Any) -> list[str]:
    """One line per option whose value is outside its bounds, such as `k must be >= 1, got 0`."""
    faults = []
    for config_field in fields(config):
        value = getattr(config, config_field.name)
        bounds = [] if value is None or isinstance(value, str) else spec_of(config_field).bounds.items()
        broken = [f"{_BOUNDS[kind][0]} {bound:g}" for kind, bound in bounds if not _BOUNDS[kind][1](value, bound)]
        if broken:
            faults.append(f"{config_field.name} must be {' and '.join(broken)}, got {value!r}")
    return faults


def idle_options(config: Any) -> dict[str, str]:
    """The options that have another value than their default but no effect given the other options, and why.

    A `Config` states them in a method `without_effect() -> dict[str, str]`; one without the method has none.
    """
    reasons: dict[str, str] = getattr(config, "without_effect", dict)()
    defaults = {config_field.name: config_field.default for config_field in fields(config)}
    return {name: reason for name, reason in reasons.items() if getattr(config, name) != defaults[name]}


def option_faults(config: Any) -> list[str]:
    """One line per option whose value is outside its bounds or has no effect."""
    idle = idle_options(config).items()
    return bound_faults(config) + [f"{name} has no effect: {reason}; leave it out" for name, reason in idle]


def renamed_options(config_class: type) -> dict[str, str]:
    """Earlier names of the options of a `Config`, and their current names."""
    return {old: config_field.name for config_field in fields(config_class) for old in spec_of(config_field).old_names}
