"""10H writes no profile."""

from __future__ import annotations

from duetbench.strategies.ten_h import TenHistory
from duetbench.testing import StrategyConformance


class TestTenHistory(StrategyConformance):
    plugin = TenHistory


def test_it_has_no_stages() -> None:
    assert TenHistory().stages() == ()
