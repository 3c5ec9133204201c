"""Scaled dot-product attention: ours on the CPU, torch's on the GPU.

The scores of a call are never stored: keys are visited in blocks with a running softmax (Dao et al. 2022,
"FlashAttention"), blocks that are masked whole are skipped, and grouped queries share one reading of their keys.
"""

from ferrolm.attention.cached import attention_with_cache
from ferrolm.attention.dense import scaled_dot_product_attention
from ferrolm.attention.quantized import quantize_kv
from ferrolm.attention.varlen import attention_varlen

__all__ = ["attention_varlen", "attention_with_cache", "quantize_kv", "scaled_dot_product_attention"]
