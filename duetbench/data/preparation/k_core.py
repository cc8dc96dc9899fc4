"""The k-core: the largest part of the data in which every user and every item has enough interactions."""

from __future__ import annotations

import numpy as np

from duetbench.data.rows import BoolArray, IntArray


def k_core_mask(user: IntArray, item: IntArray, *, k_user: int, k_item: int) -> BoolArray:
    """Mask of the rows in the k-core.

    Rows of users and items that have too few are removed until none is left. The result does not depend on the order.

    Args:
        user: (rows,) user codes from 0.
        item: (rows,) item codes from 0.
        k_user: Minimum number of rows of a user.
        k_item: Minimum number of rows of an item.
    """
    n_users, n_items = np.bincount(user), np.bincount(item)
    positions, users, items = np.arange(len(user)), user, item
    while len(positions):
        # Compare before the lookup: a table of booleans takes one byte per user and fits into a core's cache.
        kept = (n_users >= k_user)[users] & (n_items >= k_item)[items]
        if kept.all():
            break
        n_users -= np.bincount(users[~kept], minlength=len(n_users))
        n_items -= np.bincount(items[~kept], minlength=len(n_items))
        positions, users, items = positions[kept], users[kept], items[kept]
    mask = np.zeros(len(user), dtype=np.bool_)
    mask[positions] = True
    return mask
