"""Locations: the registry that ships with the package, and the user's cache."""

from __future__ import annotations

import os
from pathlib import Path

_PACKAGE = Path(__file__).parent


def registry_dir(*parts: str) -> Path:
    """A folder or file of the registry, which is next to the package in a checkout and inside it in a wheel."""
    packed = _PACKAGE / "registry"
    return (packed if packed.is_dir() else _PACKAGE.parent / "registry").joinpath(*parts)


def cache_dir(*parts: str) -> Path:
    """A folder of the user's cache: `DUETBENCH_CACHE`, else the platform's default. It is not created."""
    chosen = os.environ.get("DUETBENCH_CACHE")
    if chosen:
        return Path(chosen).expanduser().joinpath(*parts)
    from platformdirs import user_cache_path

    return user_cache_path("duetbench").joinpath(*parts)
