"""Built-in rewards: one file each."""

from __future__ import annotations

from typing import TYPE_CHECKING

from duetbench.hookspecs import hookimpl

if TYPE_CHECKING:
    from duetbench.interfaces import Reward


@hookimpl
def duetbench_register_rewards() -> list[type[Reward]]:
    """The built-in rewards."""
    from duetbench.rewards.exact import Exact
    from duetbench.rewards.format import Format
    from duetbench.rewards.fractional import Fractional
    from duetbench.rewards.length import Length
    from duetbench.rewards.numeric_leak import NumericLeak

    return [Fractional, Exact, Format, Length, NumericLeak]
