"""The vocabulary and the reviews of the toy world."""

from __future__ import annotations

from random import Random

ASPECTS = ("drums", "lyrics", "strings", "voice")
QUALITY_WORDS = {1: ("superb", "great"), 0: ("decent", "plain"), -1: ("weak", "awful")}
MOOD_WORDS = {1: ("Hooray", "Cheers"), -1: ("Sigh", "Alas")}
REVIEW_SHARE = 0.5
"""Share of ratings with a review; the others have an empty one."""
WORD_ACCURACY = 0.7
"""Probability that a review's quality word is chosen by the item's quality; else it is a random one."""


def write_review(random: Random, *, aspect: str, quality: int, mood: int, is_loved: bool) -> str:
    """A review: the user's mood, how good the item is in its aspect, and whether that aspect is the user's own."""
    if random.random() >= REVIEW_SHARE:
        return ""
    level = quality if random.random() < WORD_ACCURACY else random.choice((-1, 0, 1))
    own = "my " if is_loved else ""
    return f"{random.choice(MOOD_WORDS[mood])}, {own}{random.choice(QUALITY_WORDS[level])} {aspect}."
