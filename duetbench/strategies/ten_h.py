"""10H: no profile at all; the scorer sees the recent interactions alone."""

from __future__ import annotations

from duetbench.interfaces import Stage, Strategy


class TenHistory(Strategy):
    """The floor of every comparison. How many interactions are seen is the scorer's `history_k`, 10 by default."""

    name = "10h"
    summary = "no profile: the scorer sees the most recent interactions alone"
    source = "DUET, section 4.1.3"

    def stages(self) -> tuple[Stage, ...]:
        """Nothing is written."""
        return ()
