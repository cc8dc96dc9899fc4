"""What every training shares. Open `run` first; monitor, validation, checkpoints and split checks serve it."""
