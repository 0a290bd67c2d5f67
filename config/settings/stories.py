"""The development stack, apart from whoever else uses this machine: ``make stripe-stories``."""

import os

# Before the rest is read: tasks and keys are shared with no other installation on the same Redis.
os.environ.setdefault("NAMESPACE", "stories")

from config.settings.development import *  # noqa: F403
