"""``python -m apps.core.embedded status|stop``: look at, or end, the embedded services of this checkout."""

import argparse
import os
import signal
import sys
import time
from pathlib import Path

from apps.core.embedded.client import PROJECT
from apps.core.embedded.layout import SERVICES, Layout, supervisor_pid


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m apps.core.embedded", description=__doc__)
    parser.add_argument("command", choices=("status", "stop"))
    parser.add_argument("--var", type=Path, default=PROJECT / "var")
    arguments = parser.parse_args()
    layout = Layout.of(arguments.var)
    pid = supervisor_pid(layout)
    if pid is None:
        print("not running")
        return 0
    if arguments.command == "stop":
        os.kill(pid, signal.SIGTERM)
        while supervisor_pid(layout) is not None:
            time.sleep(0.05)
        print("stopped")
        return 0
    running = [service for service in SERVICES if layout.answer(service).exists()]
    print(f"supervisor {pid}: {', '.join(running) or 'nothing running'}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
