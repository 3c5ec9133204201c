"""Continuous batching: `Engine`, its thread and its rows, and what it gives to threads and coroutines."""
