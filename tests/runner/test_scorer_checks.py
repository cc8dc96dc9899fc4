"""Scorers that cannot predict on a dataset's scale are refused before any work."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from duetbench.errors import ConfigError
from duetbench.interfaces import Engine
from duetbench.runner import Plan, RunOutcome

Ran = Callable[..., RunOutcome]
Planned = Callable[..., Plan]


def _without_labels(_engine: Engine, prefix: str, labels: list[str]) -> str:
    return f"no label {labels[-1]} after {prefix!r}"


def test_labels_that_cannot_be_read_stop_the_run_before_any_cell_and_name_rating_text(
    ran: Ran, planned: Planned, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Engine, "label_fault", _without_labels)
    with pytest.raises(ConfigError) as error:
        ran(strategies=("10h", "duet"), limit=2)
    assert error.value.faults == [
        "tiny: scorer 'rating_expectation': no label 5 after 'Rating: '; scorer 'rating_text' needs no label "
        "probabilities"
    ]


def test_rating_text_runs_where_labels_cannot_be_read(ran: Ran, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Engine, "label_fault", _without_labels)
    assert ran(scorers=("rating_text",), limit=2).failures == []


def test_finished_cells_are_not_checked_again(ran: Ran, monkeypatch: pytest.MonkeyPatch) -> None:
    ran(limit=2)
    monkeypatch.setattr(Engine, "label_fault", _without_labels)
    outcome = ran(limit=2)
    assert set(outcome.states.values()) == {"found"}
