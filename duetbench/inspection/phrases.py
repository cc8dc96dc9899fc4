"""Phrases that the profiles of a user and of an item share (Figure 4 of the paper), by their words.

Meanings are not compared: `soul` and `Motown` are no match.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import cache
from typing import NamedTuple

MAX_WORDS = 6
"""Number of words of the longest phrase that is searched."""
_WORD = re.compile(r"\w+")
_MIN_LETTERS = 3

Phrase = tuple[str, ...]


class Piece(NamedTuple):
    """A part of a text."""

    text: str
    phrase: int | None
    """Number of the phrase that it is, from 0; None: it is none."""


def shared_phrases(first: str, second: str) -> list[Phrase]:
    """The phrases that occur in both texts, in the order of the first one; the longest count, and none within others.

    A phrase begins and ends with a word that has a meaning of its own: no article, preposition or number.
    """
    words, others = _words(first), _words(second)
    taken: set[int] = set()
    found: dict[Phrase, int] = {}
    for n in range(min(MAX_WORDS, len(words), len(others)), 0, -1):
        known = {tuple(others[start : start + n]) for start in range(len(others) - n + 1)}
        for start in range(len(words) - n + 1):
            phrase, positions = tuple(words[start : start + n]), set(range(start, start + n))
            if phrase in known and taken.isdisjoint(positions) and _has_meaning(phrase):
                taken |= positions
                found.setdefault(phrase, start)
    return sorted(found, key=lambda phrase: found[phrase])


def mark(text: str, phrases: Sequence[Phrase]) -> list[Piece]:
    """The text in pieces, those that are phrases with their number; longer phrases first."""
    spans = [found.span() for found in _WORD.finditer(text)]
    words = _words(text)
    ordered = sorted(range(len(phrases)), key=lambda number: -len(phrases[number]))
    pieces: list[Piece] = []
    end, position = 0, 0
    while position < len(words):
        number = next((n for n in ordered if tuple(words[position : position + len(phrases[n])]) == phrases[n]), None)
        if number is None:
            position += 1
            continue
        start, stop = spans[position][0], spans[position + len(phrases[number]) - 1][1]
        pieces += [Piece(text[end:start], None), Piece(text[start:stop], number)]
        end, position = stop, position + len(phrases[number])
    return [piece for piece in [*pieces, Piece(text[end:], None)] if piece.text]


def _words(text: str) -> list[str]:
    return [word.casefold() for word in _WORD.findall(text)]


def _has_meaning(phrase: Phrase) -> bool:
    return all(
        len(word) >= _MIN_LETTERS and not word.isnumeric() and word not in _stop_words()
        for word in (phrase[0], phrase[-1])
    )


@cache
def _stop_words() -> frozenset[str]:
    from sklearn.feature_extraction.text import ENGLISH_STOP_WORDS

    return frozenset(ENGLISH_STOP_WORDS) | {"user", "item", "users", "items", "profile"}
