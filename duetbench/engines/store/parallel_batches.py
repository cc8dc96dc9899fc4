"""Computes batches, several at a time where the engine allows it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import islice
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
    from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait

    executor = ThreadPoolExecutor(min(n_parallel, len(batches)), thread_name_prefix="batch")
    waiting = iter(batches)
    running: dict[Future[_R], _B] = {}
    error: BaseException | None = None
    try:
        while True:
            if error is None:
                running |= {
                    executor.submit(compute, batch): batch for batch in islice(waiting, n_parallel - len(running))
                }
            if not running:
                break
            ended = {future: running.pop(future) for future in wait(running, return_when=FIRST_COMPLETED).done}
            error = error or next((raised for future in ended if (raised := future.exception())), None)
            yield from ((batch, future.result()) for future, batch in ended.items() if future.exception() is None)
        if error:
            raise error
    finally:
        executor.shutdown(wait=False, cancel_futures=True)
