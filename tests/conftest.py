"""Settings of all tests."""

from __future__ import annotations

import os
import signal

from hypothesis import settings

# As .ci/run does with the random examples of the Rust tests.
settings.register_profile("ci", derandomize=True, deadline=None)
settings.register_profile("local", deadline=None)
settings.load_profile("ci" if os.environ.get("CI") else "local")

# Jobs in the background of a shell that is no terminal's ignore Ctrl-C, and some tests press it.
if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)
