"""Pages of an owner of many stations and customers ask the database as often as those of a small one."""

from copy import copy
from datetime import UTC, datetime
from uuid import uuid4

import pytest
from django.db import connection
from django.db.models import Model
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from apps.accounting.models import DebtorAccount, Payout
from apps.accounts.models import User
from apps.contracts.models import Customer
from apps.invoices.models import BillingHold
from apps.sessions.models import ChargingSession
from config.demo.volume import FLEET_EMAIL, OWNER_EMAIL, seed_volume
from tests.integration.tenants import ours, row_of, signed_in

__all__ = ["ours"]

AT = datetime(2026, 11, 20, 12, 20, tzinfo=UTC)
MOST_QUERIES = 30
OF_THE_OWNER = ("/admin/?period=own&from=2026-10-01&to=2026-11-20", "/admin/console/live/", "/admin/console/review/")
OF_THE_FLEET = ("/portal/", "/portal/sessions/", "/portal/sessions/places/")


def count(client, address: str) -> int:
    with CaptureQueriesContext(connection) as queries:
        assert client.get(address).status_code == 200
    return len(queries)


def again(row: Model, **other: object) -> Model:
    """Write a row once more, but for what must differ."""
    twin = copy(row)
    twin.pk, twin._state.adding = None, True
    for name, value in other.items():
        setattr(twin, name, value)
    twin.save()
    return twin


@pytest.mark.django_db
def test_home_and_portal_of_many_stations_ask_thirty_times_at_most():
    seed_volume(sessions=300, stations=40, days=40, at=AT)
    owner, fleet = (signed_in(User.objects.get(email=email)) for email in (OWNER_EMAIL, FLEET_EMAIL))

    asked = {address: count(owner, address) for address in OF_THE_OWNER}
    asked |= {address: count(fleet, address) for address in OF_THE_FLEET}

    assert {address: times for address, times in asked.items() if times > MOST_QUERIES} == {}


@pytest.mark.django_db
def test_a_list_asks_no_more_for_more_rows(ours):
    owner, seller = signed_in(ours.operator.user), ours.owner
    lists = {
        model: reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_changelist")
        for model in (BillingHold, DebtorAccount, Payout)
    }
    before = {model: count(owner, page) for model, page in lists.items()}

    for number in range(3):
        session = again(row_of(ChargingSession, seller), uid=uuid4(), transaction_id=900 + number)
        BillingHold.objects.create(seller=seller, session=session, reason="broken meter", held_at=AT)
        customer = again(row_of(Customer, seller), number=f"MANY-{number}", uid=uuid4())
        DebtorAccount.objects.create(seller=seller, customer=customer, number=107_000_000 + number, drawn_at=AT)
        again(row_of(Payout, seller), stripe_id=f"po_many_{number}")

    assert {model: count(owner, page) for model, page in lists.items()} == before
