"""Differences between Stripe and us are made, found, explained, and worked off."""

from datetime import timedelta
from decimal import Decimal
from io import StringIO

import pytest
from django.core.management import CommandError, call_command

from apps.accounting.models import BalanceEntry, Discrepancy
from apps.accounting.selectors import account_owner
from apps.accounting.services.matching import match_entries
from apps.accounting.services.pulling import store_lines
from apps.accounting.services.reconciling import (
    BY_ITSELF,
    GRACE,
    NotResolvable,
    find_differences,
    reconcile,
    resolve_discrepancy,
)
from apps.ledger import services as ledger
from apps.ledger.models import Journal
from apps.ledger.services import PostingLine, Role
from apps.payments import gateway
from apps.payments.models import Payment
from apps.payments.outcomes import BalanceLine
from apps.payments.sandbox import FaultKind
from apps.payments.services.projection import StripeUnreachable
from tests.factories import make_owner, make_site, make_user
from tests.integration.payments.conftest import NOON, journals
from tests.integration.payments.drivers import capture, janitor, make_attempt, pay, receipt_of, sync

from .conftest import HOUR, compare, earn, line

pytestmark = pytest.mark.django_db


def keep(site, told: BalanceLine) -> None:
    store_lines(owner=site.owner, lines=[told])
    match_entries(owner=site.owner, at=NOON)


def differences(site) -> list[tuple[str, str, str, str]]:
    found = find_differences(site.owner, since=None, until=NOON + HOUR)
    return [(each.kind.value, each.stripe_says, each.we_say, each.cause) for each in found]


class TestBooksThatAgree:
    def test_differ_in_nothing(self, sandbox, site, earned):
        assert compare() == []
        assert not Discrepancy.objects.exists()

    def test_agree_where_nobody_has_paid_yet(self, db):
        assert account_owner() is None
        assert compare() == []


class TestWhatIsFound:
    def test_captured_at_stripe_by_somebody_else(self, sandbox, site):
        attempt = pay(make_attempt(site))
        receipt_of(attempt, site)
        gateway.capture_intent(stripe_id=attempt.payment.stripe_id, params={"amount_to_capture": 1000}, key="dashboard")

        [(kind, ours, cause)] = compare()

        assert kind == "unknown_here"
        assert "requires_capture" in ours
        assert cause == "Captured or charged at Stripe, not by Wattledger; the next look takes it over."
        sync(attempt)
        assert compare() == []
        assert Discrepancy.objects.get().note == BY_ITSELF

    def test_a_webhook_that_is_missing(self, sandbox, site):
        attempt = pay(make_attempt(site))
        sandbox.control.fault(FaultKind.DROP_ANSWER, method="POST", path="/v1/payment_intents")
        capture(receipt_of(attempt, site))

        [(kind, _, cause)] = compare()

        assert (kind, cause) == (
            "unknown_here",
            "Its webhook is missing or not processed yet; the hourly look will bring it.",
        )
        janitor(NOON + HOUR)
        assert compare() == []

    def test_refunded_at_stripe_by_somebody_else(self, sandbox, site, earned):
        gateway.create_refund(params={"payment_intent": earned[1].stripe_id, "amount": 300}, key="dashboard")

        [(kind, ours, cause)] = compare()

        assert (kind, ours) == ("unknown_here", "nothing")
        assert cause == "Refunded at Stripe, not here, and no webhook told of it yet."

    def test_a_dispute_nobody_told_of(self, sandbox, site, earned):
        sandbox.control.open_dispute(earned[1].latest_charge)

        [(kind, _, cause)] = compare()

        assert (kind, cause) == (
            "unknown_here",
            "A dispute no webhook told of; the sweep of disputes will bring it.",
        )

    def test_another_amount_than_we_booked(self, sandbox, site, earned):
        entry = {"source": earned[1].latest_charge, "kind": "charge"}
        keep(site, line(amount=Decimal("9.00"), fee=Decimal("0.40"), net=Decimal("8.60"), **entry))

        assert differences(site) == [
            (
                "amount",
                f"9.00 EUR, fee 0.40 EUR, on {NOON:%Y-%m-%d %H:%M} UTC",
                "9.60 EUR",
                "The amount was changed at Stripe, or Stripe's fee was corrected later.",
            )
        ]

    def test_a_second_movement_for_the_same_journal(self, sandbox, site, earned):
        compare()
        entry = {"source": earned[1].latest_charge, "kind": "charge"}
        keep(site, line(amount=Decimal("10.00"), fee=Decimal("0.40"), net=Decimal("9.60"), **entry))

        [(kind, _, _, cause)] = differences(site)

        assert kind == "unknown_here"
        assert "stands for another balance transaction already" in cause

    def test_a_settlement_in_another_currency_and_nothing_is_mis_posted(self, sandbox, site, earned):
        before = journals(site.owner)
        entry = {"source": earned[1].latest_charge, "kind": "charge", "currency": "USD"}
        keep(site, line(amount=Decimal("11.60"), fee=Decimal("0.46"), net=Decimal("11.14"), **entry))

        [(kind, stripe_says, ours, cause)] = differences(site)

        assert (kind, ours) == ("currency", "9.60 EUR")
        assert stripe_says.startswith("11.60 USD, fee 0.46 USD")
        assert "another currency" in cause
        assert journals(site.owner) == before

    def test_money_that_stripe_never_moved(self, sandbox, site, earned):
        ledger.post(
            entity_id=site.owner.pk,
            key="typed:1",
            posted_on=NOON.date(),
            tax_date=NOON.date(),
            text="Typed in by hand",
            lines=[
                PostingLine(role=Role.STRIPE_CLEARING, amount=Decimal("5.00")),
                PostingLine(role=Role.RECEIVABLE, amount=Decimal("-5.00")),
            ],
            currency="EUR",
            at=NOON,
        )

        [(kind, ours, cause)] = compare()

        assert kind == "unknown_there"
        assert ours.startswith("5.00 EUR, booked ")
        assert cause.startswith("Booked twice, by hand")

    def test_money_of_another_seller(self, sandbox, site, earned, settings):
        settings.STRIPE_ACCOUNT_OWNER = str(make_owner().pk)

        causes = {cause for _, _, cause in compare()}

        assert causes == {"Booked for another seller than the owner of the Stripe account: settle it with them."}


class TestStripesOwnFees:
    def test_are_booked_under_their_balance_transaction_once(self, site):
        keep(site, line())
        keep(site, line())

        assert journals(site.owner) == {"stripe_fee:txn_of_a_test": {"6000": Decimal("2.00"), "1020": Decimal("-2.00")}}
        assert BalanceEntry.objects.get().journal_key == "stripe_fee:txn_of_a_test"
        assert differences(site) == []

    @pytest.mark.parametrize(("currency", "amount"), [("JPY", "-150"), ("KWD", "-0.250")])
    def test_are_exact_in_currencies_of_no_and_three_decimals(self, site, currency, amount):
        keep(site, line(currency=currency, amount=Decimal(amount), net=Decimal(amount), fee=Decimal("0")))

        assert journals(site.owner)["stripe_fee:txn_of_a_test"] == {"6000": -Decimal(amount), "1020": Decimal(amount)}

    def test_of_kinds_nobody_knows_are_listed_and_not_booked(self, site):
        keep(site, line(kind="climate_order_purchase"))

        [(kind, _, _, cause)] = differences(site)

        assert (kind, cause) == ("unknown_here", "No rule books a climate_order_purchase: book it by hand.")
        assert not Journal.objects.exists()


class TestASilentStripe:
    def test_stops_the_run_and_the_next_one_is_whole(self, sandbox, site, earned):
        sandbox.control.fault(FaultKind.ERROR_BEFORE, method="GET", path="/v1/balance_transactions")

        with pytest.raises(StripeUnreachable):
            compare()

        assert compare() == []
        assert BalanceEntry.objects.count() == 1


class TestTheList:
    @pytest.fixture
    def refunded(self, sandbox, site, earned) -> Discrepancy:
        gateway.create_refund(params={"payment_intent": earned[1].stripe_id, "amount": 300}, key="dashboard")
        compare()
        return Discrepancy.objects.get()

    def test_tells_a_difference_once_until_it_is_dealt_with(self, refunded):
        compare(at=NOON + 2 * HOUR)

        assert Discrepancy.objects.get().found_at == NOON + HOUR

    def test_stays_quiet_about_what_a_person_dealt_with(self, refunded):
        person = make_user()
        resolve_discrepancy(discrepancy_id=refunded.pk, note="Refunded by Ada, typed:7.", by=person, at=NOON)

        assert compare(at=NOON + 2 * HOUR) == []

        refunded.refresh_from_db()
        assert (refunded.resolved_by, refunded.note) == (person, "Refunded by Ada, typed:7.")
        with pytest.raises(NotResolvable, match="resolved already"):
            resolve_discrepancy(discrepancy_id=refunded.pk, note="Again.", by=person, at=NOON)

    def test_wants_a_word_about_what_was_done(self, refunded):
        with pytest.raises(NotResolvable, match="Say what was done"):
            resolve_discrepancy(discrepancy_id=refunded.pk, note="  ", by=make_user(), at=NOON)

        refunded.refresh_from_db()
        assert refunded.resolved_at is None

    def test_leaves_what_is_new_to_the_webhook_on_its_way(self, sandbox, site, earned):
        made_at = NOON - timedelta(minutes=30)
        gateway.create_refund(params={"payment_intent": earned[1].stripe_id, "amount": 300}, key="dashboard")

        assert reconcile(since=None, at=made_at + GRACE - timedelta(minutes=1), grace=GRACE) == []
        assert not Discrepancy.objects.exists()

    def test_of_one_day_leaves_other_days_alone(self, refunded):
        assert compare(at=NOON + 2 * HOUR, since=NOON + HOUR) == []

        refunded.refresh_from_db()
        assert refunded.resolved_at is None


class TestTheCommand:
    def run(self, *args: str) -> tuple[int, str]:
        out = StringIO()
        try:
            call_command("reconcile", *args, stdout=out)
        except SystemExit as left:
            return left.code, out.getvalue()
        return 0, out.getvalue()

    def test_says_that_the_books_agree(self, db):
        assert self.run() == (0, "Stripe's books and ours agree.\n")

    def test_prints_a_line_for_each_difference_and_leaves_with_1(self, sandbox, site, earned):
        gateway.create_refund(params={"payment_intent": earned[1].stripe_id, "amount": 300}, key="dashboard")

        code, said = self.run("--since", "2026-01-01")

        assert code == 1
        told, count = said.splitlines()
        assert told.startswith(f"refund of {earned[1]} (entry:txn_")
        assert "Stripe says -3.00 EUR, fee 0.00 EUR" in told
        assert "we say nothing. Refunded at Stripe, not here, and no webhook" in told
        assert count == "1 differences"

    def test_says_when_stripe_is_silent_or_nobody_knows_whose_the_account_is(self, sandbox, site, earned):
        sandbox.control.fault(FaultKind.ERROR_BEFORE, method="GET", path="/v1/payouts")
        with pytest.raises(CommandError, match="500"):
            self.run()
        earn(make_site(tax_included=True))
        with pytest.raises(CommandError, match="set STRIPE_ACCOUNT_OWNER"):
            self.run()


class TestTwoRunsAtOnce:
    @pytest.mark.django_db(transaction=True)
    def test_match_and_list_each_once(self, sandbox, site, earned, at_once):
        gateway.create_refund(params={"payment_intent": earned[1].stripe_id, "amount": 300}, key="dashboard")

        found = at_once(compare_and_hang_up, compare_and_hang_up)

        assert [len(each) for each in found] == [1, 1]
        assert Discrepancy.objects.count() == 1
        assert BalanceEntry.objects.count() == 2
        assert Payment.objects.count() == 1


def compare_and_hang_up():
    try:
        return compare()
    finally:
        gateway.forget_connections()
