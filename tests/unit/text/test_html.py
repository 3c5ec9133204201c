"""`clean_html`: the article, or all text, of a page; as lines or as Markdown."""

from __future__ import annotations

import pytest

from ferrolm.errors import InvalidTypeError, UnknownNameError
from ferrolm.text import PageMetadata, clean_html, clean_html_batch, looks_like_html, page_metadata

SENTENCE = "The quick brown fox jumps over the lazy dog, and the dog does not mind it in the least. "
PAGE = f"""<!doctype html><html><head><title>Title</title><style>p {{ color: red }}</style></head><body>
<nav><a href=/>Home</a> <a href=/news>News</a></nav>
<article><h1>Foxes &amp; dogs</h1><p class=byline>By A. Fox</p><div class=share-buttons>Tell your friends</div>
{"".join(f"<p>{SENTENCE}{SENTENCE} Page {i}.</p>" for i in range(5))}
<div class=related><h2>Related</h2><ul><li><a href=/1>Foxes are here to stay</a><li><a href=/2>Dogs, too</a></ul></div>
</article><div id=comments><p>{"I think that you are right about this, as always. " * 3}</p></div>
<script>if (1 < 2) document.write("<p>written</p>")</script>
<footer>Imprint</footer></body></html>"""


def test_the_article_is_kept_and_the_rest_left_out():
    assert clean_html(PAGE) == "\n".join(f"{SENTENCE}{SENTENCE}Page {i}." for i in range(5))


def test_all_text_is_what_stands_outside_tags_scripts_and_styles():
    lines = clean_html(PAGE, main_content=False).split("\n")
    assert lines[:4] == ["Home News", "Foxes & dogs", "By A. Fox", "Tell your friends"]
    assert lines[-1] == "Imprint"
    assert len(lines) == 14


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
        ("<pre>lines\n  of code</pre>", "lines\nof code"),
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
        ("<ruby>漢<rp>(<rt>kan<rp>)</ruby>字", "漢kan字"),
        ("👩‍👩‍👧 <b>नमस्ते</b>", "👩‍👩‍👧 नमस्ते"),
    ],
)
def test_all_text_of_fragments(html, text):
    assert clean_html(html, main_content=False) == text


@pytest.mark.parametrize(
    "html", ["<p>A short fragment.</p>", "<ul><li><a href=/>Home</a><li><a href=/b>B</a></ul>"]
)
@pytest.mark.parametrize("format", ["text", "markdown"])
def test_a_page_without_an_article_keeps_all_its_text(html, format):
    assert clean_html(html, format=format) == clean_html(html, main_content=False, format=format)


def test_markdown_keeps_the_structure_of_the_article():
    page = PAGE.replace(
        "<p>The quick", "<h2>A <i>quick</i> fox</h2><ul><li>one<li><a href=/x>two</a></ul><p>The quick", 1
    )
    article = clean_html(page, format="markdown")
    assert article.startswith(f"## A *quick* fox\n\n- one\n- [two](/x)\n\n{SENTENCE}")
    assert not any(word in article for word in ("Home", "Imprint", "Related", "friends"))


def test_scripts_without_white_space_between_words():
    paragraph = "すべての人間は、生まれながらにして自由であり、かつ、尊厳と権利とについて平等である。"
    menu = "".join(f"<li><a href=/{i}>ニュース{i}</a>" for i in range(20))
    page = f"<ul>{menu}</ul><div><p>{paragraph}<p>{paragraph}</div><div class=footer>著作権</div>"
    assert clean_html(page) == f"{paragraph}\n{paragraph}"


def test_a_batch_is_as_page_by_page():
    pages = [PAGE, PAGE.encode(), "<p>half \ud800", b"\xff\xfe<\0p\0>\0x\0", ""] * 20
    for main_content in (True, False):
        for format in ("text", "markdown"):
            together = clean_html_batch(iter(pages), main_content=main_content, format=format)
            assert together == [clean_html(page, main_content=main_content, format=format) for page in pages]
    assert clean_html_batch([]) == []


def test_the_head_tells_about_the_page():
    page = b"""<html lang=de><head><meta charset=iso-8859-2><title>\xa3\xf3d\xbc | Gazeta</title>
    <meta property="og:title" content="A &quot;title&quot;"><meta name=description content="  two  words ">
    <meta property=article:published_time content=2020-01-31><meta property=og:site_name content=Gazeta></head>"""
    assert page_metadata(page) == PageMetadata(
        title='A "title"', language="de", description="two words", date="2020-01-31", site="Gazeta"
    )
    assert page_metadata("<title>\ud800</title>").title == "\ufffd"
    assert page_metadata("") == PageMetadata()


def test_bytes_are_decoded_as_declared():
    page = '<meta charset="windows-1251"><p>Все люди рождаются свободными</p>'
    assert clean_html(page.encode("cp1251"), main_content=False) == "Все люди рождаются свободными"
    assert clean_html(
        page.partition(">")[2].encode("cp1251"), main_content=False, encoding="cp1251"
    ).startswith("Все")


def test_wrong_arguments_are_named():
    with pytest.raises(InvalidTypeError, match="html is int, expected str or bytes"):
        clean_html(3)  # type: ignore[arg-type]
    with pytest.raises(InvalidTypeError, match=r"pages\[1\] is int, expected str or bytes"):
        clean_html_batch(["", 3])  # type: ignore[list-item]
    with pytest.raises(InvalidTypeError, match="pages is str, expected several pages"):
        clean_html_batch("<p>")
    with pytest.raises(UnknownNameError, match=r"format is 'markdwn', .* did you mean 'markdown'\?"):
        clean_html("", format="markdwn")  # type: ignore[arg-type]


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
