"""Text before it is tokens: cleaning of HTML and Unicode, words, sentences, stop words, masking, augmentation.

clean_html        an HTML page (bytes or text) -> its article, or all its visible text    (extra `text`)
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
from ferrolm.text.html import clean_html, looks_like_html
from ferrolm.text.masking import mask
from ferrolm.text.normalize import normalize_text
from ferrolm.text.sentences import split_sentences
from ferrolm.text.stop_words import stop_words
from ferrolm.text.words import words

__all__ = [
    "augmentation",
    "clean_html",
    "decode_html",
    "looks_like_html",
    "mask",
    "normalize_text",
    "split_sentences",
    "stop_words",
    "words",
]
