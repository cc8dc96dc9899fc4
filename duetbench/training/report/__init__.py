"""Output of a training for people: progress display, learning curves, model card, `duetbench train show`."""
