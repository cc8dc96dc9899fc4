"""What people see of a training: progress display, learning curves, model card, `duetbench train show`."""
