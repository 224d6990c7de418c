"""python llama_server.py MODEL_FILE PORT: llama.cpp's own OpenAI-compatible server, in an environment of its own.

It is run by the interpreter of a throw-away environment that holds `xllamacpp`, so it may import nothing of ours.
"""

import importlib
import signal
import sys

CONTEXT_TOKENS = 1_024


def main() -> None:
    """Answer until a signal."""
    xllamacpp = importlib.import_module("xllamacpp")
    params = xllamacpp.CommonParams()
    params.model.path = sys.argv[1]
    params.hostnames = ["127.0.0.1"]
    params.port = int(sys.argv[2])
    params.n_ctx = CONTEXT_TOKENS
    params.n_parallel = 1
    params.cpuparams.n_threads = 2
    server = xllamacpp.Server(params)
    print(server.listening_address, flush=True)
    signal.sigwait({signal.SIGTERM, signal.SIGINT})


if __name__ == "__main__":
    main()
