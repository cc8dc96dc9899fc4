"""Preparation of datasets: from raw files to split tables in the cache. Open `prepare` first."""
