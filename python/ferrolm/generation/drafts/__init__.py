"""Speculative decoding: drafts that guess, and the loop that verifies their guesses."""
