"""Computes batches, several at a time where the engine allows it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TypeVar

_B = TypeVar("_B")
_R = TypeVar("_R")


def computed_batches(batches: Sequence[_B], compute: Callable[[_B], _R], *, n_parallel: int) -> Iterator[tuple[_B, _R]]:
    """Each batch with its result: in order if one is computed at a time, else in the order in which they end.

    After an error in one batch, those that are being computed are still yielded, so that they are stored, and then the
    error is raised. An interrupt is raised at once.

    Args:
        batches: What to compute.
        compute: Called in this thread if `n_parallel` is 1, else in several threads.
        n_parallel: Number of batches that are computed at a time, >= 1.
    """
    if n_parallel == 1 or len(batches) < 2:
        yield from ((batch, compute(batch)) for batch in batches)
        return
    from concurrent.futures import ThreadPoolExecutor, as_completed

    executor = ThreadPoolExecutor(min(n_parallel, len(batches)), thread_name_prefix="batch")
    try:
        futures = {executor.submit(compute, batch): batch for batch in batches}
        error: BaseException | None = None
        for future in as_completed(futures):
            if future.cancelled():
                continue
            if (raised := future.exception()) is None:
                yield futures[future], future.result()
            elif error is None:
                error = raised
                executor.shutdown(wait=False, cancel_futures=True)
        if error:
            raise error
    finally:
        executor.shutdown(wait=False, cancel_futures=True)
