"""Two whole tenants, so that whatever shows the one's rows can be searched for the other's.

Every name of the other tenant holds ``CANARY``; an answer to anybody else that contains it has crossed the border.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from allauth.account.authentication import AUTHENTICATION_METHODS_SESSION_KEY
from allauth.account.internal.flows.login import record_authentication
from django.contrib import admin
from django.contrib.sessions.backends.db import SessionStore
from django.http import HttpRequest
from django.test import Client

from apps.accounts import api_keys
from apps.accounts.domain.roles import Role as MemberRole
from apps.accounts.domain.scopes import Scope
from apps.accounts.invitations import invite
from apps.accounts.middleware import NotedSignIns
from apps.accounts.models import Membership, Organisation, User
from apps.documents.models import Document
from apps.invoices.models import BillingHold, Invoice, LineDispute
from apps.invoices.services.billing import run_billing
from apps.ocpp.models import Frame
from apps.payments.models import (
    Payment,
)
from apps.payments.services.dunning import remind
from apps.sessions.models import Cdr, ChargingSession, MeterReading
from apps.sessions.services.rating import rate_settled
from apps.sessions.services.reservations import record_reservation
from tests.factories import (
    NOON,
    Site,
    make_evse,
    make_member,
    make_session,
    make_user,
)
from tests.integration.tenant_money import (
    add_attempt,
    add_bank_money,
    add_payment,
    add_payout,
    add_refund_request,
    add_settlement,
    add_wallet,
)
from tests.integration.tenant_parts import (
    BILLED_AT,
    KWH,
    add_books,
    add_budget,
    add_community,
    add_dispute,
    add_events,
    add_files,
    add_home_charging,
    add_payer,
    add_sign_in,
    add_signed_values,
    add_trial,
    add_version,
    add_waiting_stop,
    add_webhook,
    make_named_site,
)
from tests.shared_rows import shared_fixture

CANARY = "CANARY"


@dataclass(frozen=True, kw_only=True)
class Tenant:
    """A station owner's whole business, its people, and its fleet customer's."""

    site: Site
    operator: Membership
    fleet: Membership
    session: ChargingSession
    in_review: ChargingSession
    cdr: Cdr
    invoice: Invoice
    document: Document
    payment: Payment

    @property
    def owner(self) -> Organisation:
        return self.site.owner


def make_ended_session(site: Site, *, started_at: datetime = NOON, frame: bool = True) -> ChargingSession:
    """Make a settled session of 10 kWh in an hour, with begin and end readings and their frames."""
    ended_at = started_at + timedelta(hours=1)
    frames = [
        Frame.objects.create(
            station=site.station,
            connection_no=1,
            direction="in",
            received_at=at,
            message_id=f"m-{at:%H%M}",
            action=action,
            payload=f'[2,"m","{action}",{{"idTag":"{site.token.uid}"}}]',
        )
        for at, action in ((started_at, "StartTransaction"), (ended_at, "StopTransaction"))
    ]
    session = make_session(
        site=site,
        status="settled",
        started_at=started_at,
        start_frame_id=frames[0].pk,
        ended_at=ended_at,
        end_received_at=ended_at,
        end_frame_id=frames[1].pk,
        settled_at=ended_at,
        meter_start_milliwh=1_000 * KWH,
        meter_stop_milliwh=1_010 * KWH,
    )
    for at, energy, context, source in (
        (started_at, 1_000 * KWH, "Transaction.Begin", frames[0]),
        (ended_at, 1_010 * KWH, "Transaction.End", frames[1]),
    ):
        MeterReading.objects.create(session=session, at=at, energy_milliwh=energy, context=context, frame_id=source.pk)
    return session


def make_later_session(tenant: Tenant) -> None:
    """Make a rated session that nobody has billed."""
    site = replace(tenant.site, evse=make_evse(station=tenant.site.station, number=7))
    session = make_ended_session(site, started_at=NOON + timedelta(days=40))
    rate_settled(session_id=session.pk, at=session.settled_at)


def make_tenant(name: str) -> Tenant:
    """Make one row of everything a tenant can have, made by the services wherever there is one."""
    site = make_named_site(name)
    session = make_ended_session(site)
    add_signed_values(session)
    cdr = rate_settled(session_id=session.pk, at=session.settled_at)
    run_billing(seller_id=site.owner.pk, until_date=date(2026, 6, 30), at=BILLED_AT)
    invoice = Invoice.objects.get(seller=site.owner)
    BillingHold.objects.create(
        seller=site.owner, session=session, reason=name, held_at=BILLED_AT, released_at=BILLED_AT
    )
    document = add_files(name, site, invoice)
    add_attempt(name, site)
    add_bank_money(name, site)
    add_trial(site)
    add_books(name, site.owner)
    add_waiting_stop(name, site, frame_id=session.end_frame_id)
    record_reservation(
        station_id=site.station.pk,
        reservation_id=17,
        evse_number=site.evse.number,
        token=site.token.uid,
        expires_at=NOON + timedelta(minutes=30),
        at=NOON,
    )
    remind(invoice_id=invoice.pk, at=BILLED_AT + timedelta(days=30))
    add_dispute(name, invoice)
    add_budget(name, site)
    add_wallet(name, site)
    add_version(name, site)
    add_community(name, site)
    add_payer(name, site)
    add_home_charging(name, site)
    add_settlement(name, site.owner)
    add_payout(name, site)
    add_webhook(name, site.owner)
    add_events(name, site)
    operator = make_member(
        organisation=site.owner, role=MemberRole.OWNER, user=make_user(name=f"{name} Owner", is_staff=True)
    )
    api_keys.make_key(membership=operator, name=f"{name} ERP", scopes=[scope.value for scope in Scope], at=BILLED_AT)
    add_sign_in(name, operator.user)
    add_refund_request(name, invoice, operator.user)
    invite(
        organisation=site.owner, email=f"{name}@people.example", role=MemberRole.SUPPORT, by=operator.user, at=BILLED_AT
    )
    return Tenant(
        site=site,
        operator=operator,
        fleet=make_member(
            organisation=site.customer.organisation, role=MemberRole.FLEET_ADMIN, user=make_user(name=f"{name} Fleet")
        ),
        session=session,
        in_review=make_session(
            site=site,
            status="review",
            started_at=NOON - timedelta(days=1),
            ended_at=NOON - timedelta(hours=23),
            end_received_at=NOON,
            meter_stop_milliwh=1_005 * KWH,
            review_reasons=[f"{name}: the register jumped."],
        ),
        cdr=cdr,
        invoice=invoice,
        document=document,
        payment=add_payment(name, site, invoice),
    )


def dispute_of(tenant: Tenant) -> LineDispute:
    """Return the dispute of a tenant's invoice."""
    found: LineDispute = LineDispute.objects.get(line__invoice=tenant.invoice)
    return found


ours = shared_fixture("ours", lambda: make_tenant("OURS"))
theirs = shared_fixture("theirs", lambda: make_tenant(CANARY))


@pytest.fixture
def owner(ours) -> Client:
    """Our owner's browser."""
    return signed_in(ours.operator.user)


@pytest.fixture
def platform(db) -> Client:
    """The platform operator's browser."""
    return signed_in(make_user(is_staff=True, is_superuser=True))


def people_of(owner: Organisation, *, fleet: Organisation | None, roles: Iterable[str]) -> dict[str, User]:
    """Return somebody of each role, by its name: of the fleet the fleet's, of the owner everybody else's."""
    people = {}
    for role in roles:
        if role == "platform":
            people[role] = make_user(is_staff=True, is_superuser=True)
        elif role != "anonymous":
            is_fleets = role.startswith("fleet")
            user = make_user(is_staff=not is_fleets)
            people[role] = make_member(
                organisation=fleet if is_fleets else owner, role=MemberRole(role), user=user
            ).user
    return people


def signed_in(user: User) -> Client:
    """Return the browser of somebody whose sign-in is noted and never too long ago.

    So no page is counted with what noting asks, and no sensitive act asks for the password again.
    """
    client = Client()
    client.force_login(user)
    session = client.session
    session.update(proof_of(user, at=datetime(9999, 1, 1, tzinfo=UTC)))
    session[NotedSignIns.NOTE] = (session.session_key, "9999-01-01T00:00:00+00:00")
    session.save()
    return client


def proof_of(user: User, *, at: datetime) -> dict[str, Any]:
    """Return what allauth keeps in a session of a password that was given at that time."""
    request = HttpRequest()
    request.session = SessionStore()
    record_authentication(request, user, method="password")
    kept = dict(request.session.items())
    kept[AUTHENTICATION_METHODS_SESSION_KEY][0]["at"] = at.timestamp()
    return kept


def row_of(model: Any, owner: Organisation) -> Any:
    """Return a row of ``model`` that the owner operates; a model without one has to be added to ``make_tenant``."""
    path = "memberships__organisation" if model is User else model.TENANT[0]
    # By key: of rows that a model's own order holds for equal any may come first, as the table happens to lie.
    return model.objects.filter(**{path: owner.pk}).order_by("pk").first()


def registered_models() -> list[Any]:
    return list(admin.site._registry)


def answer(response: Any) -> bytes:
    """Return everything an answer says: status line aside, headers and body."""
    return str(response.headers).encode() + response.getvalue()
