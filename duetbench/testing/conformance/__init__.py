"""Conformance checks, one module per kind of plugin; `base` runs them and holds the checks of all kinds."""
