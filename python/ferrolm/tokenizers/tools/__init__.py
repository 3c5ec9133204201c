"""Looking at what a tokenizer does."""

from __future__ import annotations

from ferrolm.tokenizers.tools.visualizer import Annotation, EncodingVisualizer

__all__ = ["Annotation", "EncodingVisualizer"]
