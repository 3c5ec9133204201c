"""`clean_html`: the article, or all text, of a page."""

from __future__ import annotations

import subprocess
import sys

import pytest

from ferrolm.errors import InvalidTypeError
from ferrolm.text import clean_html, looks_like_html

SENTENCE = "The quick brown fox jumps over the lazy dog, and the dog does not mind it in the least. "
PAGE = f"""<!doctype html><html><head><title>Title</title><style>p {{ color: red }}</style></head><body>
<nav><a href=/>Home</a> <a href=/news>News</a></nav>
<article><h1>Foxes &amp; dogs</h1>{"".join(f"<p>{SENTENCE}{SENTENCE} Page {i}.</p>" for i in range(5))}</article>
<script>if (1 < 2) document.write("<p>written</p>")</script>
<footer>Imprint</footer></body></html>"""


def test_the_article_is_kept_and_the_rest_left_out():
    pytest.importorskip("trafilatura")
    text = clean_html(PAGE)
    assert text.count(SENTENCE.strip()) == 10
    assert not any(word in text for word in ("Imprint", "written", "color", "Title"))


def test_all_text_is_what_stands_outside_tags_scripts_and_styles():
    lines = clean_html(PAGE, main_content=False).split("\n")
    assert lines[:2] == ["Home News", "Foxes & dogs"]
    assert lines[-1] == "Imprint"
    assert len(lines) == 8


@pytest.mark.parametrize(
    ("html", "text"),
    [
        ("", ""),
        (" \n\t ", ""),
        ("no markup at all", "no markup at all"),
        ("a <b>b</b>old word", "a bold word"),
        ("line<br>break<BR/>s", "line\nbreak\ns"),
        ("<p>one<p>two", "one\ntwo"),
        ("<table><tr><td>1<td>2<tr><td>3</table>", "1\n2\n3"),
        ("<p>source\nlines   are\n\n white space</p>", "source lines are white space"),
        ("&lt;b&gt; &eacute;&#233;&#xe9; &nbsp;&notanentity;", "<b> ééé ¬anentity;"),
        ("<a title=\"a > b\" href='x>y'>link</a>", "link"),
        ("<!-- a <p>comment</p> -->text<!-- unclosed <p>", "text"),
        ("<script>unclosed", ""),
        ("<SCRIPT type=x>a</Script >b", "b"),
        ("<style>a</style><title>t</title><noscript>n</noscript><svg><title>s</title>x</svg>kept", "kept"),
        ("<header>kept</header>", "kept"),
        ("1 < 2 and 3 > 2", "1 < 2 and 3 > 2"),
        ("<![CDATA[x]]><?php echo ?><!doctype html>y", "y"),
        ("nul\0byte and \ud800 surrogate", "nulbyte and \ufffd surrogate"),
        ("<p>unclosed tag <b", "unclosed tag"),
        ("👩‍👩‍👧 <b>नमस्ते</b>", "👩‍👩‍👧 नमस्ते"),
    ],
)
def test_all_text_of_fragments(html, text):
    assert clean_html(html, main_content=False) == text


@pytest.mark.parametrize(
    "html", ["<p>A short fragment.</p>", "<ul><li><a href=/>Home</a><li><a href=/b>B</a></ul>"]
)
def test_a_page_without_an_article_keeps_all_its_text(html):
    pytest.importorskip("trafilatura")
    assert set(clean_html(html).split()) == set(clean_html(html, main_content=False).split())


def test_bytes_are_decoded_as_declared():
    page = '<meta charset="windows-1251"><p>Все люди рождаются свободными</p>'
    assert clean_html(page.encode("cp1251"), main_content=False) == "Все люди рождаются свободными"
    assert clean_html(
        page.partition(">")[2].encode("cp1251"), main_content=False, encoding="cp1251"
    ).startswith("Все")


def test_a_wrong_type_is_named():
    with pytest.raises(InvalidTypeError, match="html is int, expected str or bytes"):
        clean_html(3)  # type: ignore[arg-type]


def test_without_the_extra_one_sentence_says_what_to_install_and_all_text_still_works():
    code = (
        "import sys; sys.modules['trafilatura'] = None\n"
        "from ferrolm.text import clean_html\n"
        "print(clean_html('<p>all</p>', main_content=False))\n"
        "try: clean_html('<p>x</p>')\n"
        "except ImportError as error: print(type(error).__name__, error)"
    )
    printed = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert printed == (
        "all\nMissingExtraError finding the main content of a page needs trafilatura; "
        "install it with: pip install 'ferrolm[text]'\n"
    )


@pytest.mark.parametrize(
    ("text", "html"),
    [
        ("<!DOCTYPE html>", True),
        ("\n <html>", True),
        ("x<br/>y", True),
        ("<!-- -->", True),
        ("a<b", False),
        ("", False),
    ],
)
def test_html_is_recognised(text, html):
    assert looks_like_html(text) is html
