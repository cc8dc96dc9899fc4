"""From prompts to token ids and back: tokenizer, chat template, truncation, label tokens, stop texts."""
