"""Measurements against references in the same run: ratios travel between machines, seconds do not."""
