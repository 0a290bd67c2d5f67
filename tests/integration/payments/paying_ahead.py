"""Prepaid contracts for tests: opened on an offer, topped up on the double's page, charged by real charge records."""

from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

from apps.accounts.models import TaxRegistration
from apps.invoices.models import Invoice
from apps.invoices.services.billing import run_billing
from apps.payments.models import Payment, Wallet, WalletMovement, WalletOffer
from apps.payments.sandbox import complete_checkout
from apps.payments.services.collection import collect_invoice
from apps.payments.services.top_ups import open_top_up_page, sync_top_ups
from apps.payments.services.wallets import charge_record, open_wallet
from apps.sessions.models import Cdr
from apps.stations.models import Location
from tests.factories import Site, make_evse, make_location, make_station
from tests.integration.invoices.world import make_cdr

from .conftest import GOOD, NOON

PAID, CANCELED = "https://wattledger.example/portal/prepaid/?paid=1", "https://wattledger.example/portal/prepaid/"
EUR = Decimal


def make_wallet(site: Site, *, bound: str = "0", session_amount: str = "10", **offer: Any) -> Wallet:
    """Let a site's contract be prepaid: top-ups of 10.00 to 500.00 EUR, whose VAT is due at use.

    Since the seller also sells in Austria, nobody knows at the top-up whose VAT will be due.
    """
    if not Location.objects.filter(owner=site.owner, country="AT").exists():
        make_location(owner=site.owner, country="AT", time_zone="Europe/Vienna")
        TaxRegistration.objects.create(
            organisation=site.owner, country="AT", vat_id="ATU12345675", valid_from=date(2020, 1, 1)
        )
    return make_taxed_wallet(site, bound=bound, session_amount=session_amount, **offer)


def make_taxed_wallet(site: Site, *, bound: str = "0", session_amount: str = "10", **offer: Any) -> Wallet:
    """Let the contract of a site in Germany be prepaid, whose top-ups' VAT of 19 % is due at once."""
    WalletOffer.objects.get_or_create(
        seller=site.owner, defaults={"currency": "EUR", "bound": bound, "session_amount": session_amount, **offer}
    )
    return open_wallet(contract_id=site.contract.pk, at=NOON)


def open_page(wallet: Wallet, amount: str = "50.00", at: Any = NOON) -> str:
    return open_top_up_page(wallet_id=wallet.pk, amount=Decimal(amount), success_url=PAID, cancel_url=CANCELED, at=at)


def top_up(wallet: Wallet, amount: str = "50.00", *, card: str = GOOD, at: Any = NOON) -> Payment:
    """Top a wallet up on the double's page and come back from it."""
    complete_checkout(open_page(wallet, amount, at=at), card)
    sync_top_ups(wallet_id=wallet.pk, at=at)
    return Payment.objects.filter(wallet=wallet).latest("pk")


def charged(site: Site, *, kwh: str = "20", **fields: Any) -> Cdr:
    """Make a session of 0.50 EUR per kWh and let the wallet pay for it."""
    cdr = make_cdr(site=site, kwh=kwh, started_at=NOON - timedelta(hours=30), **fields)
    charge_record(cdr_id=cdr.pk, at=NOON)
    return cdr


def charged_at_use(site: Site, *, kwh: str = "20") -> Cdr:
    """Let the wallet pay for a session in Austria, where its seller began to sell after the top-up."""
    abroad = replace(site, location=make_location(owner=site.owner, country="AT", time_zone="Europe/Vienna"))
    TaxRegistration.objects.get_or_create(
        organisation=site.owner, country="AT", defaults={"vat_id": "ATU12345675", "valid_from": date(2020, 1, 1)}
    )
    station = make_station(location=abroad.location)
    abroad = replace(abroad, station=station, evse=make_evse(station=station))
    return charged(abroad, kwh=kwh)


def bill(site: Site) -> list[Invoice]:
    """Run billing and let the wallet settle what it issued."""
    run = run_billing(seller_id=site.owner.pk, until_date=NOON.date(), at=NOON)
    documents = list(run.invoices.filter(status="issued").order_by("pk"))
    for document in documents:
        collect_invoice(invoice_id=document.pk, at=NOON)
    return documents


def balance(wallet: Wallet) -> Decimal:
    wallet.refresh_from_db()
    return wallet.balance.amount


def moves(wallet: Wallet) -> list[tuple[str, Decimal]]:
    """Return kind and amount of every movement, oldest first."""
    return [(one.kind, one.amount.amount) for one in WalletMovement.objects.filter(wallet=wallet).order_by("pk")]
