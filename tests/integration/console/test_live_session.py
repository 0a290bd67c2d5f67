"""A session that runs, on its page: what it costs so far, what is held for it, and how it is stopped."""

from datetime import timedelta
from decimal import Decimal

from django.urls import reverse

from apps.accounts.domain.roles import Role
from apps.core import clock
from apps.sessions.models import MeterReading
from tests.factories import make_member, make_session, make_site, make_user
from tests.integration.payments.conftest import sandbox
from tests.integration.payments.drivers import live_session, make_attempt, pay
from tests.integration.tenants import signed_in

__all__ = ["sandbox"]

WH = 1_000


def browser_of(owner, role: Role):
    return signed_in(make_member(organisation=owner, role=role, user=make_user(is_staff=True)).user)


class TestALiveSessionsPage:
    def test_tells_what_it_costs_so_far_what_is_held_and_stops_it_for_those_who_may(
        self, db, sandbox, django_assert_max_num_queries
    ):
        site = make_site(tax_included=True)
        attempt = pay(make_attempt(site, hold=Decimal("60.00")))
        session = live_session(attempt, site)
        last = session.started_at + timedelta(minutes=10)
        MeterReading.objects.create(
            session=session, at=last, energy_milliwh=session.meter_start_milliwh + 2_000 * WH, frame_id=1
        )
        support, reader = browser_of(site.owner, Role.SUPPORT), browser_of(site.owner, Role.READ_ONLY)
        address = reverse("console:session", args=[session.uid])
        stop = reverse("console:station-act", args=[session.station_id, "stop"])
        support.get(address)

        with django_assert_max_num_queries(30):
            page = support.get(address)
        told = page.content.decode()

        assert "<strong>€1.00</strong> so far, for 2.000 kWh as of its last reading." in told
        assert [payment.attempt for payment in page.context["trace"].payments] == [attempt]
        assert "€60.00" in told
        assert ">held</span>" in told
        assert "a driver without a contract" in told
        assert f'href="{stop}?session={session.uid}"' in told
        assert stop not in reader.get(address).content.decode()

    def test_says_why_what_it_costs_cannot_be_told(self, db):
        site = make_site()
        session = make_session(site=site, started_at=clock.now(), meter_start_milliwh=None)

        told = browser_of(site.owner, Role.SUPPORT).get(reverse("console:session", args=[session.uid]))

        assert "What it costs so far cannot be told: The begin reading could not be read." in told.content.decode()
