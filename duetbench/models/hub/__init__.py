"""Models on the Hugging Face hub. Open `repository` first."""
