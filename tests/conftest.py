"""Settings of all tests."""

from __future__ import annotations

import os

from hypothesis import settings

# As .ci/run does with the random examples of the Rust tests.
settings.register_profile("ci", derandomize=True, deadline=None)
settings.register_profile("local", deadline=None)
settings.load_profile("ci" if os.environ.get("CI") else "local")
