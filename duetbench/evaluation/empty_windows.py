"""The share of requests whose user has a history of which the strategy's writer sees nothing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from duetbench.interfaces import Strategy
from duetbench.types import Interaction, Request

STARVED = 0.05
"""Share of empty windows above which a warning is printed."""


def starved_text(share: float) -> str:
    """The warning about a share of empty windows."""
    return (
        f"for {100 * share:.1f} % of the pairs the writer sees nothing of a user who has earlier interactions; lower "
        "recent_k or set short_history=overlap"
    )


def empty_window_share(strategy: Strategy, requests: Sequence[Request]) -> float | None:
    """The share of the requests whose user has earlier interactions of which the strategy's writer sees none.

    None if there are no requests, or if the writer reads no history of users at all.
    """
    views = [strategy.writer_view(request) for request in requests]
    if not any(view.user_history for view in views) and not (requests and _reads_users(strategy, requests[0])):
        return None
    pairs = zip(requests, views, strict=True)
    return sum(bool(request.user_history) and not view.user_history for request, view in pairs) / len(requests)


def _reads_users(strategy: Strategy, request: Request) -> bool:
    """Whether the writer would see something of a history of full length."""
    line = Interaction(request.user_id, request.item, request.domain.labels[0], request.asked_at - 1)
    full = replace(request, user_history=(line,) * max(strategy.history_needed(), 1))
    return bool(strategy.writer_view(full).user_history)
