"""Built-in scorers: one file each."""

from __future__ import annotations

from typing import TYPE_CHECKING

from duetbench.hookspecs import hookimpl

if TYPE_CHECKING:
    from duetbench.interfaces import Scorer


@hookimpl
def duetbench_register_scorers() -> list[type[Scorer]]:
    """The built-in scorers."""
    return []
