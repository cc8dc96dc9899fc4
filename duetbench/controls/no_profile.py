"""No profile: the scorer sees only what it sees in every row."""

from __future__ import annotations

from collections.abc import Sequence

from duetbench.interfaces import Control, ControlContext, ControlledInput
from duetbench.types import Profiles, Request


class NoProfile(Control):
    """The same scorer without a profile, which is the strategy `10h`."""

    name = "no_profile"
    summary = "the same scorer without a profile"
    needs = "nothing"

    def apply(
        self, requests: Sequence[Request], profiles: Sequence[Profiles], context: ControlContext
    ) -> ControlledInput:
        """The requests as they are, without profiles."""
        return ControlledInput(requests, [Profiles() for _ in requests])
