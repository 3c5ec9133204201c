"""Main content against the articles that people marked on 127 real pages (scrapinghub/article-extraction-benchmark)."""

from __future__ import annotations

import pytest
from marked_articles import f1, marked_articles

from ferrolm.text import clean_html_batch


@pytest.mark.parametrize(
    ("main_content", "half", "least"), [(True, 0, 0.975), (True, 1, 0.963), (False, 0, 0.65)]
)
def test_f1_on_marked_articles(main_content, half, least):
    articles = marked_articles()[half::2]
    texts = clean_html_batch([page for page, _ in articles], main_content=main_content)
    assert f1(zip([truth for _, truth in articles], texts, strict=True)) >= least
