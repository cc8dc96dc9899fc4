"""Nobody gets a profile of the own user or the own item."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from request_making import album, line, request

from duetbench.controls.donors import Donors, derangement
from duetbench.errors import DataError
from duetbench.types import Request

NAMES = st.lists(st.text("abcdef", min_size=1, max_size=3), min_size=2, max_size=12)
PAIRS = st.lists(st.tuples(st.integers(0, 5), st.integers(0, 5), st.integers(0, 9)), min_size=1, max_size=15)


def of_pair(user: int, item: int, time: int = 0) -> Request:
    return request(user=f"u{user}", item=album(item), asked_at=time, request_id=f"test:{user}-{item}-{time}")


def user_of(each: Request) -> str:
    return each.user_id


@given(NAMES.filter(lambda names: len(set(names)) > 1), st.integers(0, 99))
def test_a_derangement_moves_every_name_and_uses_each_once(names: list[str], seed: int) -> None:
    moved = derangement(names, seed)
    assert set(moved) == set(moved.values()) == set(names)
    assert all(source != target for source, target in moved.items())


@given(PAIRS, st.integers(0, 99))
def test_a_donor_has_another_user_and_another_item(pairs: list[tuple[int, int, int]], seed: int) -> None:
    requests = [of_pair(*pair) for pair in pairs]
    try:
        donors = Donors(requests, range(len(requests)), user_of, seed)
        found = [donors.donor(position) for position in range(len(requests))]
    except DataError:
        has_partner = [
            any(one.user_id != other.user_id and one.item != other.item for other in requests) for one in requests
        ]
        assert not all(has_partner)
        return
    for one, donor in zip(requests, found, strict=True):
        assert one.user_id != requests[donor].user_id
        assert one.item != requests[donor].item


def test_a_single_user_cannot_be_shuffled() -> None:
    with pytest.raises(DataError, match="at least two different users or items, got 1"):
        derangement(["anna", "anna"], 0)


def test_two_users_exchange_their_profiles() -> None:
    assert derangement(["anna", "bert"], 7) == {"anna": "bert", "bert": "anna"}


def test_two_users_of_one_item_have_no_partner() -> None:
    requests = [of_pair(0, 0), of_pair(1, 0)]
    with pytest.raises(DataError, match="test:0-0-0 has no partner"):
        Donors(requests, [0, 1], user_of, 0).donor(0)


def test_the_latest_earlier_request_of_the_donor_is_used() -> None:
    requests = [of_pair(0, 0, 5), of_pair(1, 1, 2), of_pair(1, 2, 4), of_pair(1, 3, 6)]
    assert Donors(requests, range(4), user_of, 0).donor(0) == 2


def test_a_later_profile_that_may_quote_the_user_is_not_used() -> None:
    late = replace(of_pair(1, 1, 9), item_history=(line("u0", 1),))
    requests = [of_pair(0, 0, 5), late, of_pair(2, 2, 9)]
    assert [Donors(requests, range(3), user_of, seed).donor(0) for seed in range(5)] == [2] * 5


def test_another_seed_gives_another_order() -> None:
    names = [f"u{n}" for n in range(20)]
    assert derangement(names, 0) != derangement(names, 1)
    assert derangement(names, 0) == derangement(reversed(names), 0)
