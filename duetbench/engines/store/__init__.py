"""The request store. Open `stored_engine` first: it answers from the store and asks another engine for the rest."""
