"""Shuffled profiles: the scorer reads those of another user, of another item, or both."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar, Literal

from duetbench.controls.donors import Donors
from duetbench.errors import DataError
from duetbench.interfaces import Control, ControlContext, ControlledInput, Scorer, Strategy
from duetbench.types import Profile, Profiles, Request

_ProfileSide = Literal["user", "item", "pair"]


class ShuffledProfiles(Control):
    """Profiles of the same writer, of other requests: an effect that remains is not due to their content.

    A request never gets a profile that was written for its own user or for its own item, on any side.
    """

    sides: ClassVar[tuple[_ProfileSide, ...]]
    """The sides that are exchanged."""

    def obstacle(self, strategy: Strategy, scorer: Scorer) -> str | None:
        written = strategy.writes()
        if "pair" in written and "pair" in self.sides:
            return None
        missing = [side for side in self.sides if side not in written and side != "pair"]
        return f"{strategy.name} writes no {' and no '.join(missing)} profile" if missing else None

    def apply(
        self, requests: Sequence[Request], profiles: Sequence[Profiles], context: ControlContext
    ) -> ControlledInput:
        """The same requests with the profiles of others.

        Raises:
            DataError: a request has no partner, or no request has such a profile.
        """
        shuffled = list(profiles)
        n_changed = 0
        for side in self.sides:
            written = _readable(profiles, side)
            if not written:
                continue
            donors = Donors(requests, list(written), _item if side == "item" else _user, context.seed)
            for position in written:
                shuffled[position] = shuffled[position].with_profile(written[donors.donor(position)])
            n_changed += len(written)
        if not n_changed:
            raise DataError(f"there is no readable {' or '.join(self.sides)} profile to exchange")
        return ControlledInput(requests, shuffled)


class ShuffledUser(ShuffledProfiles):
    """Another user's profile, the item's own."""

    name = "shuffled_user"
    summary = "the scorer reads another user's profile"
    sides = ("user",)


class ShuffledItem(ShuffledProfiles):
    """Another item's profile, the user's own."""

    name = "shuffled_item"
    summary = "the scorer reads another item's profile"
    sides = ("item",)


class ShuffledBoth(ShuffledProfiles):
    """Another user's and another item's profile, or the rationale of another pair."""

    name = "shuffled_both"
    summary = "the scorer reads another user's and another item's profile, or another pair's rationale"
    sides = ("user", "item", "pair")


def _readable(profiles: Sequence[Profiles], side: _ProfileSide) -> dict[int, Profile]:
    """The profiles of a side by position, without those of requests that lack one."""
    sides = {position: getattr(written, side) for position, written in enumerate(profiles) if not written.failed}
    return {position: profile for position, profile in sides.items() if profile is not None}


def _user(request: Request) -> str:
    return request.user_id


def _item(request: Request) -> str:
    return request.item.item_id
