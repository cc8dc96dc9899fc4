"""From prompts to token ids and back: chat template, truncation, label tokens, stop texts."""
