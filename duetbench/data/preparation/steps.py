"""The ordered steps from all usable rows to a split. Every order of them is legal; what each leaves is counted."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from duetbench.data.preparation.k_core import k_core
from duetbench.data.preparation.prepared import StepCount
from duetbench.data.preparation.splits import split_count, split_leave_last, split_time
from duetbench.data.preparation.time_windows import window
from duetbench.data.rows import SPLITS, UNSPLIT, Rows
from duetbench.errors import ConfigError, UnknownName

StepFunction = Callable[[Rows, str], Rows]


@dataclass(frozen=True, slots=True)
class Step:
    """A step with its argument."""

    text: str
    """As it was written: `NAME` or `NAME:ARGUMENT`."""
    apply: StepFunction
    argument: str

    def __call__(self, rows: Rows) -> Rows:
        return self.apply(rows, self.argument)


def dedupe(rows: Rows, argument: str) -> Rows:
    """One row per (user, item): the `first` by time and file order (default), or the `last`."""
    which = _choice("dedupe", argument or "first", ("first", "last"))
    shared = rows.shared_pairs()
    some = rows.take(shared)
    order = some.by_time()
    if which == "last":
        order = order[::-1]
    _, kept = np.unique(some.pairs()[order], return_index=True)
    stays = np.ones(len(rows), dtype=np.bool_)
    stays[shared] = False
    stays[shared[order[kept]]] = True
    return rows.take(stays)


def titled(rows: Rows, argument: str) -> Rows:
    """The rows whose item has a title."""
    _no_argument("titled", argument)
    return rows.take(rows.titled)


def core(rows: Rows, argument: str) -> Rows:
    """The k-core: `kcore:5` for users and items, `kcore:5/0` for users alone."""
    counts = (argument or "5").split("/")
    if len(counts) > 2 or not all(count.isdecimal() for count in counts):
        raise ConfigError([f"steps.kcore:{argument}: wants a count, or USERS/ITEMS, as in kcore:5 or kcore:5/0"])
    return rows.take(k_core(rows.user, rows.item, k_user=int(counts[0]), k_item=int(counts[-1])))


def sort(rows: Rows, argument: str) -> Rows:
    """By time, ties in file order."""
    _no_argument("sort", argument)
    return rows.take(rows.by_time())


def drop_cold(rows: Rows, argument: str) -> Rows:
    """Validation and test rows go if their user or their item is not in train; without a split nothing goes."""
    _no_argument("drop_cold", argument)
    in_train = rows.split == SPLITS.index("train")
    later = rows.split > SPLITS.index("train")
    known_user = np.isin(rows.user, rows.user[in_train])
    known_item = np.isin(rows.item, rows.item[in_train])
    return rows.take(~later | (known_user & known_item))


STEPS: dict[str, StepFunction] = {
    "dedupe": dedupe,
    "titled": titled,
    "window": window,
    "kcore": core,
    "sort": sort,
    "split_count": split_count,
    "split_time": split_time,
    "split_leave_last": split_leave_last,
    "drop_cold": drop_cold,
}


def parse_steps(texts: Sequence[str]) -> list[Step]:
    """The steps behind `NAME` or `NAME:ARGUMENT`.

    Raises:
        UnknownName: no such step.
    """
    steps = []
    for text in texts:
        name, _, argument = text.strip().partition(":")
        if name not in STEPS:
            raise UnknownName("step", name, STEPS)
        steps.append(Step(text.strip(), STEPS[name], argument))
    return steps


def run_steps(rows: Rows, texts: Sequence[str]) -> tuple[Rows, tuple[StepCount, ...]]:
    """What the steps leave, and the counts at the start (`raw`) and after each step.

    Raises:
        ConfigError: a step's argument makes no sense.
        UnknownName: no such step.
    """
    counts = [count_rows("raw", rows)]
    for step in parse_steps(texts):
        rows = step(rows)
        counts.append(count_rows(step.text, rows))
    return rows, tuple(counts)


def count_rows(step: str, rows: Rows) -> StepCount:
    """How many rows, users and items there are, and how many rows each split has."""
    splits: dict[str, int] = {name: int((rows.split == code).sum()) for code, name in enumerate(SPLITS)}
    if (rows.split == UNSPLIT).all():
        splits = {}
    return StepCount(step, len(rows), _n_distinct(rows.user), _n_distinct(rows.item), splits)


def _n_distinct(codes: np.ndarray) -> int:
    return int(np.count_nonzero(np.bincount(codes))) if len(codes) else 0


def _no_argument(name: str, argument: str) -> None:
    if argument:
        raise ConfigError([f"steps.{name}:{argument}: this step takes no argument"])


def _choice(name: str, argument: str, known: Sequence[str]) -> str:
    if argument not in known:
        raise ConfigError([f"steps.{name}:{argument}: wants one of {', '.join(known)}"])
    return argument
