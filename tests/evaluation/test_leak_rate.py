"""The share of profiles that contain the rating."""

from __future__ import annotations

from duetbench.evaluation.leakage import leak_rate
from duetbench.types import Profile


def test_the_leak_rate_is_the_share_of_profiles_that_contain_a_rating():
    texts = ("Likes jazz.", "Would rate it 4.5.", "Five stars, always.", "Bought 3 records in 1999.")
    assert leak_rate([Profile("user", text) for text in texts]) == 0.5


def test_without_profiles_there_is_no_leak_rate():
    assert leak_rate([]) is None
