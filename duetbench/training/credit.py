"""Who is answerable for a reward: the algebra of profiles that are sampled apart and judged together.

A user profile `a` and an item profile `b` meet in the scorer and earn `R[a, b]`. Each side's credit is its marginal
mean over the partners that it met. If everybody meets everybody, a partner's own quality is the same constant in all
of a side's means and cancels in the group's baseline; with fewer partners it cancels in part. Nothing here knows of
models or texts.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple


class Meeting(NamedTuple):
    """One user profile and one item profile that are scored together, by position among the readable ones."""

    user: int
    item: int


def meetings(n_users: int, n_items: int, partners: int) -> list[Meeting]:
    """Who meets whom: everybody has at least `partners` partners, or all there are.

    Args:
        n_users: How many readable user profiles there are.
        n_items: How many readable item profiles there are.
        partners: At least how many partners each gets, >= 1. With equal numbers on both sides the pairing is
            circulant: user `a` meets the items `a .. a + partners - 1`, counted round the circle.

    Returns:
        Distinct meetings in order of user, then item; empty if a side is empty.
    """
    if partners < 1:
        raise ValueError(f"everybody needs at least 1 partner, not {partners}")
    if not n_users or not n_items:
        return []
    from_users = {Meeting(a, (a + k) % n_items) for a in range(n_users) for k in range(min(partners, n_items))}
    from_items = {Meeting((b - k) % n_users, b) for b in range(n_items) for k in range(min(partners, n_users))}
    return sorted(from_users | from_items)


class Marginals(NamedTuple):
    """Each side's credit; None where nothing that it took part in could be judged."""

    users: list[float | None]
    items: list[float | None]


def marginals(
    n_users: int,
    n_items: int,
    user_rewards: Mapping[Meeting, float | None],
    item_rewards: Mapping[Meeting, float | None],
) -> Marginals:
    """The mean reward of every profile over its meetings.

    Args:
        n_users: How many readable user profiles there are.
        n_items: How many readable item profiles there are.
        user_rewards: What each meeting earns the user profile; None does not count.
        item_rewards: What each meeting earns the item profile. The two differ where a reward looks at one side's
            text alone.
    """
    by_user: list[list[float]] = [[] for _ in range(n_users)]
    by_item: list[list[float]] = [[] for _ in range(n_items)]
    for meeting, value in user_rewards.items():
        if value is not None:
            by_user[meeting.user].append(value)
    for meeting, value in item_rewards.items():
        if value is not None:
            by_item[meeting.item].append(value)
    return Marginals([_mean(values) for values in by_user], [_mean(values) for values in by_item])


def with_malformed(
    credits: Sequence[float | None], readable: Sequence[bool], penalty: float | None
) -> list[float | None]:
    """Credits of all completions in order: the readable ones' own, `penalty` for the others.

    Args:
        credits: One per readable completion, in order.
        readable: One per completion.
        penalty: What a completion that could not be read earns; None: it is left out.
    """
    own = iter(credits)
    return [next(own) if is_readable else penalty for is_readable in readable]


def spread(credits: Sequence[float | None]) -> float | None:
    """How far the best and the worst of a group lie apart; None with fewer than two credits."""
    known = [value for value in credits if value is not None]
    return max(known) - min(known) if len(known) > 1 else None


def _mean(values: Sequence[float]) -> float | None:
    return sum(values) / len(values) if values else None
