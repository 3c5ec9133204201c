"""Write the seeds of the rooms beside tokenizers and n-grams: small files as ferrolm writes them, and some by hand.

python rust/fuzz/room_seeds.py
"""

from __future__ import annotations

import hashlib
import random
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parent.parent / "tests"))

from stored_forms import FORMS  # noqa: E402

PAGES = (
    "<html><head><title>A</title><meta name=author content=B></head><body><nav><a href=/>x</a></nav><article><h1>One</h1>"
    "<p>Two <b>three</b> <a href=y>four</a>, five.<ul><li>a<li>b</ul></article><footer>c</footer>",
    "<table><tr><th>a<th>b|c<tr><td>1<td><p>2</table><pre>  x\n y</pre><!-- c --><script>var a='<p>'</script>&amp;&#x41;&nope;",
    '<script type="application/ld+json">{"articleBody": "a b c"}</script><div class="comments hidden">x</div>',
    "<select class=articleBody><svg></select>.a,.aa.a",
    "<textarea></div>a</textarea>b<xmp><b></xmp>c<iframe>d<p>1. x<p># y</b></i>",
)
TEXTS = (
    "The cat sat on the mat. The cat sat on the mat.\nWrite to a.b@example.org or +44 20 7946 0958, 192.168.0.1!",
    "4111 1111 1111 1111 DE89 3704 0044 0532 0130 000 123-45-6789 ::1 fe80::1",
    "我们今天去北京大学。吾輩は猫である ภาษาไทยง่าย\n- bullet\nterms of use ...\n[1] lorem ipsum",
    "a\n\na\n\nb\x00\u2028c e\u0301 🙂",
    "",
)


def write(target: str, content: bytes) -> None:
    folder = HERE / "corpus" / target
    folder.mkdir(parents=True, exist_ok=True)
    (folder / hashlib.sha1(content).hexdigest()[:16]).write_bytes(content)


def stored(name: str, number: int) -> bytes:
    form = FORMS[name]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"seed{form.ending}"
        form.write(path, number)
        return path.read_bytes()


def main() -> None:
    for page in PAGES:
        write("html", page.encode())
    for settings, text in enumerate(TEXTS):
        write("text", bytes([settings]) + text.encode())
        write("normalize", bytes([3 * settings]) + text.encode())
        write("normalize", bytes([3 * settings + 1]) + text.encode())
    for number in range(3):
        write("seen_texts", stored("seen texts", number)[:-8])
        write("seen_texts", stored("near duplicates", number)[:-8])
        write("tagger", stored("tagger", number)[20:-8])
        write("word2vec_model", stored("word2vec model", number)[:-4])
        write("vectors", b"\0" + stored("word2vec text", number))
        write("vectors", b"\1" + stored("word2vec binary", number))
    write("vectors", b"\2a 1 2\nb 3 4e-5\n")
    draw = random.Random(0)
    for target, size in (("sampling", 200), ("attention", 400), ("linear", 300), ("decode", 30)):
        for _ in range(8):
            write(target, draw.randbytes(size))


if __name__ == "__main__":
    main()
