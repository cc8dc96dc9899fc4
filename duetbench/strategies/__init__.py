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
    from duetbench.strategies.kar import Kar
    from duetbench.strategies.lg import LettinGo
    from duetbench.strategies.palr import Palr
    from duetbench.strategies.r4rec import Reason4Rec
    from duetbench.strategies.rlmrec import RlmRec
    from duetbench.strategies.ten_h import TenHistory

    return [TenHistory, Kar, Palr, RlmRec, LettinGo, Reason4Rec, Duet]
