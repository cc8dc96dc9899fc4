"""Output of a training for people: learning curves, model card, `duetbench train show`."""
