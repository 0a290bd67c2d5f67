"""``python -m bench [part …]``: measure, print one JSON object on stdout, progress on stderr."""

import json
import os
import platform
import signal
import sys
from argparse import ArgumentParser
from importlib import import_module
from types import ModuleType

import django

from bench.measure import say

PARTS = ("rating", "rerating", "ocpp", "billing", "documents", "payments", "pages", "slow_network")


def main() -> int:
    os.environ["DJANGO_SETTINGS_MODULE"] = "bench.settings"
    # Ended by its service or make, it still drops its database: SystemExit runs every ``finally``.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    django.setup()
    parts: dict[str, ModuleType] = {name: import_module(f"bench.{name}") for name in PARTS}
    parser = ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("parts", nargs="*", metavar="part", help=f"of {', '.join(PARTS)}; without any, all")
    for part in parts.values():
        part.add_arguments(parser)
    options = parser.parse_args()
    if unknown := [name for name in options.parts if name not in parts]:
        parser.error(f"there is no part named {unknown[0]}; there are {', '.join(PARTS)}")
    figures: dict[str, object] = {
        "machine": {
            "cores": os.cpu_count(),
            "python": platform.python_version(),
            "load_average": [round(load, 1) for load in os.getloadavg()],
        }
    }
    for name in options.parts or PARTS:
        figures[name] = parts[name].run(options)
    print(json.dumps(figures, indent=2, ensure_ascii=False))
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        say("stopped")
        sys.exit(130)
