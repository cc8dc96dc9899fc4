"""The request store. Open `stored_engine` first: it answers from the store and computes the rest with an engine."""
