"""Modules that stand in for other libraries: `tiktoken`, `kenlm`."""
