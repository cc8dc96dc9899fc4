"""A small synthetic world and a small language model trained on it: the tier that runs in a minute on a laptop."""
