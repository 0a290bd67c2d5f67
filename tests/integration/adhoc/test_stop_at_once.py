"""A driver hits stop with eight fingers: the station is asked once."""

from decimal import Decimal

import pytest

from apps.adhoc import services
from apps.payments.models import PaymentAttempt
from apps.payments.services.attempts import set_grant
from apps.sessions.services import limits
from apps.stations.models import StationCommand
from tests.factories import make_grant, make_session, make_site
from tests.integration.payments.drivers import make_attempt
from tests.integration.payments.test_attempt_accidents import together
from tests.locks import locks_off

from .conftest import NOW

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def attempt() -> PaymentAttempt:
    """A driver who charges; without money, so that nothing but our own locks decides."""
    site = make_site(tax_included=True)
    attempt = make_attempt(site, Decimal(0))
    grant = make_grant(site=site, evse=site.evse, granted_at=NOW)
    set_grant(attempt_id=attempt.pk, grant_id=grant.pk)
    grant.used_by_session = make_session(site=site, contract=None, token=None, vehicle=None)
    grant.save()
    return attempt


def stop(attempt: PaymentAttempt) -> None:
    services.stop_or_cancel(attempt_id=attempt.pk, at=NOW)


def stops() -> int:
    return StationCommand.objects.filter(action="RemoteStopTransaction").count()


class TestEightStopsAtOnce:
    def test_ask_the_station_eight_times_when_the_locks_are_off(self, attempt):
        """The race is real: each sees that nobody has asked, and no constraint knows better."""
        with locks_off((limits, "request_command"), people=8):
            outcomes = together(*[lambda: stop(attempt)] * 8)

        assert (outcomes, stops()) == ([None] * 8, 8)

    def test_ask_it_once_with_them(self, attempt):
        outcomes = together(*[lambda: stop(attempt)] * 8)

        assert (outcomes, stops()) == ([None] * 8, 1)
