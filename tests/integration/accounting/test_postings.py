"""The posting table row by row, told through the real services against Stripe's double (tests/golden/postings.json)."""

import json
from collections.abc import Callable
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from apps.accounting.models import Payout
from apps.accounting.services.matching import match_entries
from apps.accounting.services.payouts import bank_payout
from apps.accounting.services.pulling import store_lines
from apps.accounting.services.reconciling import reconcile
from apps.invoices.services.crediting import credit_invoice
from apps.invoices.services.deferring import due_fee_ids, earn
from apps.payments.models import Payment, Refund
from apps.payments.services.bank import StatementLine, record_receipt
from apps.payments.services.dunning import remind
from apps.payments.services.fees import waive_fee
from apps.payments.services.refunds import refund_document
from apps.payments.services.syncing import sync_payment
from apps.payments.services.voucher_credits import move_vat
from apps.payments.services.wallet_refunds import refund_wallet
from apps.payments.services.wallets import charge_record
from apps.payments.services.write_offs import write_off
from tests.factories import Site, give_plan, make_site, make_user
from tests.integration.invoices.world import APRIL, bill, make_cdr
from tests.integration.payments.conftest import NOON, journals
from tests.integration.payments.disputing import decide, open_dispute
from tests.integration.payments.drivers import capture, make_attempt, pay, receipt_of, sync
from tests.integration.payments.paying_ahead import bill as bill_prepaid
from tests.integration.payments.paying_ahead import charged, charged_at_use, make_taxed_wallet, make_wallet, top_up

from .conftest import DAY, line

pytestmark = pytest.mark.django_db

TABLE = json.loads((Path(__file__).parents[2] / "golden" / "postings.json").read_text())
TWO_RATES = [
    {
        "price_components": [
            {"type": "ENERGY", "price": "0.50", "step_size": 1},
            {"type": "FLAT", "price": "1", "step_size": 1, "tax_category": "reduced"},
        ]
    }
]


@pytest.fixture
def site(db) -> Site:
    return make_site(tax_included=True, elements=TWO_RATES)


class Story:
    """One driver's money from the hold on; each step leaves its journals in the books."""

    def __init__(self, sandbox, site) -> None:
        self.sandbox, self.site = sandbox, site

    def hold(self) -> None:
        self.attempt = pay(make_attempt(self.site))

    def issue(self) -> None:
        self.receipt = receipt_of(self.attempt, self.site)

    def capture(self) -> None:
        capture(self.receipt)
        self.payment = Payment.objects.get(attempt=self.attempt)

    def refund(self) -> None:
        refund_document(document_id=self.receipt.pk, reason="The cable was broken.", by=None, at=NOON)

    def refund_fails(self) -> None:
        self.sandbox.control.fail_refund(Refund.objects.get().stripe_id)
        sync(self.attempt)

    def dispute(self) -> None:
        self.opened = open_dispute(self.sandbox, self.payment)

    def win(self) -> None:
        decide(self.sandbox, self.opened, is_won=True)

    def lose(self) -> None:
        decide(self.sandbox, self.opened, is_won=False)

    def pay_out(self) -> None:
        self.sandbox.control.pay_out_daily()
        self.sandbox.control.advance_clock(4 * 86_400)
        assert reconcile(since=None, at=NOON + 4 * DAY) == []
        self.payout = Payout.objects.get()

    def bank(self) -> None:
        day = date(2026, 12, 7)
        money = {"amount": self.payout.amount.amount, "currency": "EUR"}
        bank_payout(payout_id=self.payout.pk, booked_on=day, at=NOON, **money)

    def payout_fails(self) -> None:
        self.sandbox.control.fail_payout(self.payout.stripe_id)
        reconcile(since=None, at=NOON + 5 * DAY)

    def bill(self) -> None:
        make_cdr(site=self.site, kwh="20")
        (self.invoice,) = bill(self.site)

    def pay_by_bank(self) -> None:
        line = StatementLine(
            key="1", booked_on=APRIL.date(), amount=Decimal("11.00"), currency="EUR", reference=self.invoice.number
        )
        record_receipt(seller_id=self.site.owner.pk, line=line, at=APRIL)

    def write_off(self) -> None:
        write_off(invoice_id=self.invoice.pk, reason="insolvent", by=make_user(), at=APRIL)

    def remind(self) -> None:
        contract = self.invoice.contract
        contract.reminder_days, contract.reminder_fees = [7], ["5"]
        contract.save()
        due = datetime.combine(self.invoice.due_date, time(12), tzinfo=UTC)
        self.step = remind(invoice_id=self.invoice.pk, at=due + timedelta(days=7))

    def waive(self) -> None:
        waive_fee(step_id=self.step.pk, reason="goodwill", by=make_user(), at=self.step.taken_at)

    def top_up(self) -> None:
        self.wallet = make_wallet(self.site)
        top_up(self.wallet)

    def use(self) -> None:
        charged(self.site)

    def bill_use(self) -> None:
        bill_prepaid(self.site)

    def refund_rest(self) -> None:
        refund_wallet(wallet_id=self.wallet.pk, seen=Decimal("39.00"), reason="moved away", by=None, at=NOON)

    def refund_rest_fails(self) -> None:
        self.sandbox.control.fail_refund(Refund.objects.get().stripe_id)
        sync_payment(payment_id=Payment.objects.get(wallet=self.wallet).pk, at=NOON)

    def top_up_taxed(self) -> None:
        self.site = make_site(tax_included=True)
        self.wallet = make_taxed_wallet(self.site)
        top_up(self.wallet)

    def refund_taxed(self) -> None:
        refund_wallet(wallet_id=self.wallet.pk, seen=Decimal("40.00"), reason="moved away", by=None, at=NOON)

    def use_elsewhere(self) -> None:
        cdr = charged_at_use(self.site)
        assert charge_record(cdr_id=cdr.pk, at=NOON).amount.amount == Decimal("-10.00")

    def move_vat(self) -> None:
        move_vat(contract_id=self.site.contract.pk, at=NOON)

    def bill_ahead(self) -> None:
        self.site = make_site()
        give_plan(
            contract=self.site.contract,
            first_day=date(2026, 1, 1),
            cycle="quarter",
            base_fee="90.00",
            in_advance=True,
        )
        at = datetime(2025, 12, 31, 9, tzinfo=UTC)
        (self.invoice,) = bill(self.site, until_date=at.date(), at=at)

    def earn_january(self) -> None:
        at = datetime(2026, 2, 1, 9, tzinfo=UTC)
        for fee_id in due_fee_ids(at=at):
            earn(fee_id=fee_id, at=at)

    def credit_ahead(self) -> None:
        at = datetime(2026, 2, 10, 9, tzinfo=UTC)
        credit_invoice(invoice_id=self.invoice.pk, reason="agreed", at=at, by=None)

    def fee(self) -> None:
        store_lines(owner=self.site.owner, lines=[line()])
        match_entries(owner=self.site.owner, at=NOON)


CAPTURED = (Story.hold, Story.issue, Story.capture)
STEPS: dict[str, tuple[Callable[[Story], None], ...]] = {
    "hold": (Story.hold,),
    "document issued": (Story.hold, Story.issue),
    "Stripe says succeeded; its fee": CAPTURED,
    "credit note; refund": (*CAPTURED, Story.refund),
    "refund comes back": (*CAPTURED, Story.refund, Story.refund_fails),
    "dispute opened; its fee": (*CAPTURED, Story.dispute),
    "dispute won": (*CAPTURED, Story.dispute, Story.win),
    "dispute lost": (*CAPTURED, Story.dispute, Story.lose),
    "payout": (*CAPTURED, Story.pay_out),
    "its bank line": (*CAPTURED, Story.pay_out, Story.bank),
    "payout comes back": (*CAPTURED, Story.pay_out, Story.payout_fails),
    "money by bank": (Story.bill, Story.pay_by_bank),
    "write-off": (Story.bill, Story.write_off),
    "reminder fee": (Story.bill, Story.remind),
    "reminder fee given up": (Story.bill, Story.remind, Story.waive),
    "wallet top-up": (Story.top_up,),
    "wallet use": (Story.top_up, Story.use),
    "wallet use is invoiced": (Story.top_up, Story.use, Story.bill_use),
    "wallet refund": (Story.top_up, Story.use, Story.refund_rest),
    "wallet refund comes back": (Story.top_up, Story.use, Story.refund_rest, Story.refund_rest_fails),
    "taxed wallet top-up": (Story.top_up_taxed,),
    "taxed wallet use": (Story.top_up_taxed, Story.use),
    "taxed wallet refund": (Story.top_up_taxed, Story.use, Story.refund_taxed),
    "taxed wallet refund comes back": (Story.top_up_taxed, Story.use, Story.refund_taxed, Story.refund_rest_fails),
    "taxed top-up pays for what is invoiced": (Story.top_up_taxed, Story.use_elsewhere, Story.move_vat),
    "base fee in advance": (Story.bill_ahead,),
    "base fee in advance; each month": (Story.bill_ahead, Story.earn_january),
    "base fee in advance; credited": (Story.bill_ahead, Story.earn_january, Story.credit_ahead),
    "a fee of Stripe's that belongs to no payment": (Story.fee,),
}


def without_ids(key: str) -> str:
    return ":".join(part for part in key.split(":") if not part.isdigit() and not part.startswith("txn_"))


class TestThePostingTable:
    @pytest.mark.parametrize("row", TABLE["rows"], ids=lambda row: row["event"])
    def test_is_what_the_services_post(self, sandbox, site, row):
        *before, last = STEPS[row["event"]]
        story = Story(sandbox, site)
        for step in before:
            step(story)
        known = journals(story.site.owner)

        last(story)

        new = {key: entries for key, entries in journals(story.site.owner).items() if key not in known}
        expected = {
            key: {code: Decimal(amount) for code, amount in entries.items()} for key, entries in row["journals"].items()
        }
        assert {without_ids(key): sums for key, sums in new.items()} == expected

    def test_has_a_story_for_each_row_and_says_what_is_missing(self):
        assert {row["event"] for row in TABLE["rows"]} == STEPS.keys()
        assert all(row["why"] for row in TABLE["missing"])
