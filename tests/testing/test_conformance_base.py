"""The checks run with and without pytest, and say what they found."""

from __future__ import annotations

from duetbench.testing import CONFORMANCE, MinimalReward, RewardConformance
from duetbench.testing.conformance import Conformance, skip


class _Sample(Conformance):
    plugin = MinimalReward

    def test_good(self) -> None:
        """It holds."""

    def test_bad(self) -> None:
        """It does not hold.

        More about it.
        """
        raise AssertionError("for\na reason")

    def test_broken(self) -> None:
        """It breaks."""
        raise KeyError("lost")

    def test_left_out(self) -> None:
        """It does not apply."""
        skip("nothing here")


def test_results_tell_outcome_meaning_and_reason() -> None:
    results = {result.check: result for result in _Sample().run()}
    found = [(each.outcome, each.meaning, each.reason) for each in map(results.get, ("test_good", "test_bad")) if each]
    assert found == [("pass", "It holds.", ""), ("fail", "It does not hold.", "for a reason")]
    assert results["test_left_out"].outcome == "skipped"
    assert results["test_left_out"].reason == "nothing here"


def test_an_exception_fails_with_its_place() -> None:
    result = next(result for result in _Sample().run() if result.check == "test_broken")
    assert result.outcome == "fail"
    assert "KeyError('lost') at test_conformance_base.py:" in result.reason


def test_general_checks_come_first() -> None:
    checks = RewardConformance.checks()
    assert checks.index("test_says_what_it_is") < checks.index("test_being_wrong_never_pays")


def test_every_check_says_what_it_checks() -> None:
    mute = [name for each in CONFORMANCE.values() for name in each.checks() if not getattr(each, name).__doc__]
    assert mute == []
