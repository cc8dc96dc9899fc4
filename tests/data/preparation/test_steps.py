"""Each step on small examples, and properties that hold in every order of steps."""

from __future__ import annotations

import itertools
from collections import Counter
from random import Random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from duetbench.data.preparation.splits import TEST, TRAIN, VALID
from duetbench.data.preparation.steps import parse_steps, run_steps
from duetbench.data.preparation.time_windows import subtract_months
from duetbench.data.readers.validation import parse_timestamp
from duetbench.data.rows import SPLITS, UNSPLIT, Rows
from duetbench.errors import ConfigError, UnknownName

DAY = 86_400
ALL = ("dedupe", "titled", "window:20d", "kcore:2", "sort", "split_count:0.6/0.2/0.2", "drop_cold")


def rows(*lines: tuple[int, int, int], titled: tuple[bool, ...] = ()) -> Rows:
    """Rows from (user, item, day)."""
    table = np.array(lines, dtype=np.int64).reshape(-1, 3)
    return Rows(
        np.arange(len(table)),
        table[:, 0],
        table[:, 1],
        table[:, 2] * DAY,
        np.full(len(table), UNSPLIT, dtype=np.int8),
        np.array(titled or [True] * len(table), dtype=np.bool_),
    )


many_rows = st.lists(
    st.tuples(st.integers(0, 5), st.integers(0, 5), st.integers(0, 40), st.booleans()), min_size=1, max_size=60
).map(lambda lines: rows(*[line[:3] for line in lines], titled=tuple(line[3] for line in lines)))


def remaining(data: Rows, *steps: str) -> list[int]:
    return [int(row) for row in run_steps(data, steps)[0].row]


def test_dedupe_keeps_the_earliest_of_a_pair() -> None:
    assert remaining(rows((1, 1, 5), (1, 1, 3), (1, 2, 9), (1, 1, 3)), "dedupe") == [1, 2]


def test_dedupe_can_keep_the_last() -> None:
    assert remaining(rows((1, 1, 5), (1, 1, 3), (1, 1, 5)), "dedupe:last") == [2]


def test_titled_removes_rows_of_untitled_items() -> None:
    assert remaining(rows((1, 1, 5), (1, 2, 3), titled=(False, True)), "titled") == [1]


def test_a_window_is_counted_back_from_the_last_row() -> None:
    data = rows((1, 1, 0), (1, 2, 30), (1, 3, 31), (1, 4, 60))
    assert remaining(data, "window:30d") == [2, 3]


def test_a_window_of_dates_ends_before_its_last_day() -> None:
    assert remaining(rows((1, 1, 0), (1, 2, 1), (1, 3, 2)), "window:1970-01-02/1970-01-03") == [1]


def test_months_are_shortened_to_the_last_day() -> None:
    assert subtract_months(parse_timestamp("2014-03-31T12:00:00"), 1) == parse_timestamp("2014-02-28T12:00:00")
    assert subtract_months(parse_timestamp("2014-01-15"), 2) == parse_timestamp("2013-11-15")


def test_sort_keeps_file_order_within_a_day() -> None:
    assert remaining(rows((1, 1, 2), (1, 2, 1), (1, 3, 2), (1, 4, 1)), "sort") == [1, 3, 0, 2]


def test_kcore_repeats_until_nothing_is_removed() -> None:
    chain = rows((1, 1, 0), (1, 2, 0), (2, 2, 0), (2, 3, 0), (3, 3, 0))
    assert remaining(chain, "kcore:2") == []
    square = rows((1, 1, 0), (1, 2, 0), (2, 1, 0), (2, 2, 0), (3, 1, 0))
    assert remaining(square, "kcore:2") == [0, 1, 2, 3]


def test_kcore_of_users_only_keeps_rare_items() -> None:
    assert remaining(rows((1, 1, 0), (1, 2, 0), (2, 1, 0)), "kcore:2/0") == [0, 1]


def test_split_counts_are_rounded_down() -> None:
    data, _ = run_steps(rows(*[(1, item, item) for item in range(19)]), ["split_count:0.8/0.1/0.1"])
    assert Counter(data.split.tolist()) == {TRAIN: 15, VALID: 2, TEST: 2}  # cuts at 15.2 and 17.1


def test_a_time_split_by_dates() -> None:
    data, _ = run_steps(rows((1, 1, 0), (1, 2, 1), (1, 3, 2)), ["split_time:1970-01-02/1970-01-03"])
    assert data.split.tolist() == [TRAIN, VALID, TEST]


def test_a_time_split_by_durations_is_counted_from_the_end() -> None:
    data, _ = run_steps(rows(*[(1, day, day) for day in range(10)]), ["split_time:3d/2d"])
    assert data.split.tolist() == [TRAIN] * 5 + [VALID] * 3 + [TEST] * 2


def test_leave_last_keeps_users_with_few_rows_in_train() -> None:
    data, _ = run_steps(rows((1, 1, 3), (1, 2, 1), (1, 3, 2), (2, 1, 5), (2, 2, 6)), ["split_leave_last"])
    assert data.split.tolist() == [TEST, TRAIN, VALID, TRAIN, TRAIN]


def test_a_random_split_has_the_sizes_of_a_split_by_count() -> None:
    data, _ = run_steps(rows(*[(1, item, item) for item in range(19)]), ["split_random:0.8/0.1/0.1"])
    assert Counter(data.split.tolist()) == {TRAIN: 15, VALID: 2, TEST: 2}


def test_a_random_split_is_decided_by_its_seed() -> None:
    data = rows(*[(1, item, item) for item in range(100)])
    splits = [run_steps(data, [f"split_random:0.8/0.1/0.1{seed}"])[0].split.tolist() for seed in ("", "/0", "/1")]
    assert splits[0] == splits[1] != splits[2]


def test_a_random_split_does_not_depend_on_the_order_of_rows() -> None:
    data = rows(*[(1, item, 99 - item) for item in range(100)])
    by_row = [
        dict(zip(split.row.tolist(), split.split.tolist(), strict=True))
        for split in (run_steps(data, steps)[0] for steps in (["split_random"], ["sort", "split_random"]))
    ]
    assert by_row[0] == by_row[1]


@pytest.mark.parametrize("step", ["window:30d", "split_time:3d/2d"])
def test_steps_that_compare_times_need_times(step: str) -> None:
    with pytest.raises(ConfigError, match="needs times"):
        run_steps(rows((1, 1, 0)), [step], has_times=False)


def test_all_faults_of_the_steps_are_reported_at_once() -> None:
    with pytest.raises(ConfigError) as error:
        parse_steps(["dedup", "kcore:x", "sort", "split_count:1/1/1"])
    assert [fault.split(":")[0] for fault in error.value.faults] == ["steps", "steps.kcore", "steps.split_count"]
    assert "did you mean 'dedupe'" in error.value.faults[0]


def test_a_split_that_is_replaced_by_another_is_an_error() -> None:
    with pytest.raises(ConfigError, match=r"steps\.split_count: no effect, because split_leave_last:1 splits again"):
        parse_steps(["split_count", "split_leave_last:1"])


@pytest.mark.parametrize("step", ["window:99999m", "window:99999d", "split_time:99999m/1d"])
def test_a_duration_may_reach_beyond_the_calendar(step: str) -> None:
    assert remaining(rows((1, 1, 0), (2, 2, 1)), step) == [0, 1]


def test_an_empty_table_is_split_by_any_argument() -> None:
    assert not len(run_steps(rows(), ["split_time:2014-05-01/30d"])[0])


def test_shares_with_many_digits_sum_to_one() -> None:
    data = run_steps(rows(*((user, 1, user) for user in range(6))), ["split_count:0.3333333/0.3333333/0.3333334"])[0]
    assert data.split.tolist() == [TRAIN, VALID, VALID, TEST, TEST, TEST]


@pytest.mark.parametrize("shares", ["0.333333/0.666666/0", "0.8/0.1/0.1001", "-0.1/0.6/0.5"])
def test_shares_that_do_not_sum_to_1_are_rejected(shares: str) -> None:
    with pytest.raises(ConfigError, match="sum to 1"):
        run_steps(rows((1, 1, 0)), [f"split_count:{shares}"])


def test_drop_cold_requires_user_and_item_in_train() -> None:
    data = rows((1, 1, 0), (2, 2, 1), (1, 2, 2), (1, 3, 3), (3, 1, 4))
    assert remaining(data, "split_count:0.4/0.2/0.4", "drop_cold") == [0, 1, 2]


def test_drop_cold_before_a_split_changes_nothing() -> None:
    assert remaining(rows((1, 1, 0)), "drop_cold") == [0]


@pytest.mark.parametrize(
    "step",
    [
        "dedupe:some", "titled:x", "window:", "window:2w", "window:a/b", "kcore:x", "kcore:1/2/3", "sort:up",
        "split_count:0.5/0.6/0.1", "split_count:1", "split_count:nan/0/1", "split_time:3d", "split_time:x/y",
        "split_random:0.5/0.5/0.5", "split_random:0.8/0.1/0.1/x", "split_random:0.8/0.1/0.1/-1",
        "split_leave_last:0", "drop_cold:1", "kcore:²", "split_leave_last:²", "window:999999m",
        "split_time:2014-06-01/2014-05-01",
    ],
)  # fmt: skip
@pytest.mark.parametrize("data", [rows((1, 1, 0)), rows()], ids=["one row", "no row"])
def test_an_invalid_argument_is_an_error_with_its_step(step: str, data: Rows) -> None:
    with pytest.raises(ConfigError, match=r"steps\." + step.split(":")[0]):
        run_steps(data, [step])


def test_an_unknown_step_gets_a_suggestion() -> None:
    with pytest.raises(UnknownName, match="did you mean 'dedupe'"):
        parse_steps(["dedup"])


def test_every_step_is_counted() -> None:
    _, counts = run_steps(rows((1, 1, 0), (1, 1, 1), (2, 1, 2)), ["dedupe", "split_count:0.5/0.5/0"])
    assert [(count.step, count.rows, count.users, count.items) for count in counts] == [
        ("raw", 3, 2, 1),
        ("dedupe", 2, 2, 1),
        ("split_count:0.5/0.5/0", 2, 2, 1),
    ]
    assert counts[1].splits == {}
    assert counts[2].splits == {"train": 1, "valid": 1, "test": 0}


@settings(max_examples=60, deadline=None)
@given(data=many_rows, order=st.permutations(ALL))
def test_every_order_is_legal(data: Rows, order: list[str]) -> None:
    result, counts = run_steps(data, order)
    assert len(counts) == len(order) + 1
    assert set(result.row.tolist()) <= set(data.row.tolist())
    assert len(set(result.row.tolist())) == len(result)
    assert set(result.split.tolist()) <= set(range(len(SPLITS)))


def test_every_order_leaves_the_same_columns() -> None:
    drawn = Random(0)
    data = rows(*[(drawn.randrange(6), drawn.randrange(6), drawn.randrange(40)) for _ in range(80)])
    origin = {int(row): (data.user[row], data.item[row], data.time[row]) for row in data.row}
    for order in itertools.permutations(ALL, 4):
        result, _ = run_steps(data, order)
        assert all(
            origin[int(row)] == (result.user[at], result.item[at], result.time[at]) for at, row in enumerate(result.row)
        )


@settings(max_examples=60, deadline=None)
@given(data=many_rows, k=st.integers(1, 4))
def test_a_k_core_is_idempotent_and_has_k_everywhere(data: Rows, k: int) -> None:
    once, _ = run_steps(data, [f"kcore:{k}"])
    twice, _ = run_steps(once, [f"kcore:{k}"])
    assert once.row.tolist() == twice.row.tolist()
    assert min(Counter(once.user.tolist()).values(), default=k) >= k
    assert min(Counter(once.item.tolist()).values(), default=k) >= k


@settings(max_examples=60, deadline=None)
@given(data=many_rows, seed=st.integers(0, 99))
def test_a_k_core_does_not_depend_on_the_order_of_rows(data: Rows, seed: int) -> None:
    shuffled = data.take(np.random.default_rng(seed).permutation(len(data)))
    assert sorted(remaining(data, "kcore:2")) == sorted(remaining(shuffled, "kcore:2"))


@settings(max_examples=60, deadline=None)
@given(data=many_rows, order=st.permutations(ALL[:-1]))
def test_nothing_is_cold_after_drop_cold(data: Rows, order: list[str]) -> None:
    result, _ = run_steps(data, [*order, "drop_cold"])
    train = result.split == TRAIN
    assert set(result.user[~train].tolist()) <= set(result.user[train].tolist())
    assert set(result.item[~train].tolist()) <= set(result.item[train].tolist())


@settings(max_examples=60, deadline=None)
@given(data=many_rows, order=st.permutations(ALL))
def test_dedupe_leaves_one_row_a_pair_whatever_follows(data: Rows, order: list[str]) -> None:
    result, _ = run_steps(data, order)
    pairs = list(zip(result.user.tolist(), result.item.tolist(), strict=True))
    assert len(set(pairs)) == len(pairs)


@settings(max_examples=60, deadline=None)
@given(data=many_rows)
def test_a_split_by_count_after_sort_is_a_split_by_time(data: Rows) -> None:
    result, _ = run_steps(data, ["sort", "split_count:0.6/0.2/0.2"])
    assert np.all(np.diff(result.split) >= 0)
    assert np.all(np.diff(result.time) >= 0)
