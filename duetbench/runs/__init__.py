"""The folders of earlier runs: found, summarised, compared, removed. Open `folders` first."""
