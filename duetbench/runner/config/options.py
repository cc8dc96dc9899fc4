"""Option values by plugin and section; `--set` overrides the file, the file the model's card, the card the defaults."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, fields
from typing import Any

from duetbench.config import build_config
from duetbench.interfaces import PLURALS, Kind
from duetbench.plugins import Plugins, RegisteredPlugin
from duetbench.suggestions import did_you_mean

Scope = tuple[str, str]
"""(kind, plugin's name), or ("core", section)."""


@dataclass
class _Values:
    """Values that are set in one scope."""

    file: dict[str, Any]
    command: dict[str, str]


class OptionValues:
    """All option values of one grid, by scope.

    Args:
        plugins: The plugin register.
        sections: Option sections of the core by name, each a `Config` class.
        file: Options from the file, by scope as written.
        settings: `--set` arguments by dotted path.
        preferred: The kind of a name that is given without one, if plugins of several kinds have it.
    """

    def __init__(
        self,
        plugins: Plugins,
        sections: Mapping[str, type],
        *,
        file: Mapping[str, Mapping[str, Any]],
        settings: Mapping[str, str],
        preferred: Iterable[Scope],
    ) -> None:
        self._plugins = plugins
        self._sections = sections
        self._preferred = set(preferred)
        self._commanded: dict[str, tuple[Scope, str]] = {}
        self.used: dict[Scope, frozenset[str] | None] = {}
        """The plugins and sections that options were built for, with the options that have an effect; None: all."""
        self._idle: dict[tuple[Scope, str], str] = {}
        """Why options have no effect, given the values of others."""
        self._values: dict[Scope, _Values] = {}
        self._faults: dict[str, None] = {}
        for written, values in file.items():
            scope = self._scope(written)
            if scope:
                self._of(scope).file.update(values)
        for path, value in settings.items():
            self._set(path, value)

    @property
    def faults(self) -> list[str]:
        """All distinct faults so far."""
        return list(self._faults)

    def is_set(self, section: str, name: str) -> bool:
        """Whether the user set a section's option."""
        values = self._of(("core", section))
        return name in values.file or name in values.command

    def section(self, name: str, used: Collection[str] | None = None) -> Any:
        """A section's `Config`; its defaults if a value is invalid, which is added to `faults`.

        For `used` see `plugin`.
        """
        return self._build(("core", name), self._sections[name], {}, path=name, used=used)

    def plugin(
        self,
        registered: RegisteredPlugin,
        card: Mapping[str, Any] | None = None,
        used: Collection[str] | None = None,
    ) -> Any:
        """A plugin's `Config`, see `section`.

        Args:
            registered: The plugin.
            card: Options that the model's card suggests: by option name, or by plugin name and option name.
            used: Names of the options that have an effect where the `Config` is used; None: all.
        """
        cls = registered.cls
        suggested = _suggested(cls, card or {})
        return self._build((registered.kind, cls.name), cls.Config, suggested, path=cls.name, used=used)

    def _build(
        self,
        scope: Scope,
        config_class: type,
        suggested: Mapping[str, Any],
        *,
        path: str,
        used: Collection[str] | None = None,
    ) -> Any:
        values = self._of(scope)
        config, faults = build_config(config_class, {**values.file, **values.command}, path=path, suggested=suggested)
        self._collect(*faults)
        config = config_class() if faults else config
        self._use(scope, config, used)
        return config

    def _use(self, scope: Scope, config: Any, used: Collection[str] | None) -> None:
        """Notes which options of a `Config` have an effect."""
        idle: dict[str, str] = getattr(config, "without_effect", dict)()
        self._idle.update({(scope, name): reason for name, reason in idle.items()})
        names = {field.name for field in fields(config)} if used is None else {*used}
        with_effect = None if used is None and not idle else frozenset(names - idle.keys())
        self.used = merged_uses([self.used, {scope: with_effect}])

    def _of(self, scope: Scope) -> _Values:
        return self._values.setdefault(scope, _Values({}, {}))

    def _collect(self, *faults: str) -> None:
        self._faults.update(dict.fromkeys(faults))

    def _set(self, path: str, value: str) -> None:
        parts = path.split(".")
        cut = 2 if parts[0] in PLURALS and len(parts) > 2 else 1
        written, name = ".".join(parts[:cut]), ".".join(parts[cut:])
        scope = self._scope(written)
        if scope:
            self._of(scope).command[name] = value
            self._commanded[path] = (scope, name)

    def _scope(self, written: str) -> Scope | None:
        """The scope of that name; None if there is none, which is added to the faults."""
        kind, dot, name = written.partition(".")
        if dot and kind in PLURALS:
            matches: list[Scope] = [(kind, name)] if name in self._plugins.of_kind(kind) else []
        elif written in self._sections:
            return ("core", written)
        else:
            matches = [(kind, written) for kind in _kinds() if written in self._plugins.of_kind(kind)]
            matches = [scope for scope in matches if scope in self._preferred] or matches
        if len(matches) == 1:
            return matches[0]
        self._collect(self._ambiguous(written, matches) if matches else self._unknown(written))
        return None

    def _ambiguous(self, written: str, matches: list[Scope]) -> str:
        return f"{written}: {' and '.join(kind for kind, _ in matches)} have this name; write {matches[0][0]}.{written}"

    def _unknown(self, written: str) -> str:
        plugins = {name for kind in _kinds() for name in self._plugins.of_kind(kind)}
        name = written.partition(".")[2] if written.partition(".")[0] in PLURALS else written
        hint = did_you_mean(name, [*self._sections, *plugins])
        return f"{written}: no plugin and no section has this name; {hint}Sections: {', '.join(sorted(self._sections))}"

    def unused(self, used: Mapping[Scope, frozenset[str] | None]) -> list[str]:
        """Faults of options that have no effect in any grid of the run.

        A `--set` for such an option is a fault; options in a file for a plugin that is not used are only validated,
        since a file may be shared by several runs.

        Args:
            used: See `used`, of all grids together.
        """
        faults = [
            fault
            for path, (scope, name) in self._commanded.items()
            if (fault := _no_effect(path, scope, name, used, self._idle.get((scope, name))))
        ]
        for (kind, name), values in self._values.items():
            if kind != "core" and (kind, name) not in used:
                registered = self._plugins.get(_as_kind(kind), name)
                faults += build_config(registered.cls.Config, values.file, path=name)[1]
        return faults


def merged_uses(uses: Iterable[Mapping[Scope, frozenset[str] | None]]) -> dict[Scope, frozenset[str] | None]:
    """The options that have an effect in any of the uses, by scope; None: all."""
    merged: dict[Scope, frozenset[str] | None] = {}
    for use in uses:
        for scope, names in use.items():
            earlier = merged.get(scope, frozenset())
            merged[scope] = None if names is None or earlier is None else earlier | names
    return merged


def _no_effect(
    path: str, scope: Scope, name: str, used: Mapping[Scope, frozenset[str] | None], idle: str | None
) -> str | None:
    kind, plugin = scope
    if kind == "metric":
        return f"{path}: a metric has no options"
    if scope not in used:
        return f"{path}: this run uses no {kind} '{plugin}'"
    names = used[scope]
    if names is None or name.partition(".")[0] in names:
        return None
    if idle:
        return f"{path} has no effect: {idle}; leave it out"
    if kind == "core":
        reason = "this run uses no model" if plugin == "model" else "no trainer of this run trains"
        return f"{path}: no effect here: {reason}; leave it out"
    return f"{path}: no effect here: the trainers of this run use only {', '.join(sorted(names))} of {kind} '{plugin}'"


def _suggested(cls: Any, card: Mapping[str, Any]) -> dict[str, Any]:
    names = {field.name for field in fields(cls.Config)}
    section = card.get(cls.name)
    flat = {name: value for name, value in card.items() if name in names and not isinstance(value, Mapping)}
    return {**flat, **(section if isinstance(section, Mapping) else {})}


def _kinds() -> list[Kind]:
    return list(PLURALS)


def _as_kind(text: str) -> Kind:
    return next(kind for kind in PLURALS if kind == text)
