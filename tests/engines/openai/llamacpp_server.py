"""Runs llama.cpp's server in this process: `python llamacpp_server.py GGUF PORT`."""

from __future__ import annotations

import sys
import time

import xllamacpp


def serve(gguf: str, port: int) -> None:
    """Serves the model until the process is ended."""
    params = xllamacpp.CommonParams()
    params.model.path, params.model_alias = gguf, {"smollm2"}
    params.port, params.n_ctx, params.n_parallel = port, 4096, 2
    # One thread: with several, threads that wait for a busy core spin, and a token takes seconds.
    params.cpuparams.n_threads = params.cpuparams_batch.n_threads = 1
    server = xllamacpp.Server(params)
    print(server.listening_address, flush=True)
    while True:
        time.sleep(3600)


if __name__ == "__main__":
    serve(sys.argv[1], int(sys.argv[2]))
