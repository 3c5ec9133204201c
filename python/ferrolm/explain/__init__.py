"""What a model makes of a text.

surprisal.py   `token_surprisals`: how unexpected each piece of a text is, in bits
html.py        the same as a page of coloured text, with nothing to download
"""

from __future__ import annotations

from ferrolm.explain.html import surprisal_html
from ferrolm.explain.surprisal import Surprisals, token_surprisals

__all__ = ["Surprisals", "surprisal_html", "token_surprisals"]
