"""Stops files that unpack to far more than real data: compression bombs."""

from __future__ import annotations

from pathlib import Path

from duetbench.errors import DataError

MAX_RATIO = 200
"""Bytes unpacked per compressed byte. Reviews and ratings have 3 to 20, generated tables up to 60; a bomb has 1,000."""

MIN_BYTES = 256 << 20
"""Unpacked size up to which no ratio is too large: little enough to be harmless."""


class ExpansionGuard:
    """Compares what a compressed file has unpacked to with what was read of it.

    Args:
        path: The file, for messages.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._n_unpacked = 0

    def add(self, n_unpacked: int, *, n_read: int) -> None:
        """Counts unpacked bytes.

        Args:
            n_unpacked: How many there are in addition.
            n_read: Compressed bytes read so far, from the beginning of the file.

        Raises:
            DataError: the file unpacks to more than `MIN_BYTES` and `MAX_RATIO` times its size.
        """
        self._n_unpacked += n_unpacked
        if self._n_unpacked > max(MIN_BYTES, MAX_RATIO * n_read):
            raise DataError(
                f"{self._path} unpacks to over {MAX_RATIO} times its size (over {self._n_unpacked >> 20:,} MB from "
                f"{n_read:,} bytes), as no real data does: get the file from its source again, or unpack it yourself"
            )
