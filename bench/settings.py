"""The development stack on a database of the benchmarks' own."""

import os

# Before the rest is read: the benchmarks and the processes they start share keys with nobody else.
os.environ.setdefault("NAMESPACE", f"bench-{os.getpid()}")

from config.settings.development import *  # noqa: F403

# A station that benchmarks is faster than any real one; the limit would measure itself.
OCPP_MESSAGES_PER_SECOND = 1_000_000
