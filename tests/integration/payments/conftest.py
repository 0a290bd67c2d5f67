"""A seller, a fleet, an issued invoice, and the real SDK over HTTP against a sandbox of its own."""

from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from itertools import count
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from django.db import connection

from apps.accounts.models import Organisation
from apps.contracts.models import Contract, Customer
from apps.core.audit import find_violations
from apps.invoices.models import Invoice, NumberSeries
from apps.ledger.models import LedgerEntry
from apps.payments import gateway
from apps.payments.models import Payment, SavedMethod
from apps.payments.sandbox import Sandbox, complete_checkout, complete_mandate
from apps.payments.services import collection, methods, setups
from tests.factories import Site, make_site

SECRET = "whsec_test_of_payments"
GOOD = "4242424242424242"
DECLINES_LATER = "4000000000000341"
DECLINES_AT_ENTRY = "4000000000000002"
PAYS = "DE89370400440532013000"
BACK = "https://wattledger.example/portal/cards/?session={CHECKOUT_SESSION_ID}"
CANCEL = "https://wattledger.example/portal/cards/"


def _soon() -> datetime:
    """Return an instant near the machine's own time, because Stripe's double and the audit live in it.

    Half an hour ahead, so that the suite may run for a while before a page made then is too old for Stripe, and of one
    day, and so of one month, in UTC and where the sellers are.
    """
    at = datetime.now(UTC).replace(microsecond=0) + timedelta(minutes=30)
    if at.astimezone(ZoneInfo("Europe/Berlin")).date() == at.date():
        return at
    return datetime.combine(at.date() + timedelta(days=1), time(0, 5), UTC)


# Tests hand it, and later instants, down.
NOON = _soon()
MINUTE = timedelta(minutes=1)


@pytest.fixture
def sandbox(settings) -> Iterator[Sandbox]:
    """Stripe's double, with this process's gateway pointed at it."""
    settings.STRIPE_SECRET_KEY = "sk_test_of_payments"
    settings.STRIPE_WEBHOOK_SECRETS = ["whsec_rotated_out", SECRET]
    with Sandbox(webhook_secret=SECRET) as running:
        settings.STRIPE_API_BASE = running.url
        yield running
        gateway.forget_connections()
        # A 401 is a key that a test took away; anything else would be refused by Stripe itself.
        assert [each for each in running.control.rejected() if each["status"] != 401] == []
        assert_each_key_is_one_call(running.control.requests())


def assert_each_key_is_one_call(requests: list[dict[str, Any]]) -> None:
    """Whatever changes something has an idempotency key, and a key is of one path: a repeat's, never another call's.

    That a repeat says the same the double sees to: other parameters under a known key are a 400.
    """
    paths: dict[str, set[str]] = {}
    for each in requests:
        if each["method"] == "POST":
            assert each["idempotency_key"], each
            paths.setdefault(each["idempotency_key"], set()).add(each["path"])
    assert {key: found for key, found in paths.items() if len(found) > 1} == {}


@pytest.fixture
def seller(db) -> Organisation:
    return make_organisation("Solar Park GmbH", is_station_owner=True)


@pytest.fixture
def customer(seller: Organisation) -> Customer:
    return make_customer(seller)


def make_organisation(name: str, **more: object) -> Organisation:
    return Organisation.objects.create(
        name=name,
        street="Sonnenallee 1",
        postcode="12047",
        city="Berlin",
        country="DE",
        time_zone="Europe/Berlin",
        currency="EUR",
        email="books@example.org",
        **more,
    )


def make_customer(seller: Organisation, number: str = "C-1") -> Customer:
    return Customer.objects.create(
        seller=seller,
        organisation=make_organisation(f"Fleet {number}"),
        number=number,
        name=f"Fleet {number}",
        street="Hafen 2",
        postcode="20095",
        city="Hamburg",
        country="DE",
        email="fleet@example.org",
        language="en",
    )


_sequence = count(1)


def make_invoice(customer: Customer, gross: str = "119.00", *, currency: str = "EUR", crediting=None) -> Invoice:
    """Insert an issued document as the invoices app would leave it behind; a credit note if ``crediting``."""
    contract, _ = Contract.objects.get_or_create(
        seller=customer.seller,
        number=f"K-{customer.number}",
        defaults={"customer": customer, "valid_from": datetime(2026, 1, 1, tzinfo=UTC)},
    )
    kind = Invoice.Kind.CREDIT_NOTE if crediting else Invoice.Kind.INVOICE
    series, _ = NumberSeries.objects.get_or_create(seller=customer.seller, kind=kind, year=2026)
    sequence = next(_sequence)
    return Invoice.objects.create(
        seller=customer.seller,
        customer=customer,
        contract=contract,
        kind=kind,
        credits=crediting,
        reason="agreed" if crediting else "",
        status="issued",
        series=series,
        sequence=sequence,
        number=f"{kind[:3].upper()}-2026-{sequence:06}",
        period_from=date(2026, 10, 1),
        period_to=date(2026, 10, 31),
        tax_date=date(2026, 10, 31),
        currency=currency,
        amounts_are_gross=False,
        net=Decimal(gross),
        tax=Decimal(0),
        gross=Decimal(gross),
        language="en",
        issued_at=NOON,
        issue_date=date(2026, 11, 1),
        due_date=date(2026, 11, 15),
        content_hash="0" * 64,
    )


@pytest.fixture
def invoice(customer: Customer) -> Invoice:
    return make_invoice(customer)


SaveCard = Callable[..., SavedMethod]


@pytest.fixture
def save_card(sandbox: Sandbox, customer: Customer) -> SaveCard:
    def save(number: str = GOOD, of: Customer = customer) -> SavedMethod:
        url = methods.start_method_setup(customer_id=of.pk, success_url=BACK, cancel_url=CANCEL, at=NOON)
        complete_checkout(url, number)
        requested = SavedMethod.objects.get(customer=of, status="requested")
        return setups.sync_method(method_id=requested.pk, at=NOON)

    return save


@pytest.fixture
def card(save_card: SaveCard) -> SavedMethod:
    return save_card()


@pytest.fixture
def save_account(sandbox: Sandbox, customer: Customer) -> SaveCard:
    def save(iban: str = PAYS, of: Customer = customer, at: datetime = NOON) -> SavedMethod:
        url = methods.start_method_setup(customer_id=of.pk, success_url=BACK, cancel_url=CANCEL, at=at)
        complete_mandate(url, iban)
        requested = SavedMethod.objects.get(customer=of, status="requested")
        return setups.sync_method(method_id=requested.pk, at=at)

    return save


@pytest.fixture
def account(save_account: SaveCard) -> SavedMethod:
    return save_account()


def collect(invoice: Invoice, at: datetime = NOON) -> Payment | None:
    return collection.collect_invoice(invoice_id=invoice.pk, at=at)


def journals(seller: Organisation) -> dict[str, dict[str, Decimal]]:
    """Return the books: per journal key the amount on each account code."""
    books: dict[str, dict[str, Decimal]] = {}
    for entry in LedgerEntry.objects.filter(journal__entity=seller).select_related("journal", "account"):
        sums = books.setdefault(entry.journal.key, {})
        sums[entry.account.code] = sums.get(entry.account.code, Decimal(0)) + entry.amount.amount
    return books


def charges(sandbox: Sandbox) -> list[tuple[str, int]]:
    """Return status and captured amount (minor units) of every charge at Stripe."""
    return [(charge["status"], charge["amount_captured"]) for charge in sandbox.control.objects("charge")]


def assert_clean() -> None:
    """Assert that no standing invariant over payments is violated and no deferred constraint either."""
    connection.check_constraints()
    assert [each for each in find_violations() if each.subject.split()[0] in ("payment", "operation", "event")] == []


@pytest.fixture
def site(db) -> Site:
    """An owner whose tariff for drivers without a contract is 0.50 EUR per kWh, VAT included."""
    return make_site(tax_included=True)
