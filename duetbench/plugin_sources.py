"""Imports third-party plugins from installed packages (entry point group `duetbench`) and from single files."""

from __future__ import annotations

import importlib.util
import re
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from importlib.metadata import EntryPoint, distributions, entry_points
from pathlib import Path
from types import ModuleType
from zlib import crc32

from duetbench.escaping import one_line

GROUP = "duetbench"

_MAX_REASON = 400
"""Characters of an error's message: some packages raise pages."""


@dataclass(frozen=True, slots=True)
class PluginSource:
    """Where a plugin's code comes from."""

    origin: str
    """`built-in`, `package NAME VERSION`, or `file PATH`."""
    module: str
    """Name of the module that was imported."""
    distribution: str = ""
    """Name of the installed distribution; empty for a built-in plugin and for a file."""


@dataclass(frozen=True, slots=True)
class BrokenPlugin:
    """A plugin that cannot be used, and the reason in one line."""

    origin: str
    reason: str

    def __str__(self) -> str:
        return f"{self.origin}: {self.reason}"


@dataclass(frozen=True, slots=True)
class InstalledPlugin:
    """An entry point of an installed distribution."""

    point: EntryPoint
    distribution: str
    """Its name; empty if unknown."""
    origin: str

    @property
    def key(self) -> str:
        """A name that no other distribution's entry point has."""
        return f"package:{self.distribution}:{self.point.name}={self.point.value}"


def installed_plugins(broken: list[BrokenPlugin]) -> list[InstalledPlugin]:
    """The entry points of all installed packages, by name and distribution; `broken` receives damaged packages."""
    try:
        points = list(entry_points(group=GROUP))
    except Exception:  # one damaged entry_points.txt of any package stops the search: they are read one by one
        points = list(_readable_points(broken))
    found = [_installed(point) for point in points]
    return sorted(found, key=lambda plugin: (plugin.point.name, plugin.distribution, plugin.point.value))


def _readable_points(broken: list[BrokenPlugin]) -> Iterator[EntryPoint]:
    seen: set[str] = set()
    for distribution in distributions():
        try:
            name = str(distribution.metadata["Name"])
            points = distribution.entry_points.select(group=GROUP)
        except Exception as error:  # damaged metadata
            if GROUP in (distribution.read_text("entry_points.txt") or ""):
                origin = f"package in {distribution.locate_file('')}"
                broken.append(BrokenPlugin(origin, f"its entry_points.txt cannot be read: {error_line(error)}"))
            continue
        if name not in seen:  # as `entry_points` does: the first one on the path counts
            seen.add(name)
            yield from points


def _installed(point: EntryPoint) -> InstalledPlugin:
    try:
        name, version = str(point.dist.name), str(point.dist.version)  # type: ignore[union-attr]
    except Exception:  # no metadata, or damaged metadata
        return InstalledPlugin(point, "", f"entry point {point.name} = {point.value}")
    return InstalledPlugin(point, name, f"package {name} {version}")


_CONTENT = "__duetbench_content__"
"""Attribute of a module with the bytes that it was made from."""


def import_file(path: Path) -> ModuleType:
    """The module in a single file, the same one as long as the file is the same. It may raise anything.

    The path is part of the module's name: files with the same stem in two folders are two modules.
    """
    stem = re.sub(r"\W", "_", path.stem)
    name = f"duetbench_file_plugin_{stem}_{crc32(str(path.resolve()).encode()):08x}"
    content = path.read_bytes()
    loaded = sys.modules.get(name)
    if loaded is not None and getattr(loaded, _CONTENT, None) == content:
        return loaded  # a second import would replace the classes that others hold, which could not be pickled then
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise ImportError("not a Python file")
    module = importlib.util.module_from_spec(spec)
    setattr(module, _CONTENT, content)
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    except BaseException:
        sys.modules.pop(name, None)
        raise
    return module


def plugin_files(folders: Sequence[Path], broken: list[BrokenPlugin]) -> list[Path]:
    """The files of single-file plugins, each once; `broken` receives folders that do not exist."""
    files: list[Path] = []
    for folder in folders:
        if folder.is_file():
            files.append(folder)
        elif folder.is_dir():
            files += sorted(path for path in folder.glob("*.py") if not path.name.startswith("_"))
        else:
            broken.append(BrokenPlugin(f"folder {folder}", "the folder does not exist"))
    return list({path.resolve(): path for path in files}.values())


def package_of(module: str) -> str:
    """The outermost regular package that contains an imported module; the module itself if there is none.

    A namespace package is shared by distributions, so it does not count.
    """
    parts = module.split(".")
    prefixes = [".".join(parts[:n]) for n in range(1, len(parts) + 1)]
    regular = (name for name in prefixes if getattr(sys.modules.get(name), "__file__", None))
    return next(regular, module)


def error_line(error: BaseException) -> str:
    """Type and message of an error in one line of limited length."""
    try:
        text = one_line(str(error), _MAX_REASON)
    except Exception:  # the message of a third-party error is third-party code
        text = "(its message cannot be read)"
    return f"{type(error).__name__}: {text}" if text else type(error).__name__
