"""Nothing opens a connection unless a call names something to download; nothing minds who was imported first."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

SMOKE = Path(__file__).resolve().parents[2] / "tools" / "smoke.py"


def python(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, *arguments],
        capture_output=True,
        text=True,
        env={**os.environ, "OMP_NUM_THREADS": "1", "FERROLM_NUM_THREADS": "2", "HF_HUB_OFFLINE": "0"},
        check=False,
    )


def test_the_main_flows_open_no_socket() -> None:
    result = python(str(SMOKE))
    assert result.returncode == 0, result.stderr
    assert "works, without a connection" in result.stdout


WAYS_OUT = [
    "socket.create_connection(('localhost', 9))",
    "socket.gethostbyname('localhost')",
    "socket.socket().bind(('localhost', 0))",
    "urllib.request.urlopen('http://localhost:9')",
    "ferrolm.Tokenizer.from_pretrained('no-such-owner/no-such-tokenizer')",
]


def test_the_guard_sees_every_way_out() -> None:
    code = f"""if True:
        import sys
        sys.path.insert(0, {str(SMOKE.parent)!r})
        import smoke, socket, urllib.request, ferrolm
        sys.addaudithook(smoke.no_network)
        for way in {WAYS_OUT!r}:
            try:
                exec(way)
            except SystemExit as stopped:
                print(stopped)
    """
    result = python("-c", code)
    assert result.returncode == 0, result.stderr
    assert result.stdout.count("though nothing was named to download") == len(WAYS_OUT), result.stdout


WORK = """
ids = ferrolm_tokenizer.encode("The king said to the queen").ids
assert theirs.encode("The king said to the queen").ids == ids
x = torch.randn(1, 4, 64, 32)
ours = scaled_dot_product_attention(x, x, x, is_causal=True)
assert torch.allclose(ours, torch.nn.functional.scaled_dot_product_attention(x, x, x, is_causal=True), atol=1e-5)
print("same")
"""
OURS = """
import ferrolm
from ferrolm.models import bundled
from ferrolm.attention import scaled_dot_product_attention
file = str(bundled("ferrolm-tiny") / "tokenizer.json")
ferrolm_tokenizer = ferrolm.Tokenizer.from_file(file)
ferrolm_tokenizer.encode_ids_batch(["The king", "The queen"] * 100)
"""
THEIRS = """
import torch
import tokenizers
torch.mm(torch.ones(64, 64), torch.ones(64, 64))
"""


@pytest.mark.parametrize("order", [(OURS, THEIRS), (THEIRS, OURS)], ids=["ours first", "theirs first"])
def test_it_works_beside_torch_and_tokenizers_in_either_order(order: tuple[str, str]) -> None:
    pytest.importorskip("torch")
    pytest.importorskip("tokenizers")
    result = python("-c", "".join(order) + "theirs = tokenizers.Tokenizer.from_file(file)\n" + WORK)
    assert result.returncode == 0, result.stderr
    assert result.stdout == "same\n"
