"""Seeds for the fuzz targets of n-grams: small models, counts and texts of every form, and some that are wrong."""

from __future__ import annotations

import tempfile
import warnings
from pathlib import Path

from ferrolm.ngram import NgramLM, count

CORPUS = Path(__file__).parent / "corpus"
TEXTS = [
    "a b c\na b\nc c c a\n\nb a b a b a b\n",
    "a",
    "\n\n\n",
    "<s> a </s> <unk>\n",
    "a b\ta\rb a\x0bb\x00a\n" * 9,
    "é ü 日本 語\n日本 語 é\n",
    " ".join("abcdefgh"[i % 7] for i in range(3000)),
    "\n".join(" ".join(f"w{i * j % 17}" for j in range(i % 23)) for i in range(400)),
]
ARPA = """\\data\\
ngram 1=4
ngram 2=2

\\1-grams:
-1 <unk>
-99 <s> -0.3
-0.5 </s>
-0.6 a -0.2

\\2-grams:
-0.1 <s> a
-0.2 a </s>

\\end\\
"""
WRONG = [
    ("ngram 1=4", "ngram 1=4000000000"),
    ("ngram 2=2", "ngram 2=1"),
    ("-0.6 a", "-0.6 </s>"),
    ("-0.1 <s> a", "0.1 <s> a"),
    ("-0.1 <s> a", "-0.1 b a"),
    ("-0.1 <s> a", "nan <s> a"),
    ("\\end\\", ""),
    ("\\data\\", "# ferrolm ids=67108863\n\\data\\"),
    ("<unk>", "<UNK>"),
]


def write(target: str, content: bytes) -> None:
    """A seed, named by its number."""
    folder = CORPUS / target
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"seed-{len(list(folder.glob('seed-*')))}").write_bytes(content)


def main() -> None:
    """Write all seeds anew."""
    for target in ("ngram_model", "ngram_counts", "ngram_text"):
        for old in (CORPUS / target).glob("seed-*"):
            old.unlink()
    warnings.simplefilter("ignore")
    with tempfile.TemporaryDirectory() as folder:
        for text in TEXTS:
            write("ngram_text", text.encode())
            path = Path(folder) / "counts"
            count(text, (1, 3)).save(path)
            write("ngram_counts", path.read_bytes())
        count([[1, 2, 3, 2, 1], [9]], (2,)).save(path)
        write("ngram_counts", path.read_bytes())
        models = [NgramLM.train(text, order) for text, order in ((TEXTS[0], 3), (TEXTS[5], 2), (TEXTS[0], 1))]
        models.append(NgramLM.train([[0, 1, 2, 1, 0]] * 3, 3, vocab_size=5, prune=(0, 1)))
        for model in models:
            for suffix in ("arpa", "flm", "arpa.gz"):
                path = Path(folder) / f"model.{suffix}"
                model.save(path)
                write("ngram_model", path.read_bytes())
            for bits in (None, 3):
                path = Path(folder) / "compact.flm"
                model.compact(bits).save(path)
                write("ngram_model", path.read_bytes())
            path = Path(folder) / "hashed.flm"
            model.hashed().save(path)
            write("ngram_model", path.read_bytes())
    for old, new in WRONG:
        write("ngram_model", ARPA.replace(old, new).encode())


if __name__ == "__main__":
    main()
