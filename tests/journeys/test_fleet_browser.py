"""A fleet manager's month in the portal, on a telephone: what it cost and why, what is wrong with it, and paying it."""

from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest
from django.utils import timezone

from apps.accounts.models import Invitation
from apps.contracts.contract_sheets import Wanted
from apps.contracts.domain.versions import VersionKind
from apps.contracts.models import ContractVersion, IdToken
from apps.contracts.offers import offer_version, prepare_version
from apps.core import audit
from apps.core.words import amount
from apps.documents.models import Document
from apps.invoices.models import Invoice, LineDispute
from apps.invoices.selectors import document_key
from apps.invoices.services.billing import run_billing
from apps.payments.models import Payment
from apps.payments.selectors import payment_state
from apps.sessions.services.own_budgets import make_budget
from config.demo.telling import wait_for
from config.demo.world import PASSWORD
from tests.factories import make_template, make_user
from tests.journeys.browser import Phone
from tests.journeys.database import transactional_db
from tests.journeys.months import OWNER, charge, month_before, site_of_the_demo

__all__ = ["transactional_db"]

pytestmark = pytest.mark.browser
FLEET = OWNER.fleet
ODD_ONE = "HH-EK 102 (e-Crafter)"
"""The vehicle whose charge nobody knows of."""


@dataclass(frozen=True, kw_only=True)
class Month:
    """A fleet's month that is over and billed, and what its seller offers for the time to come."""

    invoice: Invoice
    offer: ContractVersion


@pytest.fixture
def month(shared) -> Month:
    site, now = site_of_the_demo(), timezone.now()
    today = now.astimezone(ZoneInfo(site.location.time_zone)).date()
    first = month_before(today)
    other = IdToken.objects.select_related("vehicle").get(uid=FLEET.tokens[1].uid)
    for day, token in ((4, None), (8, other), (11, None)):
        charge(site, month=first, day=day, token=token)
    run_billing(seller_id=site.owner.pk, until_date=today.replace(day=1) - timedelta(days=1), at=now)
    make_budget(
        contract=site.contract, vehicle=None, cost_centre=None, amount=Decimal(10), thresholds=[80, 100], recipient=""
    )
    wanted = Wanted(
        kind=VersionKind.AMENDMENT,
        template=make_template(seller=site.owner),
        first_day=today + timedelta(days=2),
        end_day=None,
        renews_months=0,
        notice_days=30,
    )
    seller = make_user(is_staff=True)
    drafted = prepare_version(contract_id=site.contract.pk, wanted=wanted, at=now, by=seller)
    invoice = Invoice.objects.get(customer=site.customer)
    wait_for("the invoice's file", Document.objects.filter(key=document_key(invoice)).first)
    return Month(invoice=invoice, offer=offer_version(version_id=drafted.pk, at=now, by=seller))


def sign_in(phone: Phone) -> None:
    phone.open("/portal/login/")
    phone.fill({"E-mail address": FLEET.admin_email, "Password": PASSWORD})
    phone.press("Sign in")


def dispute(phone: Phone, invoice: Invoice) -> None:
    """Look at the month against its budget, find a charge nobody knows of, read what it rests on, and dispute it."""
    overview = phone.wait_for("of €10.00")
    phone.shoot("fleet-overview")
    phone.go("Sessions")
    phone.unfold("Filter")
    phone.fill({"Vehicle": ODD_ONE})
    phone.press("Show")
    phone.wait_for("in 1 priced session")
    phone.shoot("fleet-sessions")
    phone.open_row("HH-EK 102")
    explained = phone.wait_for("How the price comes about")
    readings = phone.unfold("2 meter readings")
    phone.shoot("fleet-session")
    phone.follow(f"{invoice.number}, line 2")
    phone.wait_for("As the document prints it")
    phone.unfold("Is something wrong with it?")
    phone.fill(
        {
            "What is wrong?": "This was none of our charges",
            "What should the seller know?": "The van was in the workshop that day.",
        }
    )
    phone.press("Dispute this line")
    phone.wait_for("Withdraw the dispute")
    phone.shoot("fleet-disputed")
    assert "All of contract" in overview
    assert "1,000.000 kWh → 1,010.000 kWh" in explained
    assert "1,010.000 kWh" in readings
    assert LineDispute.objects.get().line.invoice == invoice


def add_a_card(phone: Phone) -> None:
    phone.go("Cards")
    phone.press("Add a card")
    phone.fill({"Card number": "04:a2:b3:c4:d5:e6:99", "Driver": "Jule Harms", "Vehicle": ODD_ONE})
    phone.press("Add the card")
    phone.wait_for("Card …E699 is added: it charges from now on.")
    phone.shoot("fleet-card")
    assert IdToken.objects.get(driver="Jule Harms").uid == "04A2B3C4D5E699"


def accept(phone: Phone, offer: ContractVersion) -> None:
    phone.go("Contracts")
    phone.follow(offer.contract.number)
    phone.wait_for("Offered to you")
    phone.fill({"Your name": "Kai Elb"})
    phone.tick("I have read the document and accept it.")
    phone.shoot("fleet-offer")
    phone.press("Accept the contract")
    phone.wait_for("Kai Elb")
    offer.refresh_from_db()
    assert (offer.status, offer.accepted_name) == ("accepted", "Kai Elb")


def pay(phone: Phone, invoice: Invoice) -> None:
    """Take the invoice's papers along and pay what is not disputed of it."""
    held = payment_state(invoice).disputed
    asked = invoice.gross.amount - held
    phone.go("Invoices")
    phone.follow(invoice.number)
    phone.wait_for("neither collected nor reminded of until it is answered")
    phone.shoot("fleet-invoice")
    files = [phone.save(each) for each in ("Download PDF", "Download e-invoice (XML)", "Lines as a table (CSV)")]
    phone.press(f"Pay {amount(asked, invoice.currency)} now")
    phone.type_card("4242 4242 4242 4242")
    phone.wait_for(f"Open: {amount(held, invoice.currency)}.")
    assert files[0].startswith(b"%PDF")
    assert b"CrossIndustryInvoice" in files[1]
    assert files[2].decode("utf-8-sig").count("HH-EK 102") == 1
    payment = Payment.objects.get()
    assert (payment.status, payment.amount_received.amount) == ("succeeded", asked)
    assert 0 < held < asked


def invite(phone: Phone) -> None:
    phone.go("People")
    phone.fill({"E-mail address": "nele@elbkurier.example", "What they may do": "looks"})
    phone.press("Send the invitation")
    phone.wait_for("nele@elbkurier.example gets a mail with a link")
    phone.shoot("fleet-people")
    assert Invitation.objects.get().email == "nele@elbkurier.example"


class TestAFleetManager:
    def test_understands_disputes_and_pays_the_month_on_a_telephone(self, shared, new_phone, month):
        plain, phone = new_phone(scripts=False), new_phone()
        sign_in(plain)
        dispute(plain, month.invoice)
        sign_in(phone)
        add_a_card(phone)
        accept(phone, month.offer)
        pay(phone, month.invoice)
        invite(phone)

        assert list(audit.find_violations()) == []
