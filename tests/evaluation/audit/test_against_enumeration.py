"""With n, integer hypotheses are decided exactly: compared with all histograms of |error| of a few predictions."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from itertools import combinations_with_replacement, product
from math import sqrt

import pytest

from duetbench.evaluation.audit import HYPOTHESES, FailureShare, Hypothesis, feasible_share
from duetbench.evaluation.audit.feasibility import PrintedMetrics
from duetbench.evaluation.audit.hypotheses import Outcome
from duetbench.evaluation.audit.printed import PrintedNumber, printed_number

N = 4
INTEGER = [hypothesis for hypothesis in HYPOTHESES if not hypothesis.is_fractional]


def _triples(outcomes: tuple[Outcome, ...]) -> Iterator[tuple[float, float, float, float]]:
    """MAE, RMSE, accuracy and share of failures of every way to choose N outcomes."""
    for chosen in combinations_with_replacement(outcomes, N):
        errors = [outcome.error for outcome in chosen if outcome.is_counted]
        if errors:
            mean_square = sum(error**2 for error in errors) / len(errors)
            correct, failed = (
                sum(each) / N for each in zip(*((o.is_correct, o.is_failed) for o in chosen), strict=True)
            )
            yield sum(errors) / len(errors), sqrt(mean_square), correct, failed


def _holds(number: PrintedNumber, value: float) -> bool:
    return float(number.low) - 1e-9 <= value <= float(number.high) + 1e-9


def _rows(triples: list[tuple[float, float, float, float]]) -> list[tuple[str, str, str]]:
    """The printed numbers of each triple, and combinations of those of different triples."""
    printed = [(f"{mae:.2f}", f"{rmse:.2f}", f"{100 * accuracy:.0f}") for mae, rmse, accuracy, _ in triples]
    maes, rmses, accuracies = (sorted(set(column)) for column in zip(*printed, strict=True))
    return sorted({*printed, *product(maes[::7], rmses[::7], accuracies)})


@pytest.mark.parametrize("hypothesis", INTEGER, ids=lambda hypothesis: hypothesis.name)
def test_a_row_is_feasible_exactly_if_some_histogram_has_its_numbers(hypothesis: Hypothesis) -> None:
    triples = list(_triples(hypothesis.outcomes))
    rows = _rows(triples)
    n_feasible = 0
    for mae, rmse, accuracy in rows:
        numbers = printed_number(mae), printed_number(rmse), printed_number(accuracy, unit=Fraction(1, 100))
        shares = [each[3] for each in triples if all(map(_holds, numbers, each[:3]))]
        expected = FailureShare(pytest.approx(min(shares)), pytest.approx(max(shares))) if shares else None
        assert feasible_share(PrintedMetrics(*numbers, N), hypothesis) == expected, (mae, rmse, accuracy)
        n_feasible += bool(shares)
    assert len(rows) / 10 < n_feasible < len(rows) * 9 / 10
