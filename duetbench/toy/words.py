"""The vocabulary and the reviews of the toy world."""

from __future__ import annotations

from random import Random

# The taste word directly precedes the genre, so that a model with two layers can learn to copy the genre.
TASTE_WORDS = {1: ("love", "enjoy"), 0: ("accept", "tolerate"), -1: ("hate", "avoid")}
QUALITY_WORDS = {1: ("Superb", "Brilliant"), 0: ("Decent", "Ordinary"), -1: ("Awful", "Terrible")}
LENIENCY_WORDS = {
    1: ("I praise easily", "I forgive much"),
    0: ("I judge fairly", "I weigh evenly"),
    -1: ("I praise rarely", "I forgive little"),
}
ASPECTS = {
    "delivery": ("Fast", "Slow"),
    "price": ("Low", "High"),
    "packaging": ("Neat", "Torn"),
    "booklet": ("Thick", "Thin"),
    "cover": ("Bright", "Dark"),
}
_SHARE_TASTE, _SHARE_QUALITY, _SHARE_LENIENCY = 0.8, 0.8, 0.5  # share of reviews that mention each


def write_review(random: Random, genre: str, taste: int, quality: int, leniency: int) -> str:
    """A review: sentences on taste, quality, leniency and on aspects without a signal, in random order."""
    parts = [f"{random.choice(ASPECTS[aspect])} {aspect}." for aspect in random.sample(sorted(ASPECTS), 1)]
    if random.random() < _SHARE_TASTE:
        parts.append(f"I {random.choice(TASTE_WORDS[taste])} {genre}.")
    if random.random() < _SHARE_QUALITY:
        parts.append(f"{random.choice(QUALITY_WORDS[quality])} sound.")
    if random.random() < _SHARE_LENIENCY:
        parts.append(f"{random.choice(LENIENCY_WORDS[leniency])}.")
    random.shuffle(parts)
    return " ".join(parts)
