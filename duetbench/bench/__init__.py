"""Benchmarks: each measurement is a ratio to a reference of the same run, so that machines can be compared."""
