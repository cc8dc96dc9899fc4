"""Detects profiles that contain the rating as a number, which a scorer would only have to copy."""

from __future__ import annotations

import re
from collections.abc import Sequence

from duetbench.types import Profile

_WORDS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten")
_AMOUNT = rf"(?:\d+(?:\.\d+)?|(?:{'|'.join(_WORDS)})(?:\s+and\s+a\s+half)?)"
_LEAK = re.compile(
    rf"\b{_AMOUNT}\s*-?\s*(?:stars?\b|\u2605|/\s*(?:5|10)\b|out\s+of\s+(?:5|10|five|ten)\b|points?\b)"
    # a word about rating, then within five words a short number; numbers in words would count people, not stars
    r"|\b(?:rat(?:e|es|ed|ing|ings)|scor(?:e|es|ed|ing)|grade[sd]?|stars)\b(?:\W+\w+){0,4}?\W+\d{1,2}(?:\.\d+)?(?![\w%.]*\w)"
    r"|(?<![\w.])\d\.\d{1,2}(?![\w.]*\w)"
    r"|\u2605",
    re.IGNORECASE,
)


def writes_rating(text: str) -> bool:
    """Whether the text contains a rating as a number: `4.5`, `4/5`, `five stars`, `would rate it a 4`.

    Years, counts and track numbers without a word about rating near them are not ratings.
    """
    return _LEAK.search(text) is not None


def leak_rate(profiles: Sequence[Profile]) -> float | None:
    """The share of profiles that contain a rating as a number; None if `profiles` is empty."""
    return sum(writes_rating(profile.text) for profile in profiles) / len(profiles) if profiles else None
