"""From a run's configuration to its cells. Open `plan` first."""
