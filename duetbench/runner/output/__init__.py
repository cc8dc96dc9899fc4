"""Files that a run writes: run folder, records, request logs, exported profiles."""
