"""The engine `transformers`: runs a model in this process. Open `engine` first."""
