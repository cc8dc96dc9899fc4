"""Scorers without a model that learn from features: `base` first, then one file per scorer."""
