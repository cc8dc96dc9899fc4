"""How often profiles write the rating itself: told of every round and every evaluation, whatever the rewards are."""

from __future__ import annotations

from collections.abc import Sequence

from duetbench.evaluation.leakage import writes_rating
from duetbench.types import Profile


def leak_rate(profiles: Sequence[Profile]) -> float | None:
    """The share of the profiles in which a rating stands as a number; None of none."""
    return sum(writes_rating(profile.text) for profile in profiles) / len(profiles) if profiles else None
