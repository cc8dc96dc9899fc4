"""The scorer reads the profiles of others."""

from __future__ import annotations

from dataclasses import replace

import pytest
from control_making import context_of, profiles_of
from request_making import request

from duetbench.controls.shuffled import ShuffledBoth, ShuffledItem, ShuffledProfiles, ShuffledUser
from duetbench.errors import DataError
from duetbench.scorers.rating_text import RatingText
from duetbench.strategies.duet import Duet
from duetbench.strategies.lg import LettinGo
from duetbench.strategies.r4rec import Reason4Rec
from duetbench.types import Profile, Profiles

REQUESTS = [request(n, user=f"u{n}") for n in range(4)]
PROFILES = [profiles_of(n) for n in range(4)]


def texts(control: ShuffledProfiles, profiles: list[Profiles], side: str) -> list[str]:
    result = control.apply(REQUESTS, profiles, context_of(control))
    assert result.requests == REQUESTS
    return [getattr(written, side).text for written in result.profiles]


@pytest.mark.parametrize(
    ("control", "user_moves", "item_moves"),
    [(ShuffledUser(), True, False), (ShuffledItem(), False, True), (ShuffledBoth(), True, True)],
)
def test_only_the_named_sides_move(control: ShuffledProfiles, user_moves: bool, item_moves: bool) -> None:
    users, items = (texts(control, PROFILES, side) for side in ("user", "item"))
    assert all((f"user{n} " not in text) == user_moves for n, text in enumerate(users))
    assert all((f"item{n} " not in text) == item_moves for n, text in enumerate(items))


def test_every_profile_is_used_once() -> None:
    assert len(set(texts(ShuffledUser(), PROFILES, "user"))) == 4


def test_a_rationale_comes_from_another_pair() -> None:
    rationales = [Profiles(pair=Profile("pair", f"pair{n}")) for n in range(4)]
    moved = texts(ShuffledBoth(), rationales, "pair")
    assert all(text != f"pair{n}" for n, text in enumerate(moved))


def test_a_failed_profile_stays_failed_and_serves_nobody() -> None:
    broken = [*PROFILES[:3], replace(PROFILES[3], failed="unreadable")]
    result = ShuffledUser().apply(REQUESTS, broken, context_of(ShuffledUser()))
    assert result.profiles[3] == broken[3]
    assert all("user3 " not in written.user.text for written in result.profiles[:3] if written.user)


def test_without_readable_profiles_there_is_nothing_to_exchange() -> None:
    with pytest.raises(DataError, match="no readable user profile to exchange"):
        texts(ShuffledUser(), [Profiles(failed="empty")] * 4, "user")


def test_sides_that_a_strategy_does_not_write_are_an_obstacle() -> None:
    scorer = RatingText()
    assert ShuffledItem().obstacle(LettinGo(), scorer) == "lg writes no item profile"
    assert ShuffledBoth().obstacle(LettinGo(), scorer) == "lg writes no item profile"
    assert ShuffledUser().obstacle(Reason4Rec(), scorer) == "r4rec writes no user profile"
    assert ShuffledBoth().obstacle(Reason4Rec(), scorer) is None
    assert ShuffledBoth().obstacle(Duet(), scorer) is None
