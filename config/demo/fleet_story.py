"""A fleet's charge becomes a paid invoice, told through the real edges: websocket, HTTP, worker, Stripe's double.

Every step prints what happened with its figures as it happens. What the story asserts on the way (another tenant's
page answers 404, the invoice is paid) it refuses to go on without.
"""

import asyncio
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from django.core.management import call_command

from apps.contracts.models import Contract
from apps.documents.models import Document
from apps.invoices.models import Invoice
from apps.ledger.models import Journal
from apps.ocpp.simulator.charger import SimulatedCharger
from apps.payments import selectors as payments
from apps.payments.models import SavedMethod
from apps.sessions.models import Cdr, ChargingSession
from config.demo.cashier import Cashier, at_the_double
from config.demo.seed import station_key
from config.demo.telling import GOOD_CARD, Say, StoryBroken, keep_file, wait_for
from config.demo.visitor import Visitor
from config.demo.world import OWNERS, PASSWORD
from config.installation import Installation

OWNER, STRANGER = OWNERS
BERLIN = ZoneInfo("Europe/Berlin")
STEPS = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class Charge:
    """What the car will do: ``energy_wh`` evenly over ``duration`` from ``started_at`` on."""

    started_at: datetime
    duration: timedelta
    energy_wh: int
    meter_start_wh: int


def tell(say: Say, *, running: Installation, root: Path, cashier: Cashier = at_the_double) -> dict[str, Any]:
    """Tell the whole story and return its figures. cashier: who types the card into the hosted page

    :raises StoryBroken: something did not happen within its time
    """
    contract = Contract.objects.select_related("customer", "seller").get(number=OWNER.fleet.contract_number)
    fleet = Visitor(running.web_url)
    fleet.sign_in("/portal/login/", email=OWNER.fleet.admin_email, password=PASSWORD)
    say(f"{OWNER.fleet.admin_email} signs in to the portal of {OWNER.name}")
    save_card(say, fleet=fleet, contract=contract, cashier=cashier)
    session = charge(say, running=running)
    cdr = wait_for("the charge record", lambda: Cdr.objects.filter(session=session).first())
    explain(say, cdr)
    invoice = bill(say, contract=contract, cdr=cdr)
    pdf = collect(say, invoice=invoice, root=root)
    look(say, running=running, fleet=fleet, invoice=invoice, pdf=pdf)
    return figures(invoice, pdf=pdf, root=root)


def save_card(say: Say, *, fleet: Visitor, contract: Contract, cashier: Cashier) -> None:
    """Save a card by hosted Checkout, as the customer does; a card saved in an earlier run stays."""

    def active() -> SavedMethod | None:
        return SavedMethod.objects.filter(customer=contract.customer, status="active").first()

    if not active():
        fleet.get("/portal/payment-method/")
        checkout = fleet.post("/portal/payment-method/", {"customer": str(contract.customer_id)})
        if checkout.status_code not in (302, 303):
            raise StoryBroken(f"adding a card answers {checkout.status_code}")
        requested = SavedMethod.objects.get(checkout_url=checkout.headers["Location"])
        cashier(checkout.headers["Location"], GOOD_CARD)
        fleet.get(f"/portal/payment-method/return/?checkout={requested.checkout_session_id}")
    method = wait_for("the saved card", active)
    say(f"a card is saved for {contract.customer}: {method.brand} ending {method.last4}, by hosted Checkout")


def next_charge(*, now: datetime) -> Charge:
    """Return a charge across yesterday's 22:00 local boundary; the register goes on where the last run left it."""
    last = ChargingSession.objects.filter(station__identity=OWNER.stations[0].identity).order_by("-pk").first()
    meter = (last.meter_stop_milliwh or last.meter_start_milliwh or 0) // 1000 if last else 1_204_000
    yesterday = now.astimezone(BERLIN).date() - timedelta(days=1)
    start = datetime.combine(yesterday, datetime.min.time(), tzinfo=BERLIN).replace(hour=21)
    return Charge(started_at=start.astimezone(UTC), duration=timedelta(hours=2), energy_wh=22_000, meter_start_wh=meter)


def charge(say: Say, *, running: Installation) -> ChargingSession:
    """Let the fleet's car charge at the first station and unplug."""
    plan = next_charge(now=datetime.now(UTC))
    transaction_id = asyncio.run(_charge(say, running.ocpp_url, plan))
    session = ChargingSession.objects.get(station__identity=OWNER.stations[0].identity, transaction_id=transaction_id)
    say(f"session {session.uid} is settled: stop − start = {Decimal(plan.energy_wh) / 1000:.3f} kWh")
    return session


async def _charge(say: Say, url: str, plan: Charge) -> int:
    identity = OWNER.stations[0].identity
    token = OWNER.fleet.tokens[0]
    ended_at = plan.started_at + plan.duration
    async with SimulatedCharger(url, identity, station_key(identity)) as charger:
        await charger.boot()
        await charger.status("Preparing", at=plan.started_at)
        say(f"{identity} is connected by OCPP 1.6J, the car {token.plate} is plugged in")
        say(f"card …{token.uid[-4:]} of {token.plate}: {await charger.authorize(token.uid)}")
        started = await charger.start(token.uid, at=plan.started_at, meter_wh=plan.meter_start_wh)
        await charger.status("Charging", at=plan.started_at)
        for step in range(1, STEPS):
            at = plan.started_at + plan.duration * step / STEPS
            register = plan.meter_start_wh + plan.energy_wh * step // STEPS
            await charger.meter_values(started.transaction_id, [(at, register)])
            say(f"  {at.astimezone(BERLIN):%H:%M} register {Decimal(register) / 1000:.3f} kWh")
        meter_stop = plan.meter_start_wh + plan.energy_wh
        await charger.stop(started.transaction_id, at=ended_at, meter_wh=meter_stop, token=token.uid)
        await charger.status("Finishing", at=ended_at)
        say(f"  {ended_at.astimezone(BERLIN):%H:%M} register {Decimal(meter_stop) / 1000:.3f} kWh, stopped")
        await charger.unplug()
        say(f"  {datetime.now(BERLIN):%H:%M} unplugged, the connector is available")
    return started.transaction_id


def explain(say: Say, cdr: Cdr) -> None:
    say(f"rated once: {cdr.net} net, {cdr.tax} VAT, {cdr.gross} gross, by {cdr.tariff_version}")
    for line in invoice_prices(cdr):
        say(f"  {line}")


def invoice_prices(cdr: Cdr) -> list[str]:
    """Return a sentence for each priced part of the record."""
    return [
        f"{part['dimension']} {part['quantity']} at {part['price']} = {part['amount']} ({part['reason']})"
        for period in cdr.document["periods"]
        for part in period["parts"]
    ]


def bill(say: Say, *, contract: Contract, cdr: Cdr) -> Invoice:
    """Run billing as the command does and return the invoice that bears the record."""
    today = datetime.now(BERLIN).date()
    call_command("run_billing", "--until", today.isoformat(), "--seller", contract.seller.name)
    invoice = Invoice.objects.get(lines__cdr=cdr)
    say(f"invoice {invoice.number} is issued: {invoice.net} net + {invoice.tax} VAT = {invoice.gross}")
    for journal in Journal.objects.filter(entity=contract.seller, key__startswith=f"invoice:{invoice.pk}:"):
        for entry in journal.entries.select_related("account"):
            say(f"  {journal.key}: {entry.account} {entry.amount}")
    return invoice


def collect(say: Say, *, invoice: Invoice, root: Path) -> Path:
    """Wait until the worker has collected and rendered; return where the document was put."""
    wait_for(f"payment of {invoice.number}", lambda: payments.open_amount(invoice) == 0 or None)
    say(f"{invoice.number} is paid: {invoice.gross} collected off-session from the saved card")
    document = wait_for(
        f"the document of {invoice.number}",
        lambda: Document.objects.filter(key=f"invoice:{invoice.pk}:document").first(),
    )
    path = keep_file(document, root=root)
    say(f"its document is {path.relative_to(root)} ({len(document.content)} bytes)")
    return path


def look(say: Say, *, running: Installation, fleet: Visitor, invoice: Invoice, pdf: Path) -> None:
    """Look as the customer and as both owners; the other tenant must see nothing."""
    fleet.get("/portal/sessions/")
    fleet.get(f"/portal/invoices/{invoice.uid}/")
    if fleet.get(f"/portal/invoices/{invoice.uid}/document/").content != pdf.read_bytes():
        raise StoryBroken("the portal serves another document than the one stored")
    if b"CrossIndustryInvoice" not in fleet.get(f"/portal/invoices/{invoice.uid}/data/").content:
        raise StoryBroken("the portal serves no electronic invoice")
    say("the customer sees sessions, invoice, document and electronic invoice in the portal")
    trace = f"/admin/console/invoices/{invoice.uid}/"
    owner, stranger = Visitor(running.web_url), Visitor(running.web_url)
    owner.sign_in("/admin/login/", email=OWNER.owner_email, password=PASSWORD)
    owner.get(trace)
    stranger.sign_in("/admin/login/", email=STRANGER.owner_email, password=PASSWORD)
    if (status := stranger.status_of(trace)) != 404:
        raise StoryBroken(f"another owner's console answers {status} for {trace}")
    say(f"{OWNER.name} follows every figure at {trace}; for {STRANGER.name} that page does not exist (404)")


def figures(invoice: Invoice, *, pdf: Path, root: Path) -> dict[str, Any]:
    """Return what ``--once`` prints of the contract's story: money in major units as decimal strings."""
    paid: Decimal = invoice.gross.amount - payments.open_amount(invoice)
    lines = [
        {
            "vehicle": line.vehicle,
            "place": line.place,
            "start": line.started_at.isoformat(),
            "energy_wh": line.energy_milliwh // 1000,
            "net": f"{line.net.amount:.2f}",
        }
        for line in invoice.lines.all()
    ]
    return {
        "invoice": invoice.number,
        "total": f"{invoice.gross.amount:.2f}",
        "currency": invoice.currency,
        "paid": f"{paid:.2f}",
        "pdf": str(pdf.relative_to(root)),
        "lines": lines,
    }
