"""Registers what this package adds to duetbench."""

from __future__ import annotations

from typing import TYPE_CHECKING

from duetbench.hookspecs import hookimpl

if TYPE_CHECKING:
    from duetbench.interfaces import Strategy


@hookimpl
def duetbench_register_strategies() -> list[type[Strategy]]:
    """The strategies of this package, imported only when they are asked for."""
    from duetbench_example.strategy import LikesDislikes

    return [LikesDislikes]
