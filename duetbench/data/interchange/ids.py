"""Reads ids so that the same id has the same text in all tables."""

from __future__ import annotations

import polars as pl

_MAX_EXACT = 2**53  # above it, not every whole number is a float
_WHOLE_NUMBER = r"^-?\d+(?:\.0)?$"


def read_ids(values: pl.Series) -> tuple[pl.Series, int]:
    """The ids as text, and how many of them were written with `.0` and are read without it.

    A column of whole numbers with missing values becomes a column of floats in many tools, so that the id 1 is `1.0`
    there and `1` in the table of items. `.0` is removed if all ids of the column are whole numbers; ids such as
    `v1.0` and `2.5` stay as they are. NaN is a missing id.
    """
    if values.dtype.is_float():
        numbers = values.fill_nan(None)
        is_whole = (numbers == numbers.floor()) & (numbers.abs() < _MAX_EXACT)
        if is_whole.all():
            return numbers.cast(pl.Int64).cast(pl.String), numbers.count()
        return numbers.cast(pl.String), 0
    texts = values.cast(pl.String)
    has_suffix = texts.str.ends_with(".0")
    if not has_suffix.any() or not texts.str.contains(_WHOLE_NUMBER).all():
        return texts, 0
    return texts.str.strip_suffix(".0"), int(has_suffix.sum())
