"""duetbench: a reproducible benchmark of textual user and item profiles for rating prediction."""

__version__ = "0.1.0"
