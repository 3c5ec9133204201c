"""``ferrolm serve``: a model behind OpenAI's API, and a page to try it."""

from __future__ import annotations

import argparse
import os
import sys

from ferrolm._extras import require
from ferrolm.cli._generation import dim

__all__ = ["configure", "run"]

EXAMPLES = """
examples:
  ferrolm serve                                   # ferrolm-tiny; the page is at http://127.0.0.1:8000
  ferrolm serve ./my-model --port 9000 --max-batch-size 16
  ferrolm serve ./my-model --embedding-model ./my-encoder
  FERROLM_API_KEY=secret ferrolm serve ./my-model --host 0.0.0.0 --cors-origin https://example.org

  curl http://127.0.0.1:8000/v1/completions -H 'Content-Type: application/json' \\
       -d '{"model": "ferrolm-tiny", "prompt": "Once upon a time", "max_tokens": 40, "stream": true}'

With OpenAI's client: OpenAI(base_url="http://127.0.0.1:8000/v1", api_key="none"). Ctrl-C ends.
"""


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.epilog = EXAMPLES
    add = parser.add_argument
    add(
        "model",
        nargs="?",
        default="ferrolm-tiny",
        help="checkpoint folder of a language model or an encoder, GGUF file, bundled model, or name on the hub "
        "(default: ferrolm-tiny)",
    )
    add("--name", metavar="NAME", help="of the model in requests; by default that of its folder")
    add("--embedding-model", metavar="MODEL", help="an encoder for /v1/embeddings beside the model")
    add("--chat-template", metavar="FILE", help="a Jinja file in place of the model's own")
    add("--device", help="torch device; by default CUDA where there is one")
    add("--dtype", help="float32, float16, bfloat16, int8 or int4; by default the checkpoint's")
    add("--host", default="127.0.0.1", help="address to listen at; 0.0.0.0 for all (default: 127.0.0.1)")
    add("--port", type=int, default=8000, help="0 takes a free one (default: 8000)")
    add(
        "--api-key",
        metavar="KEY",
        default=os.environ.get("FERROLM_API_KEY"),
        help="ask requests for it; better given as FERROLM_API_KEY, where other users do not see it",
    )
    add(
        "--cors-origin",
        action="append",
        default=[],
        metavar="ORIGIN",
        help="a site whose pages may use the server, * for all; may be repeated",
    )
    limits = parser.add_argument_group("limits").add_argument
    limits("--max-batch-size", type=int, default=8, metavar="N", help="texts at a time (default: 8)")
    limits(
        "--max-waiting",
        type=int,
        default=256,
        metavar="N",
        help="texts that may wait beside them; one more gets 429 (default: 256)",
    )
    limits(
        "--prefix-cache-tokens",
        type=int,
        default=8192,
        metavar="N",
        help="tokens of earlier texts that are kept, for prompts that begin alike; 0: none (default: 8192)",
    )
    limits(
        "--request-timeout", type=float, default=600.0, metavar="S", help="seconds an answer (default: 600)"
    )
    limits("--max-body-bytes", type=int, default=4 << 20, metavar="N", help="of a request (default: 4 MiB)")
    limits(
        "--grace", type=float, default=5.0, metavar="S", help="seconds for what runs at the end (default: 5)"
    )
    limits("--threads", type=int, metavar="N", help="of the computation; by default all CPUs")
    add(
        "--log-level",
        default="warning",
        choices=("critical", "error", "warning", "info", "debug"),
        help="info shows every request (default: warning)",
    )


def run(arguments: argparse.Namespace) -> int:
    """Serve until the process is told to end; returns the exit status."""
    for module in ("torch", "fastapi", "uvicorn"):
        require(module, extra="serve", purpose="ferrolm serve")
    from ferrolm.serving import ServedModels, ServerSettings, run

    settings = ServerSettings(
        api_key=arguments.api_key or None,
        cors_origins=tuple(arguments.cors_origin),
        max_batch_size=arguments.max_batch_size,
        max_waiting=arguments.max_waiting,
        prefix_cache_tokens=arguments.prefix_cache_tokens,
        max_body_bytes=arguments.max_body_bytes,
        request_timeout=arguments.request_timeout,
        grace=arguments.grace,
    )
    if arguments.threads is not None:
        _set_threads(arguments.threads)
    models = ServedModels.load(
        arguments.model,
        embedding_model=arguments.embedding_model,
        name=arguments.name,
        chat_template=arguments.chat_template,
        device=arguments.device,
        dtype=arguments.dtype,
    )

    def ready(address: str) -> None:
        print(
            f"{', '.join(models.names)} at {address} (the page), {address}/v1 (OpenAI's API)", file=sys.stderr
        )
        print(dim("Ctrl-C ends"), file=sys.stderr, flush=True)

    run(
        models,
        settings,
        host=arguments.host,
        port=arguments.port,
        log_level=arguments.log_level,
        ready=ready,
    )
    return 0


def _set_threads(count: int) -> None:
    import torch

    import ferrolm

    ferrolm.set_num_threads(count)
    torch.set_num_threads(count)
