"""Our owner, and another one whose rows must never show."""

from dataclasses import replace
from datetime import date, timedelta

import pytest

from apps.invoices.services.billing import run_billing
from apps.sessions.services.rating import rate_settled
from tests.factories import NOON, Site, make_evse
from tests.integration.tenants import make_ended_session, ours, owner, platform, theirs

__all__ = ["ours", "owner", "platform", "theirs"]


@pytest.fixture
def more_rows():
    """Return a function that gives a site more of everything its lists show."""

    def add(site: Site) -> None:
        for number in range(2, 12):
            evse = make_evse(station=site.station, number=number)
            session = make_ended_session(replace(site, evse=evse), started_at=NOON + timedelta(days=number))
            rate_settled(session_id=session.pk, at=session.settled_at)
        for month in (7, 8, 9):
            run_billing(seller_id=site.owner.pk, until_date=date(2026, month, 20), at=NOON + timedelta(days=200))

    return add
