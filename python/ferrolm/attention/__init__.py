"""Scaled dot-product attention: ours on the CPU, torch's on the GPU.

The scores of a call are never stored: keys are visited in blocks with a running softmax (Dao et al. 2022,
"FlashAttention"), blocks that are masked whole are skipped, and grouped queries share one reading of their keys.
"""

from ferrolm.attention.dense import scaled_dot_product_attention

__all__ = ["scaled_dot_product_attention"]
