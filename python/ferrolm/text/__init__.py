"""Text before it is tokens: cleaning of HTML and Unicode, words, sentences, stop words, masking, augmentation.

clean_html        an HTML page (bytes or text) -> its article, or all its visible text; as lines or Markdown
clean_html_batch  the same for many pages, in parallel
page_metadata     title, language, description, author, date and site of a page
decode_html       bytes of a page -> text, by byte order mark, content and declaration
normalize_text    Unicode form, control and invisible characters, white space, mojibake
words             text -> its words
split_sentences   text -> its sentences
stop_words        the function words of a language
mask              URLs, e-mail addresses and numbers -> place-holders
augmentation      random changes that leave labels right, a module of its own
"""

from __future__ import annotations

from ferrolm.text import augmentation
from ferrolm.text.encoding import decode_html
from ferrolm.text.html import (
    PageMetadata,
    clean_html,
    clean_html_batch,
    looks_like_html,
    page_metadata,
)
from ferrolm.text.masking import mask
from ferrolm.text.normalize import normalize_text
from ferrolm.text.sentences import split_sentences
from ferrolm.text.stop_words import stop_words
from ferrolm.text.words import words

__all__ = [
    "PageMetadata",
    "augmentation",
    "clean_html",
    "clean_html_batch",
    "decode_html",
    "looks_like_html",
    "mask",
    "normalize_text",
    "page_metadata",
    "split_sentences",
    "stop_words",
    "words",
]
