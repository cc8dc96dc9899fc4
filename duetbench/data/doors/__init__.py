"""Ways in and out for data that is no built-in dataset: tables, pickles, Hugging Face datasets."""
