"""What a run leaves on disk: run folder, records, logs, exported profiles."""
