"""The largest part of the data in which every user and every item has enough interactions."""

from __future__ import annotations

import numpy as np

from duetbench.data.rows import BoolArray, IntArray


def k_core(user: IntArray, item: IntArray, *, k_user: int, k_item: int) -> BoolArray:
    """Which rows stay once users with fewer than `k_user` and items with fewer than `k_item` rows are removed.

    Removal goes on until nothing more has to go: the result is the one largest such part, whatever the order.
    """
    n_users, n_items = np.bincount(user), np.bincount(item)
    positions, users, items = np.arange(len(user)), user, item
    while len(positions):
        # Whether a user stays is one byte each: the looked-up table fits into a core's cache, counts would not.
        kept = (n_users >= k_user)[users] & (n_items >= k_item)[items]
        if kept.all():
            break
        n_users -= np.bincount(users[~kept], minlength=len(n_users))
        n_items -= np.bincount(items[~kept], minlength=len(n_items))
        positions, users, items = positions[kept], users[kept], items[kept]
    stays = np.zeros(len(user), dtype=np.bool_)
    stays[positions] = True
    return stays
