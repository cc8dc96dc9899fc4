"""Finds plugins in three sources, isolates broken ones, and returns classes by name.

Sources: the built-ins below, installed packages (entry point group `duetbench`), and single files
(`--plugins-dir`, `DUETBENCH_PLUGINS`). `DUETBENCH_DISABLE_PLUGINS` blocks names.
"""

from __future__ import annotations

import importlib
import importlib.util
import inspect
import os
import re
import sys
import traceback
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from functools import cached_property
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from types import ModuleType
from typing import Any, ClassVar
from zlib import crc32

import pluggy

from duetbench import hookspecs, interfaces
from duetbench.errors import PluginError, UnknownName
from duetbench.interfaces import PLURALS, Kind, Metric, Plugin

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

GROUP = "duetbench"
_NAME = re.compile(r"[a-z0-9][a-z0-9_-]*")


@dataclass(frozen=True, slots=True)
class RegisteredPlugin:
    """A plugin class and its origin."""

    kind: Kind
    cls: type[Plugin]
    origin: str
    """`built-in`, `package NAME VERSION`, or `file PATH`."""


@dataclass(frozen=True, slots=True)
class BrokenPlugin:
    """A plugin that cannot be used, and the reason in one line."""

    origin: str
    reason: str

    def __str__(self) -> str:
        return f"{self.origin}: {self.reason}"


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

    @cached_property
    def _manager(self) -> pluggy.PluginManager:
        manager = pluggy.PluginManager("duetbench")
        manager.add_hookspecs(hookspecs)
        self._origins: dict[str, str] = {}
        for module in BUILTIN:
            self._register(manager, module, importlib.import_module(module), "built-in")
        for point in sorted(entry_points(group=GROUP), key=lambda point: point.name):
            self._load_entry_point(manager, point)
        for path in self._files():
            self._load_file(manager, path)
        return manager

    def _files(self) -> list[Path]:
        files: list[Path] = []
        for folder in self._folders:
            if folder.is_file():
                files.append(folder)
            elif folder.is_dir():
                files += sorted(path for path in folder.glob("*.py") if not path.name.startswith("_"))
            else:
                self.broken.append(BrokenPlugin(f"folder {folder}", "the folder does not exist"))
        return list({path.resolve(): path for path in files}.values())

    def _is_blocked(self, name: str) -> bool:
        if name in self._blocked:
            self.blocked.append(name)
        return name in self._blocked

    def _load_entry_point(self, manager: pluggy.PluginManager, point: EntryPoint) -> None:
        origin = f"package {point.dist.name} {point.dist.version}" if point.dist else f"entry point {point.name}"
        if self._is_blocked(point.name):
            return
        try:  # importing a third-party plugin may raise anything, and must not affect the others
            plugin = point.load()
        except Exception as error:
            self.broken.append(BrokenPlugin(origin, _one_line(error)))
            return
        self._register(manager, f"entry:{point.name}", plugin, origin)

    def _load_file(self, manager: pluggy.PluginManager, path: Path) -> None:
        if self._is_blocked(path.stem):
            return
        # the path is part of the name: files with the same stem in two folders are two modules
        stem = re.sub(r"\W", "_", path.stem)
        name = f"duetbench_file_plugin_{stem}_{crc32(str(path.resolve()).encode()):08x}"
        try:  # see `_load_entry_point`
            spec = importlib.util.spec_from_file_location(name, path)
            if spec is None or spec.loader is None:
                raise ImportError("not a Python file")
            module = importlib.util.module_from_spec(spec)
            sys.modules[name] = module
            spec.loader.exec_module(module)
        except (Exception, SystemExit) as error:
            sys.modules.pop(name, None)
            self.broken.append(BrokenPlugin(f"file {path}", _one_line(error)))
            return
        self._register(manager, f"file:{path}", module, f"file {path}")

    def _register(self, manager: pluggy.PluginManager, name: str, plugin: ModuleType | object, origin: str) -> None:
        misspelled = _unknown_hooks(plugin)
        try:
            if misspelled:
                raise PluginError(f"unknown hook {', '.join(misspelled)}")
            if manager.register(plugin, name) is None:
                return
        except (pluggy.PluginValidationError, ValueError, PluginError) as error:
            if manager.has_plugin(name):
                manager.unregister(name=name)
            self.broken.append(BrokenPlugin(origin, _one_line(error)))
            return
        self._origins[name] = origin

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
        origin = self._origins[plugin_name]
        try:  # a third-party hook may raise anything
            classes = list(function())
            for cls in classes:
                _check_class(kind, cls)
        except Exception as error:
            if origin == "built-in":
                raise
            self.broken.append(BrokenPlugin(origin, _one_line(error)))
            return []
        return [RegisteredPlugin(kind, cls, origin) for cls in classes if not self._is_blocked(cls.name)]

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
        origins = {_root_of(self._manager.get_plugin(name)): origin for name, origin in self._origins.items()}
        origin_and_line = None
        for frame, line in traceback.walk_tb(error.__traceback__):
            origin = origins.get(str(frame.f_globals.get("__name__")).partition(".")[0], "built-in")
            if origin != "built-in":
                origin_and_line = f"{origin}, {Path(frame.f_code.co_filename).name} line {line}"
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


def _root_of(plugin: object) -> str:
    """The top-level package of a plugin's code; for a single file its module."""
    module = plugin.__name__ if isinstance(plugin, ModuleType) else type(plugin).__module__
    return module.partition(".")[0]


def _created(registered: RegisteredPlugin) -> Metric:
    try:  # the constructor of a third-party metric may raise anything
        metric = registered.cls()
    except Exception as error:
        raise PluginError(f"metric '{registered.cls.name}' from {registered.origin}: {_one_line(error)}") from error
    assert isinstance(metric, Metric)  # see _check_class
    return metric


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


def _unknown_hooks(plugin: object) -> list[str]:
    """Names that look like hooks but have no specification; pluggy alone would ignore them silently."""
    names = (name for name in dir(plugin) if name.startswith("duetbench_register_"))
    return [name for name in names if not hasattr(hookspecs, name)]


def _one_line(error: BaseException) -> str:
    text = " ".join(str(error).split())
    return f"{type(error).__name__}: {text}" if text else type(error).__name__
