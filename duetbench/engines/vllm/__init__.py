"""The engine `vllm`: runs a model in this process with vLLM. Open `engine` first."""
