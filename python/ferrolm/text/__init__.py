"""Text before it is tokens: cleaning, words and sentences, languages, quality, duplicates, masking, augmentation.

clean_html        an HTML page (bytes or text) -> its article, or all its visible text; as lines or Markdown
clean_html_batch  the same for many pages, in parallel
page_metadata     title, language, description, author, date and site of a page
decode_html       bytes of a page -> text, by byte order mark, content and declaration
normalize_text    Unicode form, control and invisible characters, white space, mojibake
words             text -> its words
split_sentences   text -> its sentences
remove_punctuation, remove_stop_words
stop_words        the function words of a language
detect_language   text -> the language it is in                                           (extra `text`)
QualityFilter     text -> the text that stays, and the rules of Gopher or C4 that it breaks
Deduplicator      text -> whether it, or nearly it, was there before; LineDeduplicator for lines, deduplicate for lists
mask              URLs, e-mail addresses and numbers -> place-holders
mask_personal_data  addresses, telephone, card, account and social security numbers -> place-holders
WordListFilter    words of a list of one's own: found, counted, masked, kept out of what a model writes
augmentation      random changes that leave labels right, a module of its own
"""

from __future__ import annotations

from ferrolm.text import augmentation
from ferrolm.text.deduplication import Deduplicator, LineDeduplicator, deduplicate
from ferrolm.text.encoding import decode_html
from ferrolm.text.html import (
    PageMetadata,
    clean_html,
    clean_html_batch,
    looks_like_html,
    page_metadata,
)
from ferrolm.text.language import Language, detect_language, detect_languages
from ferrolm.text.masking import mask
from ferrolm.text.normalize import normalize_text
from ferrolm.text.personal_data import mask_personal_data
from ferrolm.text.quality import C4Rules, GopherRules, QualityFilter
from ferrolm.text.sentences import split_sentences
from ferrolm.text.stop_words import remove_stop_words, stop_words
from ferrolm.text.word_lists import WordListFilter, WordMatch
from ferrolm.text.words import remove_punctuation, words

__all__ = [
    "C4Rules",
    "Deduplicator",
    "GopherRules",
    "Language",
    "LineDeduplicator",
    "PageMetadata",
    "QualityFilter",
    "WordListFilter",
    "WordMatch",
    "augmentation",
    "clean_html",
    "clean_html_batch",
    "decode_html",
    "deduplicate",
    "detect_language",
    "detect_languages",
    "looks_like_html",
    "mask",
    "mask_personal_data",
    "normalize_text",
    "page_metadata",
    "remove_punctuation",
    "remove_stop_words",
    "split_sentences",
    "stop_words",
    "words",
]
