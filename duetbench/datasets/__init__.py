"""Built-in datasets: one file each."""

from __future__ import annotations

from typing import TYPE_CHECKING

from duetbench.hookspecs import hookimpl

if TYPE_CHECKING:
    from duetbench.interfaces import Dataset


@hookimpl
def duetbench_register_datasets() -> list[type[Dataset]]:
    """The built-in datasets."""
    return []
