"""A part of speech, or a name, for each word of a sentence."""
