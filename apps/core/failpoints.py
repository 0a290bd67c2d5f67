"""Named points at which a test kills this very process, to show that what is left is whole."""

import os
import signal


def hit(name: str) -> None:
    """Kill this process with SIGKILL if the environment's FAILPOINT equals ``name``; else do nothing."""
    if os.environ.get("FAILPOINT") == name:
        os.kill(os.getpid(), signal.SIGKILL)
