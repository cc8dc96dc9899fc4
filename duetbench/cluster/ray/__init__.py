"""Engines, trainings and cells on a Ray cluster. Open `placement.py` first."""
