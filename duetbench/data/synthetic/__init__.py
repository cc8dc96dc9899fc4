"""Synthetic raw files of any size in the official formats. Open `generate` first."""
