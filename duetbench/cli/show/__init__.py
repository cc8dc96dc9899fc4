"""What `duetbench show` prints besides plugins: prompts, presets and the options of the sections of a run."""
