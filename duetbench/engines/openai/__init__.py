"""The engine `openai`: requests completions from a server over HTTP. Open `engine` first."""
