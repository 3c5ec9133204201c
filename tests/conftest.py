"""Settings of all tests."""

from __future__ import annotations

import os

from hypothesis import settings

# A change must not fail, or pass, by the luck of the draw; elsewhere every run tries new examples.
settings.register_profile("ci", derandomize=True, deadline=None)
settings.register_profile("local", deadline=None)
settings.load_profile("ci" if os.environ.get("CI") else "local")
