"""Suggestions for misspelled and renamed names."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping


def closest_name(name: str, known: Iterable[str], renamed: Mapping[str, str] | None = None) -> str | None:
    """The known name that was probably meant; None if nothing is similar.

    Args:
        name: What was written.
        known: What exists.
        renamed: Names of earlier versions with their current names; they take precedence over similar spelling.
    """
    if renamed and name in renamed:
        return renamed[name]
    near = difflib.get_close_matches(name, list(known), n=1)
    return near[0] if near else None


def did_you_mean(name: str, known: Iterable[str], renamed: Mapping[str, str] | None = None) -> str:
    """`did you mean 'NAME'? ` if something similar is known, else an empty text; see `closest_name`."""
    near = closest_name(name, known, renamed)
    return f"did you mean '{near}'? " if near else ""
