"""Built-in controls: what a result would be without the profile, with another one, or with the raw evidence."""

from __future__ import annotations

from typing import TYPE_CHECKING

from duetbench.hookspecs import hookimpl

if TYPE_CHECKING:
    from duetbench.interfaces import Control


@hookimpl
def duetbench_register_controls() -> list[type[Control]]:
    """The built-in controls."""
    from duetbench.controls.averages_only import AveragesOnly
    from duetbench.controls.best_of_n import BestOfN
    from duetbench.controls.no_profile import NoProfile
    from duetbench.controls.raw_evidence import RawEvidence, RawEvidenceFull
    from duetbench.controls.shuffled import ShuffledBoth, ShuffledItem, ShuffledUser

    return [
        NoProfile,
        AveragesOnly,
        RawEvidence,
        RawEvidenceFull,
        ShuffledUser,
        ShuffledItem,
        ShuffledBoth,
        BestOfN,
    ]
