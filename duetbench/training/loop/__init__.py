"""The part that all trainers share. Open `run` first; monitor, validation, checkpoints and split checks serve it."""
