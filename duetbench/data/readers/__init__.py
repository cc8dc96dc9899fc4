"""Readers of raw files, and the validation that all of them share. Open `yelp`, the shortest reader, first."""
