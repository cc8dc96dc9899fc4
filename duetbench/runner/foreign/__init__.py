"""Predictions that were made elsewhere, as cells of a board. Open `score` first."""
