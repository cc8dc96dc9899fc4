"""Built-in rewards: one file each."""

from __future__ import annotations

from typing import TYPE_CHECKING

from duetbench.hookspecs import hookimpl

if TYPE_CHECKING:
    from duetbench.interfaces import Reward


@hookimpl
def duetbench_register_rewards() -> list[type[Reward]]:
    """The built-in rewards."""
    return []
