"""The main flows with what is installed, from text to generated text, without a connection: python tools/smoke.py

An audit hook of the interpreter ends the run at the first socket that connects, listens or looks up a name. What needs an
extra that is not installed is left out and said so.
"""

from __future__ import annotations

import importlib.util
import sys
import tempfile
from pathlib import Path
from typing import Any

FORBIDDEN = {
    "socket.connect",
    "socket.bind",
    "socket.sendto",
    "socket.getaddrinfo",
    "socket.gethostbyname",
    "urllib.Request",
    "http.client.connect",
}


def no_network(event: str, arguments: tuple[Any, ...]) -> None:
    """An audit hook: Python tells it of each use of a socket before it happens."""
    if event in FORBIDDEN:
        raise SystemExit(f"smoke.py: {event}{arguments!r} though nothing was named to download")


def arrays(folder: Path) -> None:
    """What numpy alone needs: text, ids, counts, a model, samples, attention, vectors, tags."""
    import numpy as np

    import ferrolm
    from ferrolm.attention import scaled_dot_product_attention
    from ferrolm.embeddings import Word2Vec
    from ferrolm.models import bundled
    from ferrolm.tagging import LabeledWords, PerceptronTagger
    from ferrolm.text import clean_html, split_sentences

    text = clean_html(
        "<nav>Home</nav><article><p>The cat sat on the mat. A dog sat on the rug.</p></article>"
    )
    sentences = split_sentences(text)
    assert len(sentences) == 2, sentences

    tokenizer = ferrolm.Tokenizer.from_file(bundled("ferrolm-tiny") / "tokenizer.json")
    ids = tokenizer.encode_ids_batch(sentences)
    assert [tokenizer.decode(row) for row in ids] == sentences

    model = ferrolm.NgramLM.train(sentences, order=2, smoothing="witten-bell")
    model.save(folder / "model.flm")
    assert ferrolm.NgramLM.load(folder / "model.flm").score(sentences[0]) == model.score(sentences[0])

    logits = np.random.default_rng(0).normal(size=(4, 50_257)).astype(np.float32)
    params = ferrolm.SamplingParams(temperature=0.8, top_k=50, top_p=0.95, seed=7)
    assert (ferrolm.sample(logits, params) == ferrolm.sample(logits, params)).all()

    query = np.random.default_rng(0).normal(size=(1, 2, 64, 32)).astype(np.float32)
    assert np.isfinite(scaled_dot_product_attention(query, query, query, is_causal=True)).all()

    vectors = Word2Vec([sentence.lower() for sentence in sentences] * 20, min_count=1, vector_size=16).wv
    assert vectors.most_similar("cat", topn=1)
    tagger = PerceptronTagger.train([LabeledWords(("the", "cat", "sat"), ("DET", "NOUN", "VERB"))] * 2)
    assert tagger.tag(["the", "cat"]) == ["DET", "NOUN"]


def models() -> None:
    """What torch needs: the bundled model generates."""
    import ferrolm

    model = ferrolm.load_model("ferrolm-tiny")
    assert model.generate("Once upon a time", max_new_tokens=8, do_sample=False)


def main() -> None:
    sys.addaudithook(no_network)
    with tempfile.TemporaryDirectory() as folder:
        arrays(Path(folder))
    if importlib.util.find_spec("torch"):
        models()
    else:
        print("smoke.py: torch is not installed: no model was run", file=sys.stderr)
    import ferrolm

    print(f"smoke.py: ferrolm {ferrolm.__version__} works, without a connection")


if __name__ == "__main__":
    main()
