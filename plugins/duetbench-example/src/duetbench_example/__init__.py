"""Registers the plugins of this package."""

from __future__ import annotations

from typing import TYPE_CHECKING

from duetbench.hookspecs import hookimpl

if TYPE_CHECKING:
    from duetbench.interfaces import Strategy


@hookimpl
def duetbench_register_strategies() -> list[type[Strategy]]:
    """The strategies of this package, imported when the hook is called."""
    from duetbench_example.strategy import LikesDislikes

    return [LikesDislikes]
