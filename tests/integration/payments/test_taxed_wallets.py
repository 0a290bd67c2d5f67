"""Top-ups whose VAT is due at once: invoiced when paid in, used without another invoice, credited when given back."""

from decimal import Decimal

import facturx
import pytest

from apps.accounts.models import TaxRegistration
from apps.contracts.domain.electronic import InvoiceFormat
from apps.contracts.models import SpendingLimit
from apps.invoices.models import Invoice, PrepaidRecord
from apps.invoices.selectors import get_data
from apps.invoices.services.rendering import print_html, render_document
from apps.ledger.domain.chart import Role
from apps.ledger.selectors import balance as account_balance
from apps.payments import tasks, vouchers
from apps.payments.models import Refund, Wallet, WalletMovement
from apps.payments.selectors import open_amount, payment_state
from apps.payments.services.refunds import NotRefundable, refund_document
from apps.payments.services.syncing import sync_payment
from apps.payments.services.wallet_refunds import refund_wallet, refundable
from apps.payments.services.wallet_settling import settle_from_wallet
from apps.payments.services.wallets import charge_record
from tests.factories import give_plan, make_location
from tests.integration.invoices.test_electronic import NOTHING, every_format, ready_for_xrechnung
from tests.integration.invoices.world import revise
from tests.official import complaints
from tests.refusals import refused_by

from .conftest import MINUTE, NOON
from .disputing import decide, open_dispute
from .drivers import violations
from .paying_ahead import balance, bill, charged, charged_at_use, make_taxed_wallet, moves, top_up

pytestmark = pytest.mark.django_db


@pytest.fixture
def wallet(sandbox, site) -> Wallet:
    """50.00 EUR with 7.98 VAT in it; 0.50 EUR per kWh; it may not go below zero."""
    wallet = make_taxed_wallet(site)
    top_up(wallet)
    return wallet


def vat_owed(site) -> Decimal:
    return -account_balance(entity_id=site.owner.pk, role=Role.VAT_PAYABLE, currency="EUR")


def documents(kind: str) -> list[Decimal]:
    return [one.gross.amount for one in Invoice.objects.filter(kind=kind).order_by("pk")]


def give_back(wallet: Wallet):
    return refund_wallet(wallet_id=wallet.pk, seen=refundable(wallet), reason="moved away", by=None, at=NOON + MINUTE)


def top_up_invoice(wallet: Wallet, *, at) -> Invoice:
    """Top up once more and return the invoice of that."""
    top_up(wallet, "25.00", at=at)
    return Invoice.objects.latest("pk")


def settle(site) -> None:
    settle_from_wallet(contract_id=site.contract.pk, at=NOON)


class TestATopUp:
    def test_has_its_invoice_at_once(self, site, wallet):
        invoice = Invoice.objects.get()

        assert invoice.number.startswith("TOP-")
        assert (invoice.gross.amount, invoice.tax.amount) == (Decimal("50.00"), Decimal("7.98"))
        assert (open_amount(invoice), payment_state(invoice).state) == (0, "paid")
        assert (balance(wallet), vat_owed(site)) == (Decimal("50.00"), Decimal("7.98"))
        assert account_balance(entity_id=site.owner.pk, role=Role.PREPAYMENT_TAXED, currency="EUR") == Decimal("-42.02")
        assert violations() == []

    def test_is_printed_as_paid_and_not_to_be_invoiced_again(self, wallet):
        page = print_html(Invoice.objects.get())

        assert "Top-up of the prepaid wallet of contract" in page
        assert "€50.00 was paid by card. There is nothing more to pay." in page
        assert "of which VAT 19% on €42.02" in page

    def test_is_an_electronic_invoice_by_the_official_rules_of_every_format(self, site, wallet):
        site.contract.refresh_from_db()
        ready_for_xrechnung(site)
        invoice = top_up_invoice(wallet, at=NOON + MINUTE)

        assert invoice.number.startswith("TOP-")
        assert every_format(invoice) == NOTHING

    def test_that_is_given_back_is_an_electronic_credit_note(self, sandbox, site, wallet):
        site.contract.refresh_from_db()
        ready_for_xrechnung(site)
        top_up_invoice(wallet, at=NOON + MINUTE)
        refunds = give_back(wallet).refunds

        assert [every_format(refund.credit_note) for refund in refunds[:1]] == [NOTHING]

    def test_carries_its_data_in_its_pdf(self, wallet):
        invoice = Invoice.objects.get()
        document = render_document(invoice_id=invoice.pk, at=NOON)

        _, xml = facturx.get_facturx_xml_from_pdf(bytes(document.content), check_xsd=True)

        assert xml == bytes(get_data(invoice).content)
        assert complaints(xml, as_format=InvoiceFormat.FACTURX) == []

    def test_of_a_contract_with_a_plan_is_taxed_at_use(self, sandbox, site):
        give_plan(contract=site.contract, first_day=NOON.date(), base_fee="5.00")
        top_up(make_taxed_wallet(site))

        assert not Invoice.objects.exists()

    def test_pays_first_what_is_owed_and_taxes_only_the_rest(self, sandbox, site):
        wallet = make_taxed_wallet(site, bound="3.00")
        charged(site, kwh="20")
        (invoice,) = bill(site)
        assert (balance(wallet), open_amount(invoice)) == (Decimal("-3.00"), Decimal("7.00"))

        top_up(wallet, "50.00")
        settle(site)

        assert documents("top_up") == [Decimal("40.00")]
        assert (balance(wallet), open_amount(invoice)) == (Decimal("40.00"), 0)
        assert violations() == []

    def test_that_cannot_be_invoiced_is_taxed_at_use(self, sandbox, site):
        site.owner.street = ""
        site.owner.save()
        wallet = make_taxed_wallet(site)

        top_up(wallet)

        assert (balance(wallet), Invoice.objects.count(), vat_owed(site)) == (Decimal("50.00"), 0, 0)


class TestASession:
    def test_is_earned_and_never_invoiced(self, site, wallet):
        charged(site)

        assert bill(site) == []
        assert PrepaidRecord.objects.get().is_taxed_before
        movement = WalletMovement.objects.get(kind="session")
        assert (movement.amount.amount, movement.tax) == (Decimal("-10.00"), Decimal("-1.59"))
        assert account_balance(entity_id=site.owner.pk, role=Role.REVENUE_ENERGY, currency="EUR") == Decimal("-8.41")
        limit = SpendingLimit.objects.get(contract=site.contract)
        assert (vat_owed(site), limit.owed) == (Decimal("7.98"), Decimal("-40.00"))
        assert violations() == []

    def test_uses_the_oldest_top_up_first_and_then_the_next(self, site, wallet):
        second = top_up(wallet, "25.00", at=NOON + MINUTE)
        charged(site, kwh="110")

        parts = WalletMovement.objects.filter(kind="session").order_by("pk")
        assert [(one.lot_id == second.pk, one.amount.amount) for one in parts] == [
            (False, Decimal("-50.00")),
            (True, Decimal("-5.00")),
        ]
        assert violations() == []

    def test_that_they_do_not_cover_is_invoiced_whole_and_their_vat_credited(self, site, wallet):
        SpendingLimit.objects.filter(contract=site.contract).update(amount=Decimal("20.00"))
        charged(site, kwh="120")
        (invoice,) = bill(site)
        settle(site)

        assert (invoice.gross.amount, open_amount(invoice)) == (Decimal("60.00"), 0)
        assert documents("credit_note") == [Decimal("-50.00")]
        assert (balance(wallet), vouchers.lots_of(wallet)) == (Decimal("-10.00"), [])
        assert vat_owed(site) == invoice.tax.amount
        assert violations() == []

    def test_in_a_country_that_came_later_is_taxed_there_and_nothing_twice(self, site, wallet):
        cdr = charged_at_use(site)
        (invoice,) = bill(site)
        settle(site)

        assert not PrepaidRecord.objects.get(cdr=cdr).is_taxed_before
        assert (invoice.taxes.get().country, documents("credit_note")) == ("AT", [Decimal("-10.00")])
        assert balance(wallet) == Decimal("40.00")
        assert vat_owed(site) == Decimal("7.98") - Decimal("1.60") + invoice.tax.amount
        assert violations() == []

    def test_at_home_stays_paid_though_the_seller_sells_elsewhere_now(self, site, wallet):
        make_location(owner=site.owner, country="AT", time_zone="Europe/Vienna")
        TaxRegistration.objects.create(
            organisation=site.owner, country="AT", vat_id="ATU12345675", valid_from="2020-01-01"
        )
        charged(site)
        top_up(wallet, at=NOON + MINUTE)

        assert bill(site) == []
        assert documents("top_up") == [Decimal("50.00")]
        assert (vat_owed(site), balance(wallet)) == (Decimal("7.98"), Decimal("90.00"))
        assert violations() == []

    def test_is_found_by_the_sweep_where_its_vat_is_to_be_moved(self, site, wallet):
        charged_at_use(site)
        assert vouchers.overdrawn_wallets() == {wallet.pk}

        tasks.settle_from_wallet(id=wallet.pk)
        tasks.settle_from_wallet(id=wallet.pk)

        assert (vouchers.overdrawn_wallets(), documents("credit_note")) == (set(), [Decimal("-10.00")])


class TestALateReading:
    def test_below_goes_back_to_the_top_up_without_a_document(self, site, wallet):
        charge_record(cdr_id=revise(charged(site), kwh="16").pk, at=NOON)

        assert (balance(wallet), bill(site)) == (Decimal("42.00"), [])
        assert violations() == []

    def test_above_what_they_cover_makes_it_an_invoiced_one(self, site, wallet):
        SpendingLimit.objects.filter(contract=site.contract).update(amount=Decimal("20.00"))
        charge_record(cdr_id=revise(charged(site, kwh="90"), kwh="110").pk, at=NOON)
        (invoice,) = bill(site)
        settle(site)

        assert (invoice.gross.amount, open_amount(invoice)) == (Decimal("55.00"), 0)
        assert (balance(wallet), vat_owed(site)) == (Decimal("-5.00"), invoice.tax.amount)
        assert violations() == []


class TestARefund:
    def test_credits_the_top_up_and_gives_back_to_its_card(self, sandbox, site, wallet):
        charged(site)

        (refund,) = give_back(wallet).refunds

        assert (refund.amount.amount, refund.status, refund.origin) == (Decimal("40.00"), "succeeded", "credit")
        assert (refund.credit_note.gross.amount, refund.invoice.kind) == (Decimal("-40.00"), "top_up")
        assert (balance(wallet), vat_owed(site)) == (0, Decimal("1.59"))
        assert account_balance(entity_id=site.owner.pk, role=Role.PREPAYMENT_TAXED, currency="EUR") == 0
        assert violations() == []

    def test_that_fails_leaves_the_money_to_be_taxed_at_use(self, sandbox, site, wallet):
        (refund,) = give_back(wallet).refunds
        sandbox.control.fail_refund(refund.stripe_id)
        for _ in range(2):
            sync_payment(payment_id=refund.payment_id, at=NOON + MINUTE)

        assert (balance(wallet), vouchers.lots_of(wallet), vat_owed(site)) == (Decimal("50.00"), [], 0)
        charged(site)
        (invoice,) = bill(site)
        assert (open_amount(invoice), balance(wallet)) == (0, Decimal("40.00"))
        assert violations() == []

    def test_after_a_late_reading_gives_back_the_difference(self, sandbox, site, wallet):
        cdr = charged(site)
        give_back(wallet)
        charge_record(cdr_id=revise(cdr, kwh="16").pk, at=NOON)

        (refund,) = give_back(wallet).refunds

        assert (refund.amount.amount, Refund.objects.count()) == (Decimal("2.00"), 2)
        assert violations() == []

    def test_of_the_document_is_refused_and_says_where(self, sandbox, wallet):
        with pytest.raises(NotRefundable, match="from its wallet"):
            refund_document(document_id=Invoice.objects.get().pk, reason="x", by=None, at=NOON)


class TestALostDispute:
    def test_credits_the_vat_of_what_the_bank_took(self, sandbox, site, wallet):
        charged(site)
        decide(sandbox, open_dispute(sandbox, wallet.top_ups.get()), is_won=False)
        settle(site)

        assert moves(wallet)[-3:-1] == [("taken", Decimal("-50.00")), ("retaxed", Decimal("-40.00"))]
        assert (balance(wallet), vat_owed(site)) == (Decimal("-10.00"), Decimal("1.59"))
        assert violations() == []


class TestTheDatabase:
    def test_refuses_to_take_more_of_a_top_up_than_it_brought(self, site, wallet):
        lot = wallet.top_ups.get()
        with refused_by("pays no more than it brought", WalletMovement, Wallet):
            WalletMovement.objects.create(
                wallet=wallet, kind="retaxed", key="x", currency="EUR", amount=Decimal("-50.01"), balance=0, lot=lot,
                moved_at=NOON,
            )  # fmt: skip

    def test_refuses_vat_without_a_top_up_it_was_paid_with(self, site, wallet):
        with refused_by("wallet_movement_of_a_lot_has_vat", WalletMovement):
            WalletMovement.objects.create(
                wallet=wallet, kind="retaxed", key="x", currency="EUR", amount=1, tax=1, balance=0, moved_at=NOON
            )
