"""The modules that make up a third-party plugin, with their digests: a change in any of them is another plugin."""

from __future__ import annotations

import ast
import inspect
import sys
from collections.abc import Iterator
from importlib.machinery import all_suffixes
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

from duetbench.digests import digest_of_file
from duetbench.plugin_sources import PluginSource, package_of
from duetbench.plugins import RegisteredPlugin

_SUFFIXES = tuple(all_suffixes())
"""Of everything that Python imports: source files, extension modules, and byte code without a source file."""

_EDITABLE = ("__editable__", "_editable_impl")
"""How files begin that an editable installation writes: they hold paths of this machine, and no code of the plugin."""


def module_digests(registered: RegisteredPlugin) -> dict[str, str]:
    """SHA-256 of each module of a third-party plugin, by its path from the folder that Python imports it from.

    For an installed package: every module of its import package, those that its distribution lists besides, and the
    file of the class. For a single file: the file, the modules next to it that it imports, and the file of the class.
    {}: built-in, or not from files. Other packages that the plugin imports are not part of it.
    """
    if registered.origin == "built-in":
        return {}
    files = _files(registered.source)
    own = _file_of_class(registered.cls)
    if own and own not in files.values():
        files[f"{registered.cls.__module__.replace('.', '/')}{own.suffix}"] = own
    return {name: digest_of_file(path) for name, path in sorted(files.items())}


def _files(source: PluginSource) -> dict[str, Path]:
    listed = dict(_distribution_files(source.distribution))
    package = package_of(source.module)
    location = Path(getattr(sys.modules.get(package), "__file__", None) or "").resolve()
    if not location.is_file():
        return listed
    depth = len(package.split(".")) - 1  # folders between the module's file and the folder that it is imported from
    if location.name.startswith("__init__."):
        root, found = location.parents[depth + 1], _modules_in(location.parent)
    else:
        root = location.parents[depth]
        found = [] if location in listed.values() else sorted(_imported_by(location, root, set()))
    return {path.relative_to(root).as_posix(): path for path in found} | listed


def _distribution_files(name: str) -> Iterator[tuple[str, Path]]:
    """The modules that the distribution's installer has written; of an editable installation none."""
    try:
        listed = (distribution(name).files if name else None) or []
    except PackageNotFoundError:
        return
    for file in listed:
        path = Path(str(file.locate()))
        is_module = file.name.endswith(_SUFFIXES) and not file.name.startswith(_EDITABLE)
        if is_module and not {"__pycache__", ".."} & set(file.parts) and path.is_file():
            yield file.as_posix(), path.resolve()


def _modules_in(folder: Path) -> list[Path]:
    files = (path for path in folder.rglob("*") if path.name.endswith(_SUFFIXES))
    return [path for path in files if "__pycache__" not in path.parts and path.is_file()]


def _imported_by(file: Path, root: Path, seen: set[Path]) -> set[Path]:
    """A file and the modules below `root` that it imports, directly or through others."""
    seen.add(file)
    for parts in _imported_names(file, root):
        for n in range(1, len(parts) + 1):  # importing a.b runs a/__init__.py as well
            path = root.joinpath(*parts[:n])
            for candidate in (path.with_name(f"{path.name}.py"), path / "__init__.py"):
                if candidate.is_file() and candidate not in seen:
                    _imported_by(candidate, root, seen)
    return seen


def _imported_names(file: Path, root: Path) -> list[tuple[str, ...]]:
    """The absolute names that a file imports, in parts; without those of duetbench, whose version is recorded."""
    try:
        tree = ast.parse(file.read_bytes())
    except (SyntaxError, ValueError):  # changed since it was imported
        return []
    names: list[tuple[str, ...]] = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names += [tuple(alias.name.split(".")) for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            package = file.relative_to(root).parts[: -node.level] if node.level else ()
            base = (*package, *(node.module.split(".") if node.module else ()))
            names += [(*base, alias.name) for alias in node.names]
    return [parts for parts in dict.fromkeys(names) if parts[0] != "duetbench"]


def _file_of_class(cls: type) -> Path | None:
    try:
        file = inspect.getsourcefile(cls)
    except TypeError:
        return None
    return Path(file).resolve() if file and Path(file).is_file() else None
