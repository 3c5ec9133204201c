"""The state of a model for a batch of rows: `Decoder`, and what is put around it."""
