"""Failing and skipping a check: raises the exceptions that pytest and `duetbench plugin check` understand."""

from __future__ import annotations

from typing import NoReturn
from unittest import SkipTest


def require(condition: object, message: str) -> None:
    """Fails the check with the message unless the condition holds."""
    if not condition:
        raise AssertionError(message)


def skip(reason: str) -> NoReturn:
    """Ends the check as skipped."""
    raise SkipTest(reason)


def is_beginning(text: str, whole: str) -> bool:
    """Whether a text is the whole one or its beginning, perhaps in one line and followed by `...`."""
    line, full = " ".join(text.split()), " ".join(whole.split())
    return full.startswith((line, line.removesuffix("...")))
