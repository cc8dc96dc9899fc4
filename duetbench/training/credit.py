"""Credit of profiles that are sampled separately and scored in pairs: which pairs are scored, and marginal means.

A user profile `a` and an item profile `b` are scored together, with reward `R[a, b]`. The reward of a profile is its
marginal mean: the mean of `R` over its partners. The advantage estimator (see `advantage`) then compares it with the
marginal means of the other profiles of its group. If every pair is scored, a partner's main effect is the same constant
in all marginal means of a group and cancels when the group's baseline is subtracted; with fewer partners it cancels in
part.
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
    """The pairs that are scored: every profile has at least `partners` partners, or all there are.

    Args:
        n_users: Number of readable user profiles.
        n_items: Number of readable item profiles.
        partners: Minimum number of partners per profile, >= 1. With equal numbers on both sides the pairing is
            circulant: user `a` is paired with the items `a .. a + partners - 1`, modulo `n_items`.

    Returns:
        Distinct pairs in order of user, then item; empty if a side is empty.
    """
    if partners < 1:
        raise ValueError(f"partners must be >= 1, got {partners}")
    if not n_users or not n_items:
        return []
    from_users = {PartnerPair(a, (a + k) % n_items) for a in range(n_users) for k in range(min(partners, n_items))}
    from_items = {PartnerPair((b - k) % n_users, b) for b in range(n_items) for k in range(min(partners, n_users))}
    return sorted(from_users | from_items)


def marginal_means(owners: Sequence[Owner], values: Sequence[float | None]) -> dict[Owner, float | None]:
    """The mean of the values of each owner.

    An unreadable completion is in no pair: its reward is a value of its own, and no partner's mean contains it.

    Args:
        owners: The completion that each value belongs to; a pair appears twice, once for each side.
        values: Rewards in the same order; None is left out of the mean.

    Returns:
        One entry per owner; None if all of its values are None.
    """
    known: dict[Owner, list[float]] = {owner: [] for owner in owners}
    for owner, value in zip(owners, values, strict=True):
        if value is not None:
            known[owner].append(value)
    return {owner: sum(rewards) / len(rewards) if rewards else None for owner, rewards in known.items()}
