"""Import and export: tables of many kinds, pickles, Hugging Face datasets."""
