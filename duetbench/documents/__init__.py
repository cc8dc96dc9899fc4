"""Reads YAML and JSON of unknown origin, bounded in size, depth, aliases and digits. Each format is one module."""
