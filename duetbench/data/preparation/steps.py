"""The preparation steps, from all valid rows to splits. Any order is allowed; the rows after each step are counted."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from duetbench.data.preparation.k_core import k_core_mask
from duetbench.data.preparation.prepared import StepCount
from duetbench.data.preparation.splits import split_count, split_leave_last, split_random, split_time
from duetbench.data.preparation.time_windows import window
from duetbench.data.rows import SPLITS, UNSPLIT, Rows, empty_rows
from duetbench.errors import ConfigError, DuetbenchError, UnknownName

StepFunction = Callable[[Rows, str], Rows]


@dataclass(frozen=True, slots=True)
class Step:
    """A step with its argument."""

    text: str
    """The step as it was written: `NAME` or `NAME:ARGUMENT`."""
    apply: StepFunction
    argument: str

    def __call__(self, rows: Rows) -> Rows:
        return self.apply(rows, self.argument)


def dedupe(rows: Rows, argument: str) -> Rows:
    """Keeps one row per (user, item): the `first` by time and file order (default), or the `last`."""
    occurrence = _parse_choice("dedupe", argument or "first", ("first", "last"))
    repeated = rows.repeated_pair_positions()
    repeated_rows = rows.take(repeated)
    order = repeated_rows.time_order()
    if occurrence == "last":
        order = order[::-1]
    _, first_of_pair = np.unique(repeated_rows.pairs()[order], return_index=True)
    is_kept = np.ones(len(rows), dtype=np.bool_)
    is_kept[repeated] = False
    is_kept[repeated[order[first_of_pair]]] = True
    return rows.take(is_kept)


def titled(rows: Rows, argument: str) -> Rows:
    """Keeps the rows whose item has a title."""
    _check_no_argument("titled", argument)
    return rows.take(rows.titled)


def k_core(rows: Rows, argument: str) -> Rows:
    """Keeps the k-core: `kcore:5` for users and items, `kcore:5/0` for users only."""
    counts = (argument or "5").split("/")
    if len(counts) > 2 or not all(count.isdecimal() for count in counts):
        raise ConfigError([f"steps.kcore:{argument}: expected a count, or USERS/ITEMS, as in kcore:5 or kcore:5/0"])
    return rows.take(k_core_mask(rows.user, rows.item, k_user=int(counts[0]), k_item=int(counts[-1])))


def sort(rows: Rows, argument: str) -> Rows:
    """Sorts by time, ties in file order."""
    _check_no_argument("sort", argument)
    return rows.take(rows.time_order())


def drop_cold(rows: Rows, argument: str) -> Rows:
    """Removes validation and test rows whose user or item is not in train; does nothing if there are no splits."""
    _check_no_argument("drop_cold", argument)
    is_train = rows.split == SPLITS.index("train")
    is_held_out = rows.split > SPLITS.index("train")
    has_known_user = np.isin(rows.user, rows.user[is_train])
    has_known_item = np.isin(rows.item, rows.item[is_train])
    return rows.take(~is_held_out | (has_known_user & has_known_item))


STEPS: dict[str, StepFunction] = {
    "dedupe": dedupe,
    "titled": titled,
    "window": window,
    "kcore": k_core,
    "sort": sort,
    "split_count": split_count,
    "split_time": split_time,
    "split_leave_last": split_leave_last,
    "split_random": split_random,
    "drop_cold": drop_cold,
}

NEED_TIMES = ("window", "split_time")
"""Steps that compare times; they cannot be applied to rows whose timestamps are positions in the file."""


def parse_steps(texts: Sequence[str], *, has_times: bool = True) -> list[Step]:
    """The steps from texts of the form `NAME` or `NAME:ARGUMENT`.

    Args:
        texts: The steps in order.
        has_times: Whether the rows have times; otherwise their timestamps are positions in the file.

    Raises:
        UnknownName: the only fault is a step that does not exist.
        ConfigError: steps do not exist, arguments are invalid, or steps have no effect; lists all faults.
    """
    steps, faults = [], list[DuetbenchError]()
    for text in map(str.strip, texts):
        name, _, argument = text.partition(":")
        try:
            steps.append(_parse_step(text, name, argument, has_times=has_times))
        except (ConfigError, UnknownName) as error:
            faults.append(error)
    splitting = [step.text for step in steps if step.text.startswith("split_")]
    if len(splitting) > 1:
        replaced = f"steps.{splitting[0]}: no effect, because {splitting[-1]} splits again; keep one of them"
        faults.append(ConfigError([replaced]))
    if len(faults) == 1:
        raise faults[0]
    if faults:
        raise ConfigError([text for error in faults for text in _texts_of(error)])
    return steps


def _parse_step(text: str, name: str, argument: str, *, has_times: bool) -> Step:
    if name not in STEPS:
        raise UnknownName("step", name, STEPS)
    if name in NEED_TIMES and not has_times:
        raise ConfigError([f"steps.{text}: needs times, and the data has none (--time none); use split_count instead"])
    step = Step(text, STEPS[name], argument)
    step(empty_rows())  # finds invalid arguments before any data is read
    return step


def _texts_of(error: DuetbenchError) -> Sequence[str]:
    return error.faults if isinstance(error, ConfigError) else [f"steps: {error}"]


def run_steps(rows: Rows, texts: Sequence[str], *, has_times: bool = True) -> tuple[Rows, tuple[StepCount, ...]]:
    """The remaining rows, and the counts at the start (`raw`) and after each step; raises errors of `parse_steps`."""
    counts = [count_rows("raw", rows)]
    for step in parse_steps(texts, has_times=has_times):
        rows = step(rows)
        counts.append(count_rows(step.text, rows))
    return rows, tuple(counts)


def count_rows(step: str, rows: Rows) -> StepCount:
    """Counts of rows, users and items, and of rows per split."""
    splits: dict[str, int] = {name: int((rows.split == code).sum()) for code, name in enumerate(SPLITS)}
    if (rows.split == UNSPLIT).all():
        splits = {}
    return StepCount(step, len(rows), _n_distinct(rows.user), _n_distinct(rows.item), splits)


def _n_distinct(codes: np.ndarray) -> int:
    return int(np.count_nonzero(np.bincount(codes))) if len(codes) else 0


def _check_no_argument(name: str, argument: str) -> None:
    if argument:
        raise ConfigError([f"steps.{name}:{argument}: this step takes no argument"])


def _parse_choice(name: str, argument: str, choices: Sequence[str]) -> str:
    if argument not in choices:
        raise ConfigError([f"steps.{name}:{argument}: expected one of {', '.join(choices)}"])
    return argument
