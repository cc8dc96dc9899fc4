from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from builtin_metrics import METRICS
from record_making import WITHOUT_LLM, make_cell
from statsmodels.stats.multitest import multipletests

from duetbench.errors import RecordError
from duetbench.leaderboard import collect
from duetbench.leaderboard.pairwise import PairwiseComparison, compare_pairwise
from duetbench.leaderboard.pairwise.comparison import RowPair
from duetbench.leaderboard.pairwise.text import sentence

N = 80
TRUTHS = np.random.default_rng(0).choice([1.0, 2, 3, 4, 5], p=[0.05, 0.05, 0.1, 0.3, 0.5], size=N)


def _mae(pair: RowPair):  # type: ignore[no-untyped-def]
    return next(metric for metric in pair.metrics if metric.metric == "mae")


def _partial(run: Path, scorer: str, kept: slice, *, shift: float = 0.0, **changes: object) -> None:
    """A row without an LLM on some of the pairs, whose predictions are off by `shift`."""
    truths = list(TRUTHS[kept])
    spec = WITHOUT_LLM | {"scorer": scorer, "options": {}, "limit": len(truths)}
    items = [f"i{row}" for row in range(N)[kept]]
    make_cell(run, f"{scorer}-cell", truths, [truth + shift for truth in truths], cell=spec, items=items, usage=None)


def test_two_rows_are_compared_by_every_metric(cell: Callable, run: Path) -> None:
    cell("a", 0.3, strategy="duet")
    cell("b", 1.0, strategy="lg", seed_of_values=2)
    (pair,) = compare_pairwise([run], METRICS).pairs
    assert [metric.metric for metric in pair.metrics] == [metric.name for metric in METRICS]
    assert (pair.n, pair.n_users, pair.n_row_only, pair.n_other_only) == (N, N // 2, 0, 0)


def test_the_difference_is_that_of_the_board(cell: Callable, free: Callable, run: Path) -> None:
    cell("a", 0.3, strategy="duet")
    free("bias", 1.0)
    (pair,) = compare_pairwise([run], METRICS).pairs
    row = next(row for row in collect([run], METRICS).sections[0].rows if not row.is_baseline)
    assert row.differences is not None
    expected, sign = row.differences["mae"], 1 if pair.row == row.label else -1
    assert _mae(pair).difference.estimate == pytest.approx(sign * expected.interval.estimate)
    assert _mae(pair).p == pytest.approx(expected.p)


def test_p_values_are_adjusted_over_all_pairs_of_rows(cell: Callable, run: Path) -> None:
    for number, strategy in enumerate(("duet", "lg", "kar")):
        cell(strategy, 0.3 + 0.2 * number, strategy=strategy, seed_of_values=number)
    compared = compare_pairwise([run], METRICS)
    comparisons = [_mae(pair) for pair in compared.pairs]
    expected = multipletests([each.p for each in comparisons], method="holm")[1]
    assert [each.p_holm for each in comparisons] == pytest.approx(list(expected))
    assert all(each.minimum_detectable_adjusted > each.minimum_detectable for each in comparisons)


def test_rows_pair_on_the_interactions_that_both_have(run: Path) -> None:
    _partial(run, "first", slice(0, 60), shift=0.5)
    _partial(run, "second", slice(0, 50))
    (pair,) = compare_pairwise([run], METRICS).pairs
    assert (pair.n, pair.n_row_only, pair.n_other_only) == (50, 10, 0)
    assert _mae(pair).difference is None  # every difference is 0.5: nothing varies
    assert (_mae(pair).value, _mae(pair).other_value) == (0.5, 0.0)


def test_other_true_ratings_do_not_pair(run: Path) -> None:
    _partial(run, "first", slice(0, 20), shift=0.5)
    spec = WITHOUT_LLM | {"scorer": "second", "options": {}, "limit": 20}
    changed = [6 - TRUTHS[0] if TRUTHS[0] != 3 else 1.0, *TRUTHS[1:20]]
    make_cell(run, "second", changed, changed, cell=spec, items=[f"i{row}" for row in range(20)], usage=None)
    (pair,) = compare_pairwise([run], METRICS).pairs
    assert (pair.n, pair.n_row_only, pair.n_other_only, pair.n_other_rating) == (19, 1, 1, 1)


def test_other_data_pairs_by_user_and_item(run: Path) -> None:
    _partial(run, "first", slice(0, 20), shift=0.5)
    spec = WITHOUT_LLM | {"scorer": "second", "options": {}, "dataset": "unknown"}
    domain = {"noun": "album", "plural": "albums", "labels": [1, 2, 3, 4, 5]}
    dataset = {"fingerprint": "a" * 64, "domain": domain, "steps": [], "counts": {}, "n_train": 0}
    truths = list(TRUTHS[:10])
    items = [f"i{row}" for row in range(10)]
    make_cell(run, "second", truths, truths, cell=spec, items=items, dataset=dataset, usage=None)
    (pair,) = compare_pairwise([run], METRICS).pairs
    assert (pair.n, pair.n_row_only, pair.n_other_only) == (10, 10, 0)


def test_seeds_of_a_row_are_one_row(cell: Callable, free: Callable, run: Path) -> None:
    for seed in range(3):
        cell(f"a{seed}", 0.5, seed=seed, seed_of_values=seed)
    free("bias", 1.0)
    assert len(compare_pairwise([run], METRICS).rows) == 2


def test_rows_that_share_nothing_are_noted(run: Path) -> None:
    _partial(run, "first", slice(0, 20))
    spec = WITHOUT_LLM | {"scorer": "second", "options": {}}
    items = [f"x{row}" for row in range(5)]
    dataset = {
        "fingerprint": "a" * 64,
        "domain": {"noun": "album", "plural": "albums", "labels": [1, 2, 3, 4, 5]},
        "steps": [],
        "counts": {},
        "n_train": 0,
    }
    make_cell(run, "second", [1, 2, 3, 4, 5], [1, 2, 3, 4, 5], cell=spec, items=items, dataset=dataset, usage=None)
    compared = compare_pairwise([run], METRICS)
    assert compared.pairs == ()
    assert "1 pairs of rows share no interaction and are not compared" in compared.notes


def test_a_single_row_is_an_error(cell: Callable, run: Path) -> None:
    cell("a", 0.5)
    with pytest.raises(RecordError, match="two rows with predictions are needed, found duet"):
        compare_pairwise([run], METRICS)


def _sentence(compared: PairwiseComparison) -> str:
    (pair,) = compared.pairs
    return sentence(pair, _mae(pair), compared)


def test_a_clear_difference_is_said_in_words(cell: Callable, free: Callable, run: Path) -> None:
    cell("a", 0.1, strategy="duet")
    free("bias", 1.5)
    text = _sentence(compare_pairwise([run], METRICS))
    assert text.startswith("duet has a lower MAE than bias (")
    assert "on 80 shared interactions of 40 users." in text


def test_no_difference_is_said_with_what_could_be_detected(cell: Callable, run: Path) -> None:
    cell("a", 0.5, strategy="duet", seed_of_values=1)
    cell("b", 0.5, strategy="lg", seed_of_values=2)
    text = _sentence(compare_pairwise([run], METRICS))
    assert text.startswith("No difference in MAE between duet and lg is shown (")
    assert "a true difference below" in text


def test_pairs_that_are_left_out_are_said(run: Path) -> None:
    _partial(run, "first", slice(0, 60), shift=0.5)
    _partial(run, "second", slice(0, 50))
    assert _sentence(compare_pairwise([run], METRICS)).endswith(
        "10 interactions of first and 0 of second did not pair."
    )
