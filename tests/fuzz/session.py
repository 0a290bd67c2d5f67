"""One fuzz run on a fresh test database."""

from django.test.utils import setup_databases, teardown_databases

from apps.core import audit
from apps.core.audit import Violation
from tests.factories import make_site
from tests.fuzz.fuzzer import Fuzzer, Tally, settle


def fuzz(*, seconds: float, seed: int) -> tuple[Tally, list[Violation]]:
    """Return what ran, and what the audit found after it."""
    databases = setup_databases(verbosity=0, interactive=False)
    try:
        site = make_site()
        tally = Fuzzer(site.station, token=site.token.uid, seed=seed).run(seconds=seconds)
        settle()
        return tally, list(audit.find_violations())
    finally:
        teardown_databases(databases, verbosity=0)
