"""Option values by plugin and section, from `--set`, the file, the model's card and the defaults, in that order."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Set
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
    """What is set in one scope."""

    file: dict[str, Any]
    command: dict[str, str]


class OptionValues:
    """All option values of one grid, sorted by whom they are for.

    Args:
        plugins: Where names are looked up.
        sections: The core's sections by name, each a `Config` class.
        file: Options from the file, by scope as written.
        settings: `--set` arguments by dotted path.
        preferred: What a name without its kind means, if plugins of several kinds carry it.
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
        self._commanded: dict[str, Scope] = {}
        self.touched: set[Scope] = set()
        """Whom options were built for."""
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
        """All faults found so far, each once."""
        return list(self._faults)

    def is_set(self, section: str, name: str) -> bool:
        """Whether somebody chose a value for a section's option."""
        values = self._of(("core", section))
        return name in values.file or name in values.command

    def section(self, name: str) -> Any:
        """A section's `Config`; its defaults if something in it does not fit, which stands in `faults`."""
        return self._build(("core", name), self._sections[name], {}, path=name)

    def plugin(self, registered: RegisteredPlugin, card: Mapping[str, Any] | None = None) -> Any:
        """A plugin's `Config`, see `section`.

        Args:
            registered: The plugin.
            card: Options that the model's card suggests: by option name, or by plugin name and option name.
        """
        cls = registered.cls
        return self._build((registered.kind, cls.name), cls.Config, _suggested(cls, card or {}), path=cls.name)

    def _build(self, scope: Scope, config_class: type, suggested: Mapping[str, Any], *, path: str) -> Any:
        values = self._of(scope)
        self.touched.add(scope)
        config, faults = build_config(config_class, {**suggested, **values.file, **values.command}, path=path)
        self._blame(*faults)
        return config_class() if faults else config

    def _of(self, scope: Scope) -> _Values:
        return self._values.setdefault(scope, _Values({}, {}))

    def _blame(self, *faults: str) -> None:
        self._faults.update(dict.fromkeys(faults))

    def _set(self, path: str, value: str) -> None:
        parts = path.split(".")
        cut = 2 if parts[0] in PLURALS and len(parts) > 2 else 1
        written, name = ".".join(parts[:cut]), ".".join(parts[cut:])
        scope = self._scope(written)
        if scope:
            self._of(scope).command[name] = value
            self._commanded[path] = scope

    def _scope(self, written: str) -> Scope | None:
        """Whom a scope names; None if nobody, which is then a fault."""
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
        self._blame(self._ambiguous(written, matches) if matches else self._unknown(written))
        return None

    def _ambiguous(self, written: str, matches: list[Scope]) -> str:
        return f"{written}: {' and '.join(kind for kind, _ in matches)} are called so; write {matches[0][0]}.{written}"

    def _unknown(self, written: str) -> str:
        plugins = {name for kind in _kinds() for name in self._plugins.of_kind(kind)}
        bare = written.partition(".")[2] if written.partition(".")[0] in PLURALS else written
        hint = did_you_mean(bare, [*self._sections, *plugins])
        return f"{written}: no plugin and no section is called so; {hint}Sections: {', '.join(sorted(self._sections))}"

    def unused(self, touched: Set[Scope]) -> list[str]:
        """Faults of options for plugins that no grid of the run uses.

        A `--set` for one would have no effect; what a file says of one is only checked, since a file may say more
        than one run needs.
        """
        faults = [
            f"{path}: a metric has no options"
            if scope[0] == "metric"
            else f"{path}: this run uses no {scope[0]} '{scope[1]}'"
            for path, scope in self._commanded.items()
            if scope[0] != "core" and scope not in touched
        ]
        for (kind, name), values in self._values.items():
            if kind != "core" and (kind, name) not in touched:
                registered = self._plugins.get(_as_kind(kind), name)
                faults += build_config(registered.cls.Config, values.file, path=name)[1]
        return faults


def _suggested(cls: Any, card: Mapping[str, Any]) -> dict[str, Any]:
    known = {field.name for field in fields(cls.Config)}
    own = card.get(cls.name)
    flat = {name: value for name, value in card.items() if name in known and not isinstance(value, Mapping)}
    return {**flat, **(own if isinstance(own, Mapping) else {})}


def _kinds() -> list[Kind]:
    return list(PLURALS)


def _as_kind(text: str) -> Kind:
    return next(kind for kind in PLURALS if kind == text)
