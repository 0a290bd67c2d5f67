"""What a tenant has besides its site and its session, made by the services wherever there is one."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

from django.contrib.sessions.backends.db import SessionStore

from apps.accounting.domain.statements.tables import Layout
from apps.accounting.models import (
    HomeFile,
    HomePayout,
    HomeStatement,
)
from apps.accounting.services.debtors import draw_numbers
from apps.accounting.services.exporting import export_month
from apps.accounting.services.home import note_received
from apps.accounting.services.statements import read_statement
from apps.accounts.models import Organisation, User
from apps.accounts.sign_ins import note_seen
from apps.analytics.services.trials import price_page, start_trial
from apps.contracts.models import ContractVersion, HomeAgreement, HomeCharger, HomeDriver, PayerPolicy, SpendingLimit
from apps.documents.mails import enqueue_mail
from apps.documents.models import Document, WebhookAttempt
from apps.documents.services import store_document
from apps.documents.webhooks.endpoints import open_endpoint, ping
from apps.invoices.domain.line_disputes import DisputeGround
from apps.invoices.models import Invoice
from apps.invoices.selectors import data_key, document_key
from apps.invoices.services.disputing import open_dispute, withdraw_dispute
from apps.invoices.services.sharing import share_cost
from apps.ledger.domain.chart import Role
from apps.ledger.domain.charts import ChartKind, NumberedAccount
from apps.ledger.services.charts import choose_chart, set_numbers
from apps.ledger.services.closings import close_month
from apps.ocpp.models import StationEvent
from apps.sessions.domain.signed import Encoding, Moment, SignedFormat, SignedSample
from apps.sessions.models import Budget, BudgetAlert, ChargingSession, WaitingStop
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
    make_group,
    make_key,
    make_location,
    make_organisation,
    make_owner,
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

BILLED_AT = datetime(2026, 7, 1, 8, 0, tzinfo=UTC)
KWH = 1_000_000
PDF = b"%PDF-1.7 of a test"


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
    make_group(location, name=f"{name} Group")
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


def add_waiting_stop(name: str, site: Site, *, frame_id: int) -> None:
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


def add_budget(name: str, site: Site) -> None:
    """Make a budget of the fleet's vehicle and an alert of it."""
    budget = Budget.objects.create(
        seller=site.owner, contract=site.contract, vehicle=site.vehicle, currency=site.owner.currency, amount="100.00"
    )
    BudgetAlert.objects.create(budget=budget, month=date(2026, 6, 1), threshold=50, used="50.00", told_at=BILLED_AT)


def add_dispute(name: str, invoice: Invoice) -> None:
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


def add_version(name: str, site: Site) -> None:
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


def add_payer(name: str, site: Site) -> None:
    """Let the fleet's contract have a rule of employer or driver, at a place of its own name."""
    policy = PayerPolicy.objects.create(contract=site.contract)
    policy.rules.create(position=1, payer="driver", weekdays=[7], location=site.location)


def add_home_charging(name: str, site: Site) -> None:
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


def add_community(name: str, site: Site) -> None:
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


def add_signed_values(session: ChargingSession) -> None:
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


def add_webhook(name: str, owner: Organisation) -> None:
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


def add_books(name: str, owner: Organisation) -> None:
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


def add_trial(site: Site) -> None:
    """Try the owner's version on the days of their sessions, to the end."""
    trial = start_trial(
        tariff_version_id=site.version.pk, first_date=date(2026, 6, 1), last_date=date(2026, 6, 30), at=BILLED_AT
    )
    while price_page(trial_id=trial.pk, at=BILLED_AT):
        pass


def add_files(name: str, site: Site, invoice: Invoice) -> Document:
    """Keep the invoice's two files; return the one for people."""
    document: Document = store_document(
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
    return document


def add_events(name: str, site: Site) -> None:
    """Give the station a grant, a pay code, an event and a command, and the operator a mail."""
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


def add_sign_in(name: str, user: User) -> None:
    """Sign the user in by a browser of the tenant's own name."""
    session = SessionStore()
    session.create()
    note_seen(
        user=user,
        session_key=session.session_key,
        before="",
        address="192.0.2.1",
        device=f"{name} Browser",
        language="en",
        at=BILLED_AT,
    )
