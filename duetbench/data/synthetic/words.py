"""Stock sentences and names for generated raw files."""

from __future__ import annotations

from itertools import product

KINDS = ("Rock", "Jazz", "Folk", "History", "Poetry", "Crime", "Coffee", "Noodles", "Bakery", "Repair", "Garden")
CITIES = ("Philadelphia", "Tucson", "Tampa", "Reno", "Boise", "Nashville")

_WHO = ("My sister", "The whole family", "A friend of mine", "Nobody here", "Everyone at work", "I", "The neighbours")
_DID = ("really liked", "could not stand", "kept coming back for", "soon forgot", "still talks about", "enjoyed")
_WHAT = (
    "the quiet middle part",
    "how carefully it was made",
    "the price",
    "the long wait before anything happened",
    "the second half, which is far better than the first",
    "the warm and friendly tone",
    "what it says about growing up",
    "the loud and careless ending",
)
_END = (".", ", which came as a surprise.", ", though not for the reasons one would think.", "!", ", and so would you.")
TITLE_WORDS = (
    "Silver", "Quiet", "Golden", "Broken", "Distant", "Hidden", "Burning", "River", "Mirror", "Garden", "Window",
)  # fmt: skip


def sentences() -> list[str]:
    """All stock sentences, about 1,700."""
    return [f"{who} {did} {what}{end}" for who, did, what, end in product(_WHO, _DID, _WHAT, _END)]
