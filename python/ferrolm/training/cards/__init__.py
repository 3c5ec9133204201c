"""Model cards (Mitchell et al. 2019, https://arxiv.org/abs/1810.03993) written from what a run has recorded.

card.py      `write_card`: what ``ferrolm card`` does
records.py   what is found in the folder of a run
metadata.py  the YAML at the beginning, as Hugging Face reads it
sections.py  the text, and what people wrote into it, which stays
"""

from __future__ import annotations

from ferrolm.training.cards.card import write_card

__all__ = ["write_card"]
