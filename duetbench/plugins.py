"""Finds plugins in three sources, isolates broken ones, and returns classes by name.

Sources: the built-ins below, installed packages (entry point group `duetbench`), and single files
(`--plugins-dir`, `DUETBENCH_PLUGINS`). `DUETBENCH_DISABLE_PLUGINS` blocks names.
"""

from __future__ import annotations

import importlib
import inspect
import os
import re
import traceback
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, fields
from functools import cached_property
from pathlib import Path
from types import ModuleType
from typing import Any, ClassVar, TypeVar

import pluggy

from duetbench import hookspecs, interfaces
from duetbench.errors import PluginError, UnknownName
from duetbench.interfaces import PLURALS, Kind, Metric, Plugin
from duetbench.plugin_sources import (
    BrokenPlugin,
    InstalledPlugin,
    PluginSource,
    error_line,
    import_file,
    installed_plugins,
    package_of,
    plugin_files,
)

BUILTIN = (
    "duetbench.datasets",
    "duetbench.engines",
    "duetbench.strategies",
    "duetbench.scorers",
    "duetbench.rewards",
    "duetbench.training",
    "duetbench.metrics",
    "duetbench.controls",
)
"""Modules of the built-in plugins. They use the same hooks as third-party plugins and import their classes only
when the hook is called."""

HOOK_PREFIX = "duetbench_register_"
_NAME = re.compile(r"[a-z0-9][a-z0-9_-]*")

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class RegisteredPlugin:
    """A plugin class and where it comes from."""

    kind: Kind
    cls: type[Plugin]
    source: PluginSource

    @property
    def origin(self) -> str:
        """`built-in`, `package NAME VERSION`, or `file PATH`."""
        return self.source.origin

    def missing(self, config: Any = None) -> str | None:
        """Why the plugin cannot run here; None if it can. See `Plugin.missing`.

        Args:
            config: Its options; None: whatever they are.
        """
        try:  # third-party code may raise anything
            return self.cls.missing() if config is None else self.cls.missing_for(config)
        except KeyboardInterrupt:
            raise
        except BaseException as error:
            return f"{self.kind} '{self.cls.name}' from {self.origin}: {error_line(error)}"


class Plugins:
    """The plugin register. Nothing is imported before it is needed.

    Args:
        folders: Folders whose `*.py` files are plugins, in addition to those of `DUETBENCH_PLUGINS`.
        environ: Environment variables.
    """

    _blocked_origin: ClassVar[str] = "blocked by DUETBENCH_DISABLE_PLUGINS"

    def __init__(self, folders: Sequence[Path] = (), environ: Mapping[str, str] = os.environ) -> None:
        listed = [Path(part) for part in environ.get("DUETBENCH_PLUGINS", "").split(os.pathsep) if part]
        self._folders = [*listed, *folders]
        self._blocked = {name.strip() for name in environ.get("DUETBENCH_DISABLE_PLUGINS", "").split(",")} - {""}
        self._classes: dict[Kind, dict[str, RegisteredPlugin]] = {}
        self._registration_order: dict[Kind, list[str]] = {}
        self._clashes: dict[tuple[Kind, str], list[str]] = {}
        self.broken: list[BrokenPlugin] = []
        self.blocked: list[str] = []

    @property
    def folders(self) -> tuple[Path, ...]:
        """The folders of single-file plugins, those of `DUETBENCH_PLUGINS` included."""
        return tuple(self._folders)

    @property
    def blocked_names(self) -> frozenset[str]:
        """The names in `DUETBENCH_DISABLE_PLUGINS`."""
        return frozenset(self._blocked)

    @cached_property
    def _manager(self) -> pluggy.PluginManager:
        manager = pluggy.PluginManager("duetbench")
        manager.add_hookspecs(hookspecs)
        self._sources: dict[str, PluginSource] = {}
        for module in BUILTIN:
            self._register(manager, module, importlib.import_module(module), PluginSource("built-in", module))
        for installed in installed_plugins(self.broken):
            self._load_installed(manager, installed)
        for path in plugin_files(self._folders, self.broken):
            self._load_file(manager, path)
        return manager

    def _is_blocked(self, *names: str) -> bool:
        blocked = [name for name in names if name in self._blocked]
        self.blocked += blocked
        return bool(blocked)

    def _load_installed(self, manager: pluggy.PluginManager, installed: InstalledPlugin) -> None:
        spellings = {installed.distribution, installed.distribution.replace("-", "_").lower()}  # of one distribution
        if self._is_blocked(installed.point.name, *sorted(spellings)):
            return
        plugin = self._third_party(installed.origin, installed.point.load)
        if plugin is None:
            return
        name = manager.get_name(plugin)
        if name is None:
            source = PluginSource(installed.origin, installed.point.module, installed.distribution)
            self._third_party(source.origin, lambda: self._register(manager, installed.key, plugin, source))
        elif self._sources[name].distribution != installed.distribution:
            self.broken.append(BrokenPlugin(installed.origin, _same_module(installed, self._sources[name])))

    def _load_file(self, manager: pluggy.PluginManager, path: Path) -> None:
        if self._is_blocked(path.stem):
            return
        origin = f"file {path}"
        module = self._third_party(origin, lambda: import_file(path))
        if module is not None:
            source = PluginSource(origin, module.__name__)
            self._third_party(origin, lambda: self._register(manager, origin, module, source))

    def _third_party(self, origin: str, call: Callable[[], T]) -> T | None:
        """The result of a call of third-party code; None if it raises, which must not affect the other plugins.

        That includes SystemExit, which a module without a `__main__` guard raises, and errors outside of Exception.
        """
        try:
            return call()
        except KeyboardInterrupt:
            raise
        except BaseException as error:
            self.broken.append(BrokenPlugin(origin, error_line(error)))
            return None

    def _register(
        self, manager: pluggy.PluginManager, name: str, plugin: ModuleType | object, source: PluginSource
    ) -> None:
        _check_hooks(manager, plugin)
        try:
            manager.register(plugin, name)
        except BaseException:
            if manager.has_plugin(name):
                manager.unregister(name=name)
            raise
        self._sources[name] = source

    def of_kind(self, kind: Kind) -> dict[str, RegisteredPlugin]:
        """All classes of a kind by name, sorted.

        Broken plugins and names of more than one class are left out; both are listed in `broken`.
        """
        if kind not in self._classes:
            classes: dict[str, RegisteredPlugin] = {}
            for plugin_name, function in self._implementations(kind):
                for registered in self._call(kind, plugin_name, function):
                    existing = classes.setdefault(registered.cls.name, registered)
                    if existing.cls is not registered.cls:
                        self._clash(existing, registered)
            unique = {name: plugin for name, plugin in sorted(classes.items()) if (kind, name) not in self._clashes}
            self._classes[kind] = unique
            self._registration_order[kind] = [name for name in classes if name in unique]
        return self._classes[kind]

    def _clash(self, existing: RegisteredPlugin, other: RegisteredPlugin) -> None:
        kind, name = existing.kind, existing.cls.name
        self._clashes.setdefault((kind, name), [existing.origin]).append(other.origin)
        self.broken.append(BrokenPlugin(other.origin, self._clash_message(kind, name)))

    def _clash_message(self, kind: Kind, name: str) -> str:
        origins = self._clashes[kind, name]
        count = "two" if len(origins) == 2 else str(len(origins))
        return (
            f"{count} {PLURALS[kind]} are named '{name}': {', '.join(f'one from {origin}' for origin in origins)}; "
            "rename one, or block a file or package with DUETBENCH_DISABLE_PLUGINS"
        )

    def _implementations(self, kind: Kind) -> list[tuple[str, Any]]:
        hook = getattr(self._manager.hook, f"duetbench_register_{PLURALS[kind]}")
        return [(impl.plugin_name, impl.function) for impl in hook.get_hookimpls()]  # in the order of registration

    def _call(self, kind: Kind, plugin_name: str, function: Any) -> list[RegisteredPlugin]:
        source = self._sources[plugin_name]

        def registered() -> list[RegisteredPlugin]:
            returned = function()
            if isinstance(returned, type) or not isinstance(returned, Iterable):
                raise PluginError(f"{function.__name__} has to return a list of classes, got {returned!r}")
            classes = list(returned)
            for cls in classes:
                _check_class(kind, cls)
            return [RegisteredPlugin(kind, cls, source) for cls in classes]

        plugins = registered() if source.origin == "built-in" else self._third_party(source.origin, registered)
        return [plugin for plugin in plugins or [] if not self._is_blocked(plugin.cls.name)]

    def metrics(self) -> list[Metric]:
        """An instance of every metric, in the order of registration: built-ins first.

        Raises:
            PluginError: two metrics have the same name, or one cannot be created.
        """
        for name in self.ambiguous("metric"):
            raise PluginError(self._clash_message("metric", name))
        known = self.of_kind("metric")
        return [_created(known[name]) for name in self._registration_order["metric"]]

    def origin_of_error(self, error: BaseException) -> str | None:
        """The third-party plugin in whose code an error was raised, with file and line; None if in none."""
        if "_manager" not in vars(self):
            return None  # no plugin was loaded
        third_party = [source for source in self._sources.values() if source.origin != "built-in"]
        origins = {package_of(source.module): source.origin for source in third_party}
        origin_and_line = None
        for frame, line in traceback.walk_tb(error.__traceback__):
            module = str(frame.f_globals.get("__name__"))
            package = next((name for name in origins if f"{module}.".startswith(f"{name}.")), None)
            if package:
                origin_and_line = f"{origins[package]}, {Path(frame.f_code.co_filename).name} line {line}"
        return origin_and_line

    def ambiguous(self, kind: Kind) -> list[str]:
        """Names that two or more classes of a kind share; `get` names the classes."""
        self.of_kind(kind)
        return [name for clash_kind, name in self._clashes if clash_kind == kind]

    def get(self, kind: Kind, name: str) -> RegisteredPlugin:
        """The class of that name.

        Raises:
            UnknownName: no class has the name; the message lists broken plugins, which may be the reason.
            PluginError: two or more classes share the name.
        """
        known = self.of_kind(kind)
        if (kind, name) in self._clashes:
            raise PluginError(self._clash_message(kind, name))
        if name not in known:
            notes = [f"Broken plugins: {'; '.join(map(str, self.broken))}."] if self.broken else []
            notes += [f"'{name}' is {self._blocked_origin}."] if name in self.blocked else []
            raise UnknownName(kind, name, known, note=" ".join(notes))
        return known[name]


def _created(registered: RegisteredPlugin) -> Metric:
    try:  # the constructor of a third-party metric may raise anything
        metric = registered.cls()
    except KeyboardInterrupt:
        raise
    except BaseException as error:
        raise PluginError(f"metric '{registered.cls.name}' from {registered.origin}: {error_line(error)}") from error
    assert isinstance(metric, Metric)  # see _check_class
    return metric


def _same_module(installed: InstalledPlugin, other: PluginSource) -> str:
    """Why an entry point is ignored whose module another distribution has registered."""
    return (
        f"entry point '{installed.point.name}' names {installed.point.value}, which {other.origin} registers as well: "
        "each package needs a module name of its own; rename one, or uninstall a package"
    )


def _check_class(kind: Kind, cls: Any) -> None:
    base: type[Plugin] = getattr(interfaces, kind.capitalize())
    if not (isinstance(cls, type) and issubclass(cls, base)):
        raise PluginError(f"{cls!r} is not a subclass of duetbench.interfaces.{base.__name__}")
    name = getattr(cls, "name", None)
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        raise PluginError(f"{cls.__qualname__} needs a `name` of lower-case letters, digits, - and _, got {name!r}")
    missing = sorted(getattr(cls, "__abstractmethods__", ()))
    if missing:
        raise PluginError(f"{cls.__qualname__} does not implement {', '.join(missing)}")
    unset = [attribute for attribute in inspect.get_annotations(base) if not hasattr(cls, attribute)]
    if unset:
        raise PluginError(f"{cls.__qualname__} needs the class attribute {', '.join(unset)}")
    if kind == "metric" and fields(cls.Config):
        raise PluginError(f"{cls.__qualname__} has options: a metric has none, make each choice a metric or a variant")


def _check_hooks(manager: pluggy.PluginManager, plugin: object) -> None:
    """Refuses what pluggy alone would ignore silently: misspelt hooks, functions that are not marked, and no hooks.

    Raises:
        PluginError: the fault.
    """
    names = [name for name in dir(plugin) if name.startswith(HOOK_PREFIX)]
    misspelt = [name for name in names if not hasattr(hookspecs, name)]
    if misspelt:
        raise PluginError(f"unknown hook {', '.join(misspelt)}")
    unmarked = [name for name in names if manager.parse_hookimpl_opts(plugin, name) is None]
    if unmarked:
        raise PluginError(f"{', '.join(unmarked)} is not marked with @hookimpl (from duetbench.hookspecs)")
    if not names:
        known = ", ".join(f"{HOOK_PREFIX}{kind}" for kind in PLURALS.values())
        raise PluginError(f"it defines none of the hooks {known}; a file that is no plugin has a name with a leading _")
