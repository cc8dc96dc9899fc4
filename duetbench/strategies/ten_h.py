"""10H: no profile; the scorer sees only the recent interactions."""

from __future__ import annotations

from duetbench.interfaces import Stage, Strategy


class TenHistory(Strategy):
    """The baseline without a profile. The scorer's `history_k`, 10 by default, sets how many interactions it sees."""

    name = "10h"
    summary = "no profile: the scorer sees only the most recent interactions"
    source = "DUET, section 4.1.3"

    def stages(self) -> tuple[Stage, ...]:
        """None: no profile is written."""
        return ()
