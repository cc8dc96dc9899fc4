"""Built-in strategies: one file each."""

from __future__ import annotations

from typing import TYPE_CHECKING

from duetbench.hookspecs import hookimpl

if TYPE_CHECKING:
    from duetbench.interfaces import Strategy


@hookimpl
def duetbench_register_strategies() -> list[type[Strategy]]:
    """The built-in strategies."""
    from duetbench.strategies.duet import Duet
    from duetbench.strategies.ten_h import TenHistory

    return [TenHistory, Duet]
