"""From raw files to a prepared dataset. Open `prepare` first."""
