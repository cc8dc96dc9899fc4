"""Who is answerable for a reward: the algebra of profiles that are sampled apart and judged together.

A user profile `a` and an item profile `b` meet in the scorer and earn `R[a, b]`. Each side's credit is its marginal
mean over the partners that it met. If everybody meets everybody, a partner's own quality is the same constant in all
of a side's means and cancels in the group's baseline; with fewer partners it cancels in part. Nothing here knows of
models or texts.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from typing import NamedTuple, TypeVar

Owner = TypeVar("Owner", bound=Hashable)


class PartnerPair(NamedTuple):
    """One user profile and one item profile that are scored together, by position among the readable ones."""

    user: int
    item: int


def partner_pairs(n_users: int, n_items: int, partners: int) -> list[PartnerPair]:
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
    from_users = {PartnerPair(a, (a + k) % n_items) for a in range(n_users) for k in range(min(partners, n_items))}
    from_items = {PartnerPair((b - k) % n_users, b) for b in range(n_items) for k in range(min(partners, n_users))}
    return sorted(from_users | from_items)


def marginal_means(owners: Sequence[Owner], values: Sequence[float | None]) -> dict[Owner, float | None]:
    """Each owner's credit: the mean of what its own meetings earned.

    A malformed completion meets nobody: its penalty is a value of its own, and no partner's mean ever holds it.

    Args:
        owners: Whose credit each value goes to; a meeting of two stands here twice, once for either side.
        values: What was earned, same order; None could not be judged and does not count.

    Returns:
        One entry per owner; None where nothing counts.
    """
    earned: dict[Owner, list[float]] = {owner: [] for owner in owners}
    for owner, value in zip(owners, values, strict=True):
        if value is not None:
            earned[owner].append(value)
    return {owner: sum(known) / len(known) if known else None for owner, known in earned.items()}


def reward_range(values: Sequence[float | None]) -> float | None:
    """How far the best and the worst of a group lie apart; None with fewer than two credits."""
    known = [value for value in values if value is not None]
    return max(known) - min(known) if len(known) > 1 else None
