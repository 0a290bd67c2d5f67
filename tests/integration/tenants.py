"""Two whole tenants, so that whatever shows the one's rows can be searched for the other's.

Every name of the other tenant holds ``CANARY``; an answer to anybody else that contains it has crossed the border.
"""

from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.contrib import admin
from django.test import Client

from apps.accounting.domain.statements.tables import Layout
from apps.accounting.models import (
    Agreement,
    BalanceEntry,
    Discrepancy,
    HomeFile,
    HomePayout,
    HomeStatement,
    Payout,
)
from apps.accounting.services.debtors import draw_numbers
from apps.accounting.services.exporting import export_month
from apps.accounting.services.home import note_received
from apps.accounting.services.owner_payouts import make_payout_file
from apps.accounting.services.settlement import make_statement
from apps.accounting.services.statements import read_statement
from apps.accounts import api_keys
from apps.accounts.domain.roles import Role as MemberRole
from apps.accounts.domain.scopes import Scope
from apps.accounts.models import Membership, Organisation, User
from apps.analytics.services import price_page, start_trial
from apps.contracts.models import ContractVersion, HomeAgreement, HomeCharger, HomeDriver, PayerPolicy, SpendingLimit
from apps.documents.mails import enqueue_mail
from apps.documents.models import Document, WebhookAttempt
from apps.documents.services import store_document
from apps.documents.webhooks.endpoints import open_endpoint, ping
from apps.invoices.domain.line_disputes import DisputeGround
from apps.invoices.models import BillingHold, Invoice, LineDispute
from apps.invoices.selectors import data_key, document_key
from apps.invoices.services.billing import run_billing
from apps.invoices.services.disputing import open_dispute, withdraw_dispute
from apps.invoices.services.sharing import share_cost
from apps.ledger.domain.chart import Role
from apps.ledger.domain.charts import ChartKind, NumberedAccount
from apps.ledger.domain.posting import PostingLine
from apps.ledger.services.charts import choose_chart, set_numbers
from apps.ledger.services.closings import close_month
from apps.ocpp.models import Frame, StationEvent
from apps.payments.models import (
    Allocation,
    Dispute,
    Payment,
    PaymentOperation,
    SavedMethod,
    StripeEvent,
    Transfer,
    Wallet,
    WalletMovement,
    WalletOffer,
)
from apps.payments.services.allocating import take_back
from apps.payments.services.attempts import create_attempt, release_attempt
from apps.payments.services.bank import StatementLine, record_receipt, request_repayment
from apps.payments.services.dunning import remind
from apps.payments.services.posting import Move, post_between
from apps.payments.services.wallets import move, open_wallet
from apps.payments.services.write_offs import write_off
from apps.sessions.domain.signed import Encoding, Moment, SignedFormat, SignedSample
from apps.sessions.models import Budget, BudgetAlert, Cdr, ChargingSession, MeterReading, WaitingStop
from apps.sessions.services.rating import rate_settled
from apps.sessions.services.reservations import record_reservation
from apps.sessions.services.signing import Signed, store_signed
from apps.stations.services import add_meter_key, new_pay_code, request_command
from tests.factories import (
    NOON,
    Site,
    assign_tariff,
    give_plan,
    hold_unit,
    make_community,
    make_contract,
    make_cost_centre,
    make_customer,
    make_evse,
    make_grant,
    make_key,
    make_location,
    make_member,
    make_organisation,
    make_owner,
    make_session,
    make_shared_cost,
    make_station,
    make_tariff,
    make_tariff_version,
    make_template,
    make_tier,
    make_token,
    make_unit,
    make_user,
    make_vehicle,
)
from tests.meters import SigningMeter

CANARY = "CANARY"
PDF = b"%PDF-1.7 of a test"
BILLED_AT = datetime(2026, 7, 1, 8, 0, tzinfo=UTC)
KWH = 1_000_000


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


def make_named_site(name: str) -> Site:
    """Make a site whose every name begins with ``name``."""
    owner = make_owner(name=f"{name} Stadtwerke")
    location = make_location(owner=owner, name=f"{name} Depot", street=f"{name} Street 1")
    station = make_station(location=location, identity=f"{name}-CS-1", vendor=f"{name} Vendor", last_seen_at=NOON)
    evse = make_evse(station=station)
    tariff = make_tariff(owner=owner, name=f"{name} Tariff")
    version = make_tariff_version(tariff=tariff, used_at=NOON)
    assign_tariff(tariff=tariff)
    customer = make_customer(
        seller=owner, organisation=make_organisation(name=f"{name} Fleet AG"), name=f"{name} Fleet AG", number=name
    )
    tier = make_tier(seller=owner, name=f"{name} Tier")
    contract = make_contract(customer=customer, number=f"{name}-V1", tier=tier)
    SpendingLimit.objects.create(contract=contract, currency="EUR", amount="1000.00", session_amount="50.00")
    give_plan(contract=contract, name=f"{name} Plan", first_day=date(2026, 7, 15), base_fee="30.00")
    vehicle = make_vehicle(customer=customer, plate=f"{name} 1")
    cost_centre = make_cost_centre(customer=customer, code=name, name=f"{name} Sales")
    return Site(
        owner=owner,
        location=location,
        station=station,
        evse=evse,
        tariff=tariff,
        version=version,
        customer=customer,
        contract=contract,
        vehicle=vehicle,
        token=make_token(
            contract=contract, vehicle=vehicle, cost_centre=cost_centre, driver=f"{name} Driver", uid=f"{name}CARD"
        ),
    )


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


def _make_waiting_stop(name: str, site: Site, *, frame_id: int) -> None:
    WaitingStop.objects.create(
        station=site.station,
        transaction_id=-1,
        id_token=f"{name}CARD",
        ended_at=NOON,
        meter_stop_milliwh=KWH,
        received_at=NOON,
        frame_id=frame_id,
        told={},
    )


def make_tenant(name: str) -> Tenant:
    """Make one row of everything a tenant can have, made by the services wherever there is one."""
    site = make_named_site(name)
    session = make_ended_session(site)
    _make_signed_values(session)
    cdr = rate_settled(session_id=session.pk, at=session.settled_at)
    run_billing(seller_id=site.owner.pk, until_date=date(2026, 6, 30), at=BILLED_AT)
    invoice = Invoice.objects.get(seller=site.owner)
    BillingHold.objects.create(
        seller=site.owner, session=session, reason=name, held_at=BILLED_AT, released_at=BILLED_AT
    )
    document = store_document(
        seller_id=site.owner.pk,
        recipient_id=site.customer.organisation_id,
        key=document_key(invoice),
        kind="invoice",
        media_type="application/pdf",
        language="en",
        file_name=f"{name}.pdf",
        content=PDF + name.encode(),
        at=BILLED_AT,
    )
    store_document(
        seller_id=site.owner.pk,
        recipient_id=site.customer.organisation_id,
        key=data_key(invoice),
        kind="e_invoice",
        media_type="application/xml",
        language="en",
        file_name=f"{name}.xml",
        content=b"<Invoice/>" + name.encode(),
        at=BILLED_AT,
    )
    _make_attempt(name, site)
    _make_bank_money(name, site)
    _make_trial(site)
    _make_books(name, site.owner)
    _make_waiting_stop(name, site, frame_id=session.end_frame_id)
    record_reservation(
        station_id=site.station.pk,
        reservation_id=17,
        evse_number=site.evse.number,
        token=site.token.uid,
        expires_at=NOON + timedelta(minutes=30),
        at=NOON,
    )
    remind(invoice_id=invoice.pk, at=BILLED_AT + timedelta(days=30))
    _make_dispute(name, invoice)
    _make_budget(name, site)
    _make_wallet(name, site)
    _make_version(name, site)
    _make_community(name, site)
    _make_payer(name, site)
    _make_home_charging(name, site)
    _make_settlement(name, site.owner)
    _make_payout(name, site)
    _make_webhook(name, site.owner)
    make_grant(site=site, token=f"{name}GRANT", contract=site.contract)
    new_pay_code(connector_id=site.evse.connectors.get().pk, at=NOON)
    StationEvent.objects.create(station=site.station, at=NOON, kind="boot", text=f"{name} booted")
    enqueue_mail(
        organisation_id=site.owner.pk,
        recipient="operator@example.com",
        kind="stations",
        language="en",
        subject=f"{name}: 1 station is down",
        body=name,
        at=NOON,
    )
    request_command(
        station_id=site.station.pk,
        action="Reset",
        payload={"note": name},
        requested_at=NOON,
        deadline_at=NOON + timedelta(minutes=1),
    )
    operator = make_member(
        organisation=site.owner, role=MemberRole.OWNER, user=make_user(name=f"{name} Owner", is_staff=True)
    )
    api_keys.make_key(membership=operator, name=f"{name} ERP", scopes=[scope.value for scope in Scope], at=BILLED_AT)
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
        payment=_make_payment(name, site, invoice),
    )


def _make_budget(name: str, site: Site) -> None:
    """Make a budget of the fleet's vehicle and an alert of it."""
    budget = Budget.objects.create(
        seller=site.owner, contract=site.contract, vehicle=site.vehicle, currency=site.owner.currency, amount="100.00"
    )
    BudgetAlert.objects.create(budget=budget, month=date(2026, 6, 1), threshold=50, used="50.00", told_at=BILLED_AT)


def _make_dispute(name: str, invoice: Invoice) -> None:
    """Make a dispute of the invoice's line that was withdrawn, so that all of it is owed."""
    person = make_user(name=f"{name} Driver")
    dispute = open_dispute(
        line_id=invoice.lines.get().pk,
        ground=DisputeGround.OTHER,
        words=f"{name} was not there.",
        at=BILLED_AT,
        by=person,
    )
    withdraw_dispute(dispute_id=dispute.pk, at=BILLED_AT, by=person)


def _make_version(name: str, site: Site) -> None:
    """Make terms, and an amendment of the contract that the customer may accept."""
    make_template(seller=site.owner, name=f"{name} Terms", terms=f"{name} {{customer}}")
    document = store_document(
        seller_id=site.owner.pk,
        recipient_id=site.customer.organisation_id,
        key=f"contract:{site.contract.pk}:version:1",
        kind="contract",
        media_type="application/pdf",
        language="en",
        file_name=f"{name}-V1-1.pdf",
        content=PDF + name.encode() + b" contract",
        at=BILLED_AT,
    )
    ContractVersion.objects.create(
        contract=site.contract,
        number=1,
        kind="amendment",
        status="offered",
        first_day=date(2199, 1, 1),
        content={"title": f"{name} contract", "customer": {"name": f"{name} Fleet AG"}},
        document=document,
        document_hash=document.sha256,
        made_at=BILLED_AT,
        offered_at=BILLED_AT,
        offered_to=site.customer.email,
    )


def _make_payer(name: str, site: Site) -> None:
    """Let the fleet's contract have a rule of employer or driver, at a place of its own name."""
    policy = PayerPolicy.objects.create(contract=site.contract)
    policy.rules.create(position=1, payer="driver", weekdays=[7], location=site.location)


def _make_home_charging(name: str, site: Site) -> None:
    """Make a driver whose wallbox the station will be far ahead, a month of nothing, and a payment that came back."""
    agreement = HomeAgreement.objects.create(contract=site.contract, tariff=site.tariff, currency="EUR")
    driver = HomeDriver.objects.create(agreement=agreement, name=f"{name} Driver", iban="DE89370400440532013000")
    HomeCharger.objects.create(driver=driver, station=site.station, first_day=date(2198, 1, 1))
    HomeStatement.objects.create(
        driver=driver, month=date(2026, 6, 1), currency="EUR", amount=0, energy_milliwh=0, made_at=BILLED_AT
    )
    file = HomeFile.objects.create(
        seller=site.owner,
        kind=HomeFile.Kind.PAYROLL,
        message_id=f"{name}-PAYROLL",
        execution_date=BILLED_AT.date(),
        content=name.encode(),
        made_at=BILLED_AT,
    )
    HomePayout.objects.create(
        driver=driver,
        file=file,
        status="returned",
        currency="EUR",
        amount=1,
        returned_at=BILLED_AT,
        reason=f"{name} moved away",
    )
    note_received(
        agreement_id=agreement.pk,
        reference=f"{name} transfer",
        amount=Decimal("1.00"),
        received_on=BILLED_AT.date(),
        by=None,
        at=BILLED_AT,
    )


def _make_community(name: str, site: Site) -> None:
    """Make a community that the fleet's people manage, a flat held by its contract, and a cost shared far ahead."""
    far_ahead = date(2198, 1, 1)
    community = make_community(
        seller=site.owner, organisation=site.customer.organisation, name=f"{name} House", number=f"{name}-H"
    )
    unit = make_unit(community=community, label=f"{name} Flat")
    hold_unit(unit=unit, contract=site.contract)
    key = make_key(community=community, name=f"{name} Key", kind="table")
    key.weights.create(unit=unit, weight="1", first_day=far_ahead)
    cost = make_shared_cost(community=community, key=key, name=f"{name} Cost", first_day=far_ahead)
    share_cost(cost_id=cost.pk, first_day=far_ahead, at=BILLED_AT, by=None)


def _make_bank_money(name: str, site: Site) -> None:
    """Make money that paid an invoice given up before, was taken back and is to go back: it is open as it was."""
    (invoice,) = Invoice.objects.filter(seller=site.owner)
    clerk = make_user(name=f"{name} Clerk")
    write_off(invoice_id=invoice.pk, reason=f"{name} is insolvent", by=clerk, at=BILLED_AT)
    line = StatementLine(
        key=name,
        booked_on=BILLED_AT.date(),
        amount=invoice.gross.amount,
        currency="EUR",
        payer=f"{name} Fleet AG",
        reference=invoice.number,
    )
    record_receipt(seller_id=site.owner.pk, line=line, at=BILLED_AT)
    allocation = Allocation.objects.get(invoice=invoice)
    take_back(allocation_id=allocation.pk, reason=f"{name} was wrong", by=clerk, at=BILLED_AT)
    request_repayment(receipt_id=allocation.bank_receipt_id, reason=f"{name} asks for it", by=clerk, at=BILLED_AT)


def _make_wallet(name: str, site: Site) -> Wallet:
    """Make a second contract that is prepaid, and a top-up of it."""
    WalletOffer.objects.create(seller=site.owner, currency="EUR")
    contract = make_contract(customer=site.customer, number=f"{name}-V2")
    wallet = open_wallet(contract_id=contract.pk, at=BILLED_AT)
    payment = Payment.objects.create(
        kind="top_up",
        wallet=wallet,
        seller=site.owner,
        customer=site.customer,
        livemode=False,
        currency="EUR",
        amount=Decimal("50.00"),
        amount_received=Decimal("0.00"),
        created_at=BILLED_AT,
    )
    move(
        wallet,
        kind=WalletMovement.Kind.TOP_UP,
        key=f"payment:{payment.pk}",
        amount=Decimal("50.00"),
        payment=payment,
        at=BILLED_AT,
    )
    return wallet


def _make_signed_values(session: ChargingSession) -> None:
    """Make what the meter signed of a session, and the key by which that is verified."""
    meter, person = SigningMeter(serial=f"{session.station}-METER"), make_user()
    add_meter_key(station_id=session.station_id, evse_id=None, public_key=meter.public_key, by=person, at=NOON)
    assert session.ended_at is not None
    assert session.end_frame_id is not None
    told = (
        (Moment.BEGIN, session.started_at, meter.begin(session.started_at, "1000.000")),
        (Moment.END, session.ended_at, meter.end(session.ended_at, "1010.000")),
    )
    samples = [
        SignedSample(at=at, moment=moment, format=SignedFormat.OCMF, encoding=Encoding.PLAIN, raw=record.encode())
        for moment, at, record in told
    ]
    store_signed([Signed(session, samples, session.ended_at, session.end_frame_id)])


def _make_payment(name: str, site: Site, invoice: Invoice) -> Payment:
    method = SavedMethod.objects.create(
        customer=site.customer,
        status="active",
        livemode=False,
        checkout_session_id=f"cs_{name}",
        payment_method_id=f"pm_{name}",
        brand=name.lower(),
        last4="4242",
        requested_at=BILLED_AT,
        activated_at=BILLED_AT,
    )
    payment = Payment.objects.create(
        seller=site.owner,
        customer=site.customer,
        invoice=invoice,
        status="requires_payment_method",
        livemode=False,
        stripe_id=f"pi_{name}",
        currency="EUR",
        amount=invoice.gross.amount,
        amount_received=Decimal(0),
        latest_charge=f"ch_{name}",
        failure_message=f"{name}: card declined.",
        created_at=BILLED_AT,
    )
    PaymentOperation.objects.create(
        seller=site.owner,
        customer=site.customer,
        payment=payment,
        method=method,
        kind="confirm_intent",
        idempotency_key=f"key-{name}",
        livemode=False,
        status="rejected",
        created_at=BILLED_AT,
        ended_at=BILLED_AT,
        error=f"{name}: declined",
    )
    # An inquiry: it moves nothing, so that this payment, which brought nothing, can have one.
    Dispute.objects.create(
        payment=payment,
        stripe_id=f"du_{name}",
        currency="EUR",
        amount=invoice.gross.amount,
        beyond=Decimal(0),
        reason="general",
        status="warning_needs_response",
        opened_at=BILLED_AT,
        evidence={"uncategorized_text": f"{name}: it was delivered."},
        prepared_at=BILLED_AT,
        synced_at=BILLED_AT,
    )
    StripeEvent.objects.create(
        seller=site.owner,
        stripe_id=f"evt_{name}",
        type="payment_intent.payment_failed",
        livemode=False,
        payload={"name": name},
        received_at=BILLED_AT,
        processed_at=BILLED_AT,
    )
    return payment


def _make_payout(name: str, site: Site) -> None:
    """Make a payout with one part that our books know nothing of."""
    money = {"seller": site.owner, "currency": "EUR", "amount": Decimal("9.60")}
    payout = Payout.objects.create(
        stripe_id=f"po_{name}",
        livemode=False,
        status="paid",
        is_automatic=True,
        created_at=BILLED_AT,
        arrives_at=BILLED_AT,
        lines_pulled_at=BILLED_AT,
        synced_at=BILLED_AT,
        **money,
    )
    entry = BalanceEntry.objects.create(
        stripe_id=f"txn_{name}",
        kind="charge",
        fee=Decimal(0),
        net=Decimal("9.60"),
        description=f"{name} charge",
        created_at=BILLED_AT,
        available_on=BILLED_AT,
        payout=payout,
        **money,
    )
    Discrepancy.objects.create(
        seller=site.owner,
        key=f"entry:{entry.stripe_id}",
        kind="unknown_here",
        subject=f"charge of {name}",
        stripe_says="9.60 EUR",
        we_say="nothing",
        cause=f"Charged at Stripe without {name}.",
        entry=entry,
        found_at=BILLED_AT,
    )


def _make_webhook(name: str, owner: Organisation) -> None:
    """Make an endpoint that was told something, and a try that failed."""
    opened = open_endpoint(
        organisation_id=owner.pk,
        side="seller",
        url=f"https://hooks.example/{name}",
        event_types=["invoice.issued"],
        description=f"{name} ERP",
        at=BILLED_AT,
        by=make_user(name=f"{name} Integrator"),
    )
    delivery = ping(endpoint_id=opened.endpoint.pk, at=BILLED_AT)
    WebhookAttempt.objects.create(
        delivery=delivery,
        number=1,
        url=opened.endpoint.url,
        started_at=BILLED_AT,
        duration_ms=12,
        status_code=500,
        answer=f"{name} broke",
        error="It answered 500, not 2xx.",
    )


def _make_books(name: str, owner: Organisation) -> None:
    """Read a bank statement, choose a chart with a number of the tenant's own, close a month, export another."""
    clerk, long_ago = make_user(name=f"{name} Bookkeeper"), date(2020, 1, 1)
    content = f"Date;Amount;Name;Text\n2020-01-02;-1.00;{name} Bank;{name} fee\n".encode()
    layout = Layout(
        booked_on="Date", amount="Amount", payer="Name", reference="Text", day_format="%Y-%m-%d", decimal_comma=False
    )
    read_statement(seller_id=owner.pk, file_name=f"{name}.csv", content=content, layout=layout, by=clerk, at=BILLED_AT)
    choose_chart(entity_id=owner.pk, kind=ChartKind.SKR03, valid_from=long_ago, by=clerk, at=BILLED_AT)
    numbers = {(Role.BANK, ""): NumberedAccount("1221", f"{name} Bank")}
    set_numbers(entity_id=owner.pk, numbers=numbers, valid_from=long_ago, by=clerk, at=BILLED_AT)
    close_month(entity_id=owner.pk, month=long_ago, by=clerk, at=BILLED_AT)
    export_month(seller_id=owner.pk, file_format="csv", month=date(2026, 7, 1), currency="EUR", by=clerk, at=BILLED_AT)
    draw_numbers(seller_id=owner.pk, at=BILLED_AT, on=date(2026, 7, 1))


def _make_trial(site: Site) -> None:
    """Try the owner's version on the days of their sessions, to the end."""
    trial = start_trial(
        tariff_version_id=site.version.pk, first_date=date(2026, 6, 1), last_date=date(2026, 6, 30), at=BILLED_AT
    )
    while price_page(trial_id=trial.pk, at=BILLED_AT):
        pass


def _make_settlement(name: str, platform: Organisation) -> None:
    """Let the tenant collect for another owner: an agreement, a transfer, a statement, and a payout in a file."""
    site = make_named_site(f"{name}-SUB")
    agreement = Agreement.objects.create(
        platform=platform, owner=site.owner, currency="EUR", valid_from=NOON.date(), percent=Decimal(10)
    )
    attempt = create_attempt(
        evse_id=site.evse.pk,
        seller_id=site.owner.pk,
        tariff_version_id=site.version.pk,
        pay_code=f"{name}-SUB-CODE",
        hold_amount=Decimal("25.00"),
        currency="EUR",
        language="en",
        at=NOON,
    )
    Payment.objects.filter(attempt=attempt).update(
        status="succeeded", stripe_id=f"pi_{name}_sub", amount_received=Decimal("25.00"), succeeded_at=NOON
    )
    Transfer.objects.create(
        payment=attempt.payment,
        platform=platform,
        owner=site.owner,
        destination=f"acct_{name}",
        currency="EUR",
        amount=Decimal("10.00"),
        requested_at=NOON,
    )
    post_between(
        platform=platform,
        owner=site.owner,
        key=f"{name}:collected",
        text=f"{name}: collected",
        move=Move(
            amount=Decimal(-15),
            platform_role=Role.BANK,
            owner_lines=(PostingLine(role=Role.RECEIVABLE, amount=Decimal(-15)),),
        ),
        currency="EUR",
        at=NOON,
    )
    statement = make_statement(agreement_id=agreement.pk, month=date(2026, 6, 1), at=BILLED_AT)
    make_payout_file(payout_ids=[statement.payout.pk], execution_date=BILLED_AT.date(), by=None, at=BILLED_AT)


def _make_attempt(name: str, site: Site) -> None:
    """Make a driver's try to pay for this EVSE that came to nothing."""
    attempt = create_attempt(
        evse_id=site.evse.pk,
        seller_id=site.owner.pk,
        tariff_version_id=site.version.pk,
        pay_code=f"{name}-CODE",
        hold_amount=Decimal("25.00"),
        currency="EUR",
        language="en",
        at=NOON,
    )
    release_attempt(attempt_id=attempt.pk, reason=f"{name}: not wanted", at=NOON)


def dispute_of(tenant: Tenant) -> LineDispute:
    """Return the dispute of a tenant's invoice."""
    found: LineDispute = LineDispute.objects.get(line__invoice=tenant.invoice)
    return found


@pytest.fixture
def ours(db) -> Tenant:
    return make_tenant("OURS")


@pytest.fixture
def theirs(db) -> Tenant:
    return make_tenant(CANARY)


@pytest.fixture
def owner(ours) -> Client:
    """Our owner's browser."""
    return signed_in(ours.operator.user)


@pytest.fixture
def platform(db) -> Client:
    """The platform operator's browser."""
    return signed_in(make_user(is_staff=True, is_superuser=True))


def signed_in(user: User) -> Client:
    client = Client()
    client.force_login(user)
    return client


def row_of(model: Any, owner: Organisation) -> Any:
    """Return a row of ``model`` that the owner operates; a model without one has to be added to ``make_tenant``."""
    if model is User:
        return User.objects.filter(memberships__organisation=owner).first()
    return model.objects.filter(**{model.TENANT[0]: owner.pk}).first()


def registered_models() -> list[Any]:
    return list(admin.site._registry)


def answer(response: Any) -> bytes:
    """Return everything an answer says: status line aside, headers and body."""
    return str(response.headers).encode() + response.getvalue()
