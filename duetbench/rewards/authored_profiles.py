"""Which of a rollout's profiles the completion itself wrote."""

from __future__ import annotations

from duetbench.types import Profile, Rollout


def own_profiles(rollout: Rollout) -> list[Profile]:
    """The profiles whose text stands in the completion; all of them if none does (texts that were decoded from JSON).

    Where sides are asked apart, a rollout also holds its partner's profile, for which this completion earns nothing.
    () if the completion could not be read.
    """
    if not rollout.readable:
        return []
    profiles = rollout.profiles
    present = [profile for profile in (profiles.user, profiles.item, profiles.pair) if profile is not None]
    return [profile for profile in present if profile.text in rollout.completion] or present
