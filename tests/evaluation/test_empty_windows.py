"""The share of requests whose user has a history of which the writer sees nothing."""

from __future__ import annotations

import pytest
from request_making import request

from duetbench.evaluation.empty_windows import empty_window_share
from duetbench.strategies.duet import Duet
from duetbench.strategies.kar import Kar
from duetbench.strategies.ten_h import TenHistory

REQUESTS = [request(n, n_user=n_user) for n, n_user in enumerate([0, 3, 5, 12])]


@pytest.mark.parametrize(("short_history", "share"), [("overlap", 0.0), ("skip_profile", 0.5)])
def test_users_with_only_recent_interactions_have_empty_windows(short_history: str, share: float) -> None:
    strategy = Duet(Duet.Config(recent_k=5, short_history=short_history))
    assert empty_window_share(strategy, REQUESTS) == share


def test_a_writer_that_never_sees_a_user_starves_all_of_them() -> None:
    strategy = Kar(Kar.Config(recent_k=100, short_history="skip_profile"))
    assert empty_window_share(strategy, REQUESTS) == 0.75


def test_a_writer_that_reads_no_users_has_no_share() -> None:
    assert empty_window_share(Duet(Duet.Config(side="item")), REQUESTS) is None
    assert empty_window_share(TenHistory(), REQUESTS) is None


def test_without_requests_there_is_no_share() -> None:
    assert empty_window_share(Duet(), []) is None
