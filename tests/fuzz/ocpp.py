"""Fuzz the OCPP endpoint: ``python -m tests.fuzz.ocpp --seconds 60 [--seed 1]``; prints how often each target ran.

It works on a test database of its own, which it makes and removes.
"""

import argparse
import logging
import os
import time

from apps.core.embedded import ensure_services
from tests.plugins.embedded import PROJECT


def main() -> None:
    """Start what is needed, fuzz, print, and end with 1 if the audit finds anything."""
    parser = argparse.ArgumentParser(description="Fuzz the OCPP decoder and handlers.")
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--seed", type=int, default=int(time.time()))
    options = parser.parse_args()
    _set_up()
    from tests.fuzz.session import fuzz

    tally, violations = fuzz(seconds=options.seconds, seed=options.seed)
    print(f"seed {options.seed}, {options.seconds:g} s, {tally.runs.total()} iterations")
    for name, count in [*tally.runs.items(), *sorted(tally.ends.items())]:
        print(f"{count:>8} {name}")
    if violations:
        raise SystemExit(f"the audit is not clean: {violations[:5]}")


def _set_up() -> None:
    import django

    services = ensure_services(
        var=PROJECT / "var", postgres=not os.environ.get("DATABASE_URL"), valkey=not os.environ.get("REDIS_URL")
    )
    os.environ.setdefault("DATABASE_URL", services.database_url or "")
    os.environ.setdefault("REDIS_URL", services.redis_url or "")
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings.test")
    django.setup()
    logging.disable(logging.CRITICAL)


if __name__ == "__main__":
    main()
