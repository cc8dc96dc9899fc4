"""What a user may set: YAML files, command line options, the core's own option sections."""
