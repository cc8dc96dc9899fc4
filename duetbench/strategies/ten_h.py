"""10H: no profile; the scorer sees only the recent interactions."""

from __future__ import annotations

from dataclasses import replace

from duetbench.interfaces import Stage, Strategy
from duetbench.types import Request


class TenHistory(Strategy):
    """The baseline without a profile. The scorer's `history_k`, 10 by default, sets how many interactions it sees."""

    name = "10h"
    summary = "no profile: the scorer sees only the most recent interactions"
    source = "DUET, section 4.1.3"

    def stages(self) -> tuple[Stage, ...]:
        """None: no profile is written."""
        return ()

    def writer_view(self, request: Request) -> Request:
        """Nothing: there is no writer."""
        return replace(request, user_history=(), item_history=(), user_average=None, item_average=None)
