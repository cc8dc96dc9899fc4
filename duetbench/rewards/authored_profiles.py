"""The profiles of a rollout that its completion wrote."""

from __future__ import annotations

from duetbench.types import Profile, Rollout


def authored_profiles(rollout: Rollout) -> list[Profile]:
    """The profiles whose text occurs in the completion; all of them if none does (texts decoded from JSON).

    With separate prompts per side, a rollout also holds the other side's profile, which this completion did not write.
    Empty if the completion is unreadable.
    """
    if not rollout.readable:
        return []
    profiles = rollout.profiles
    present = [profile for profile in (profiles.user, profiles.item, profiles.pair) if profile is not None]
    return [profile for profile in present if profile.text in rollout.completion] or present
