"""Import and export: user tables, pickles, Hugging Face datasets. Open `imports` first."""
