"""Readers of raw files: one module per format, and the validation that all of them share."""
