"""Reads YAML and JSON of unknown origin with bounds, and bounds what packed files unpack to. One module per format."""
