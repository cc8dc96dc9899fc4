"""duetbench: an honest, repeatable benchmark of textual user and item profiles for rating prediction."""

__version__ = "0.1.0"
