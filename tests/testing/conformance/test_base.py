"""The conformance checks run without pytest and report outcome, meaning and reason."""

from __future__ import annotations

from duetbench.testing import CONFORMANCE, MinimalReward, RewardConformance
from duetbench.testing.conformance.base import Conformance
from duetbench.testing.conformance.checks import skip


class _SampleConformance(Conformance):
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


def test_results_have_outcome_meaning_and_reason() -> None:
    results = {result.check: result for result in _SampleConformance().run()}
    values = [
        (results[name].outcome, results[name].meaning, results[name].reason) for name in ("test_good", "test_bad")
    ]
    assert values == [("pass", "It holds.", ""), ("fail", "It does not hold.", "for a reason")]
    assert results["test_left_out"].outcome == "skipped"
    assert results["test_left_out"].reason == "nothing here"


def test_exception_fails_the_check_with_its_location() -> None:
    result = next(result for result in _SampleConformance().run() if result.check == "test_broken")
    assert result.outcome == "fail"
    assert "KeyError('lost') at test_base.py:" in result.reason


def test_general_checks_come_first() -> None:
    checks = RewardConformance.checks()
    assert checks.index("test_has_a_summary") < checks.index("test_wrong_predictions_earn_no_more")


def test_every_check_has_a_docstring() -> None:
    checks = [getattr(conformance, name) for conformance in CONFORMANCE.values() for name in conformance.checks()]
    assert [check.__name__ for check in checks if not check.__doc__] == []
