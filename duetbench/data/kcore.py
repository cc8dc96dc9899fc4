"""The largest part of the data in which every user and every item has enough interactions."""

from __future__ import annotations

import numpy as np

from duetbench.data.rows import BoolArray, IntArray


def k_core(user: IntArray, item: IntArray, *, k_user: int, k_item: int) -> BoolArray:
    """Which rows stay once users with fewer than `k_user` and items with fewer than `k_item` rows are removed.

    Removal goes on until nothing more has to go: the result is the one largest such part, whatever the order.
    """
    positions = np.arange(len(user))
    while len(positions):
        n_users = np.bincount(user[positions])
        n_items = np.bincount(item[positions])
        kept = (n_users[user[positions]] >= k_user) & (n_items[item[positions]] >= k_item)
        if kept.all():
            break
        positions = positions[kept]
    stays = np.zeros(len(user), dtype=np.bool_)
    stays[positions] = True
    return stays
