"""Rows computed under a convention are feasible under it, whatever the predictions, and the true share is in range."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from duetbench.evaluation.audit import HYPOTHESES, Hypothesis, feasible_share
from duetbench.evaluation.audit.feasibility import PrintedMetrics
from duetbench.evaluation.audit.printed import printed_number
from duetbench.evaluation.conventions import rounded


@st.composite
def _predictions(draw: st.DrawFn, decimals: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Labels, predictions in [1, 5], and which outputs failed (never all)."""
    n = draw(st.integers(1, 60))
    labels = draw(st.lists(st.integers(1, 5), min_size=n, max_size=n))
    steps = 10**decimals
    values = draw(st.lists(st.integers(steps, 5 * steps), min_size=n, max_size=n))
    failed = draw(st.lists(st.booleans(), min_size=n, max_size=n))
    failed[0] = False
    return np.array(labels, dtype=float), np.array(values) / steps, np.array(failed)


def _printed(errors: np.ndarray, n_correct: int, n: int, *, known_n: bool) -> PrintedMetrics:
    return PrintedMetrics(
        printed_number(f"{errors.mean():.4f}"),
        printed_number(f"{np.sqrt((errors**2).mean()):.4f}"),
        printed_number(f"{100 * n_correct / n:.2f}", unit=Fraction(1, 100)),
        n if known_n else None,
    )


def _row(
    name: str, data: tuple[np.ndarray, np.ndarray, np.ndarray], rounding: str, known_n: bool
) -> tuple[PrintedMetrics, float]:
    labels, values, failed = data
    if "failures" not in name:
        failed = np.zeros_like(failed)
    classes = rounded(values, range(1, 6), rounding) if "rounded" in name else values
    n_correct = int(((classes == labels) & ~failed).sum())
    if name.endswith("as_0"):
        errors = np.abs(labels - np.where(failed, -(np.arange(len(labels)) % 2), values))
    else:
        errors = np.abs(labels - values)[~failed]
    return _printed(errors, n_correct, len(labels), known_n=known_n), float(failed.mean())


@pytest.mark.parametrize("known_n", [False, True])
@pytest.mark.parametrize("hypothesis", HYPOTHESES, ids=lambda each: each.name)
@given(data=st.data())
@settings(max_examples=25, deadline=None)
def test_a_row_is_feasible_under_its_own_convention(hypothesis: Hypothesis, known_n: bool, data: st.DataObject) -> None:
    decimals = data.draw(st.sampled_from([1, 2, 6])) if hypothesis.is_fractional else 0
    rounding = data.draw(st.sampled_from(["half_up", "bankers"]))
    metrics, true_share = _row(hypothesis.name, data.draw(_predictions(decimals)), rounding, known_n)
    share = feasible_share(metrics, hypothesis)
    assert share is not None
    assert share.low - 1e-6 <= true_share <= share.high + 1e-6
