"""The engine `openai`: asks a server over HTTP. Open `engine` first."""
