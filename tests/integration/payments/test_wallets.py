"""A prepaid wallet: topped up once a payment, charged once a record, corrected, settled with its invoices, bounded."""

from datetime import timedelta
from decimal import Decimal

import pytest

from apps.contracts.models import SpendingLimit
from apps.documents.models import Mail
from apps.invoices.models import PrepaidRecord
from apps.invoices.services.crediting import credit_amounts, credit_invoice
from apps.ledger.domain.chart import Role
from apps.ledger.selectors import balance as account_balance
from apps.payments import tasks
from apps.payments.models import Payment, Wallet, WalletMovement
from apps.payments.sandbox import FaultKind, complete_checkout
from apps.payments.selectors import open_amount, surplus_payment_ids
from apps.payments.services import events
from apps.payments.services.attempts import CheckoutUnavailable
from apps.payments.services.top_ups import AmountNotOffered, NotToppedUp
from apps.payments.services.wallet_settling import settle_from_wallet
from apps.payments.services.wallets import NoWallet, charge_record, open_wallet
from apps.payments.wallets import uncharged_records, wallets_to_settle
from tests.factories import make_contract
from tests.integration.invoices.world import make_cdr, revise
from tests.refusals import refused_by, run_sql

from .conftest import MINUTE, NOON, journals
from .drivers import janitor, violations
from .paying_ahead import balance, bill, charged, make_wallet, moves, open_page, top_up

pytestmark = pytest.mark.django_db


@pytest.fixture
def wallet(site) -> Wallet:
    """Of a contract that pays 0.50 EUR per kWh, VAT included; it may not go below zero."""
    return make_wallet(site)


@pytest.fixture
def filled(sandbox, wallet) -> Wallet:
    """50.00 EUR in it."""
    top_up(wallet)
    return wallet


def limit_of(wallet) -> SpendingLimit:
    return SpendingLimit.objects.get(contract=wallet.contract_id)


def assert_clean() -> None:
    assert violations() == []


class TestTopUp:
    def test_pays_in_what_the_card_paid_and_lets_sessions_begin(self, sandbox, site, wallet):
        payment = top_up(wallet, "50.00")

        assert (payment.status, balance(wallet)) == ("succeeded", Decimal("50.00"))
        assert journals(site.owner)[f"wallet:{wallet.pk}:payment:{payment.pk}"] == {
            "1200": Decimal("50.00"),
            "2400": Decimal("-50.00"),
        }
        assert limit_of(wallet).available == Decimal("50.00")
        assert surplus_payment_ids() == []
        assert_clean()

    def test_is_one_page_however_often_it_is_asked_for(self, sandbox, wallet):
        assert open_page(wallet) == open_page(wallet)

    def test_of_another_amount_closes_the_page_before(self, sandbox, wallet):
        first = open_page(wallet, "50.00")

        assert open_page(wallet, "25.00") != first
        assert [p.status for p in Payment.objects.order_by("pk")] == ["canceled", "new"]

    def test_is_found_by_the_webhook_of_its_page_and_is_one_with_the_return_page(self, sandbox, wallet):
        complete_checkout(open_page(wallet), "4242424242424242")
        page = Payment.objects.get().page_id

        for _ in range(2):
            events._follow({"object": "checkout.session", "id": page}, at=NOON)

        assert moves(wallet) == [("top_up", Decimal("50.00"))]

    @pytest.mark.parametrize("kind", [FaultKind.DROP_ANSWER, FaultKind.ERROR_BEFORE])
    def test_without_an_answer_is_finished_by_the_janitor(self, sandbox, wallet, kind):
        sandbox.control.fault(kind, method="POST", path="/v1/checkout/sessions")
        with pytest.raises(CheckoutUnavailable):
            open_page(wallet)

        janitor(NOON + MINUTE)

        top_up(wallet, at=NOON + MINUTE)
        assert (balance(wallet), Payment.objects.count()) == (Decimal("50.00"), 1)

    @pytest.mark.parametrize("amount", ["9.99", "500.01", "-20", "0"])
    def test_of_an_amount_that_is_not_offered_is_refused(self, sandbox, wallet, amount):
        with pytest.raises(AmountNotOffered, match=r"between 10\.00 and 500\.00 EUR"):
            open_page(wallet, amount)
        assert not Payment.objects.exists()

    def test_of_an_ended_contract_is_refused(self, sandbox, wallet):
        wallet.contract.status = "ended"
        wallet.contract.save()

        with pytest.raises(NotToppedUp, match="ended"):
            open_page(wallet)


class TestOpening:
    def test_again_returns_the_wallet(self, site, wallet):
        assert open_wallet(contract_id=site.contract.pk, at=NOON) == wallet

    def test_without_an_offer_is_refused_and_leaves_the_contract_as_it_was(self, site):
        with pytest.raises(NoWallet, match="what you offer"):
            open_wallet(contract_id=site.contract.pk, at=NOON)

        site.contract.refresh_from_db()
        assert (site.contract.collects_on, Wallet.objects.count()) == ("issue", 0)

    def test_takes_over_what_was_charged_and_not_billed(self, sandbox, site):
        make_cdr(site=site, kwh="20", started_at=NOON - timedelta(hours=30))
        wallet = make_wallet(site)

        assert limit_of(wallet).owed == Decimal("10.00")
        assert uncharged_records().count() == 1


class TestASession:
    def test_is_paid_once_when_it_has_its_price(self, site, filled):
        cdr = charged(site)
        charge_record(cdr_id=cdr.pk, at=NOON)

        assert moves(filled)[1:] == [("session", Decimal("-10.00"))]
        assert balance(filled) == Decimal("40.00")
        assert journals(site.owner)[f"wallet:{filled.pk}:cdr:{cdr.pk}"] == {
            "2400": Decimal("10.00"),
            "1200": Decimal("-10.00"),
        }
        assert limit_of(filled).available == Decimal("40.00")
        assert account_balance(entity_id=site.owner.pk, role=Role.PREPAYMENT, currency="EUR") == Decimal("-40.00")
        assert_clean()

    def test_is_found_by_the_sweep(self, site, filled):
        make_cdr(site=site, kwh="20", started_at=NOON - timedelta(hours=30))
        (cdr_id,) = uncharged_records().values_list("pk", flat=True)

        tasks.charge_wallet(id=cdr_id)

        assert (balance(filled), uncharged_records().count()) == (Decimal("40.00"), 0)

    def test_beyond_the_bound_leaves_the_rest_to_its_invoice(self, sandbox, site):
        wallet = make_wallet(site, bound="3.00")
        top_up(wallet, "10.00")

        charged(site, kwh="40")
        (invoice,) = bill(site)

        assert balance(wallet) == Decimal("-3.00")
        assert open_amount(invoice) == Decimal("7.00")
        assert limit_of(wallet).owed == Decimal("10.00")
        assert_clean()

    def test_of_a_contract_without_a_wallet_is_left_alone(self, site, filled):
        other = make_contract(customer=site.customer)
        cdr = make_cdr(site=site, contract=other, token=None, vehicle=None)

        assert charge_record(cdr_id=cdr.pk, at=NOON) is None
        assert not PrepaidRecord.objects.exists()

    def test_is_not_billed_before_the_wallet_has_paid(self, site, filled):
        cdr = make_cdr(site=site, started_at=NOON - timedelta(hours=30))
        assert bill(site) == []

        charge_record(cdr_id=cdr.pk, at=NOON)

        assert len(bill(site)) == 1

    def test_that_leaves_little_is_told_by_mail_once(self, site, filled):
        charged(site, kwh="84")
        charged(site, kwh="1")

        (mail,) = Mail.objects.filter(kind="wallet")
        assert "€8.00" in mail.subject
        assert "does not" not in mail.body
        assert "/portal/prepaid/" in mail.body

    def test_that_uses_it_up_is_told_again_after_the_next_top_up(self, site, filled):
        charged(site, kwh="100")
        top_up(filled, "10.00")
        charged(site, kwh="20")

        assert Mail.objects.filter(kind="wallet").count() == 2


class TestALateReading:
    def test_below_gives_back_at_once(self, site, filled):
        lower = revise(charged(site, kwh="20"), kwh="16")

        charge_record(cdr_id=lower.pk, at=NOON)

        assert moves(filled)[1:] == [("session", Decimal("-10.00")), ("session", Decimal("2.00"))]
        assert_clean()

    def test_above_charges_what_it_adds(self, site, filled):
        higher = revise(charged(site, kwh="20"), kwh="26")

        charge_record(cdr_id=higher.pk, at=NOON)

        assert balance(filled) == Decimal("37.00")

    def test_after_the_invoice_moves_the_money_to_the_new_one(self, site, filled):
        cdr = charged(site, kwh="20")
        (first,) = bill(site)
        assert open_amount(first) == 0

        charge_record(cdr_id=revise(cdr, kwh="16").pk, at=NOON)
        note, second = bill(site)

        assert (note.kind, open_amount(first), open_amount(second)) == ("credit_note", 0, 0)
        assert balance(filled) == Decimal("42.00")
        assert [kind for kind, _ in moves(filled)] == ["top_up", "session", "session"]
        assert_clean()

    def test_is_charged_as_the_current_record_alone(self, site, filled):
        first = make_cdr(site=site, kwh="20", started_at=NOON - timedelta(hours=30))
        current = revise(first, kwh="16")

        for cdr in (first, current, first):
            charge_record(cdr_id=cdr.pk, at=NOON)

        assert moves(filled)[1:] == [("session", Decimal("-8.00"))]


class TestAnInvoice:
    def test_is_settled_by_what_its_sessions_were_paid_with_and_a_cent_of_rounding_comes_back(self, site, filled):
        # 10.00 and 3.50 gross are 8.40 and 2.94 net; VAT on their sum is round(11.34 × 0.19 = 2.1546) = 2.15.
        charged(site, kwh="20")
        charged(site, kwh="7")

        (invoice,) = bill(site)

        assert (invoice.gross.amount, open_amount(invoice)) == (Decimal("13.49"), 0)
        assert [(a.wallet_id, a.amount.amount) for a in filled.allocations.all()] == [(filled.pk, Decimal("13.49"))]
        assert moves(filled)[-1] == ("returned", Decimal("0.01"))
        assert (balance(filled), limit_of(filled).owed) == (Decimal("36.51"), Decimal("-36.51"))
        assert_clean()

    def test_that_is_credited_puts_the_money_back(self, site, filled):
        charged(site)
        (invoice,) = bill(site)
        note = credit_invoice(invoice_id=invoice.pk, reason="goodwill", at=NOON, by=None)

        for _ in range(2):
            tasks.collect_invoice(id=note.pk)

        assert moves(filled)[-1] == ("returned", Decimal("10.00"))
        assert (balance(filled), open_amount(invoice)) == (Decimal("50.00"), 0)
        assert_clean()

    def test_that_is_credited_in_part_puts_that_part_back(self, site, filled):
        charged(site)
        (invoice,) = bill(site)
        line = invoice.lines.get()
        stated = Decimal("2.00") if invoice.amounts_are_gross else Decimal("1.68")
        credit_amounts(invoice_id=invoice.pk, amounts={line.pk: stated}, reason="x", at=NOON, by=None)

        settle_from_wallet(contract_id=site.contract.pk, at=NOON)

        assert balance(filled) == Decimal("42.00")

    def test_left_open_is_paid_by_the_next_top_up(self, sandbox, site):
        wallet = make_wallet(site)
        top_up(wallet, "10.00")
        charged(site, kwh="40")
        (invoice,) = bill(site)
        assert (open_amount(invoice), wallets_to_settle()) == (Decimal("10.00"), [])

        top_up(wallet, "50.00")
        assert wallets_to_settle() == [wallet.pk]
        tasks.settle_from_wallet(id=wallet.pk)

        assert (open_amount(invoice), balance(wallet)) == (0, Decimal("40.00"))
        assert moves(wallet)[-1] == ("invoice", Decimal("-10.00"))
        assert_clean()


class TestTheDatabase:
    def test_refuses_to_take_a_wallet_below_its_bound(self, site, filled):
        cdr = make_cdr(site=site, kwh="200", started_at=NOON - timedelta(hours=30))

        with refused_by("not taken below its bound", WalletMovement, Wallet):
            WalletMovement.objects.create(
                wallet=filled, kind="session", key="x", currency="EUR", amount=Decimal("-50.01"), balance=0,
                cdr=cdr, moved_at=NOON,
            )  # fmt: skip

    def test_refuses_a_balance_without_a_movement(self, filled):
        with refused_by("moves with its movements alone", Wallet):
            run_sql("UPDATE payments_wallet SET balance = 1000")

    def test_refuses_to_change_or_delete_a_movement(self, filled):
        with refused_by("never changed or deleted", WalletMovement):
            run_sql("UPDATE payments_walletmovement SET reason = 'x'")
        with refused_by("never changed or deleted", WalletMovement):
            run_sql("DELETE FROM payments_walletmovement")

    def test_refuses_a_second_movement_for_a_record(self, site, filled):
        cdr = charged(site)

        with refused_by("wallet_movement_one_per_charge_record", WalletMovement):
            WalletMovement.objects.create(
                wallet=filled, kind="session", key="y", currency="EUR", amount=Decimal(-1), balance=0, cdr=cdr,
                moved_at=NOON,
            )  # fmt: skip

    def test_refuses_a_charge_record_of_another_contract(self, site, filled):
        other = make_contract(customer=site.customer)
        cdr = make_cdr(site=site, contract=other, token=None, vehicle=None)

        with refused_by("of its wallet's contract", WalletMovement):
            WalletMovement.objects.create(
                wallet=filled, kind="session", key="z", currency="EUR", amount=Decimal(-1), balance=0, cdr=cdr,
                moved_at=NOON,
            )  # fmt: skip
