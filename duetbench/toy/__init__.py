"""A small made-up world and the small language model that lives in it: the tier that runs in a minute on a laptop."""
