"""Payouts: read page by page, each part tied to one journal, and the parts add up."""

from datetime import date
from decimal import Decimal

import pytest

from apps.accounting.models import BalanceEntry, Payout, PullMark
from apps.accounting.selectors import account_owner, totals_by_kind
from apps.accounting.services.payouts import NotBanked, bank_payout
from apps.accounting.services.pulling import pull_stripe
from apps.accounting.services.reconciling import reconcile
from apps.core import failpoints
from apps.payments import gateway_books
from apps.payments.services.refunds import refund_document
from tests.integration.payments.conftest import NOON, journals
from tests.integration.payments.disputing import decide, open_dispute
from tests.refusals import refused_by

from .conftest import DAY, HOUR, compare, earn

pytestmark = pytest.mark.django_db


def pass_days(sandbox, days: int) -> None:
    sandbox.control.advance_clock(days * 86_400)


@pytest.fixture
def paid_out(sandbox, site) -> Payout:
    """Three payments of 10.00, one refunded, one disputed and lost; all of it paid out after four days."""
    (refunded, _), (_, disputed), _ = earn(site), earn(site), earn(site)
    refund_document(document_id=refunded.pk, reason="The cable was broken.", by=None, at=NOON)
    # 10.00 − 0.40 each; another payment large enough that the balance stays above zero after the dispute's 30.00.
    for _ in range(3):
        earn(site)
    sandbox.control.pay_out_daily()
    decide(sandbox, open_dispute(sandbox, disputed), is_won=False)
    pass_days(sandbox, 4)
    assert compare(at=NOON + 4 * DAY) == []
    return Payout.objects.get()


class TestAPayout:
    def test_is_booked_and_consists_of_parts_that_add_up(self, site, paid_out):
        # 6 × 10.00 − 6 × 0.40 − 10.00 refunded − 10.00 disputed − 20.00 fee = 17.60
        assert paid_out.amount.amount == Decimal("17.60")
        rows = {row["kind"]: (row["count"], row["amount"], row["fee"], row["net"]) for row in totals_by_kind(paid_out)}
        assert rows == {
            "charge": (6, Decimal("60.00"), Decimal("2.40"), Decimal("57.60")),
            "refund": (1, Decimal("-10.00"), Decimal("0.00"), Decimal("-10.00")),
            "adjustment": (1, Decimal("-10.00"), Decimal("20.00"), Decimal("-30.00")),
        }
        assert journals(site.owner)[f"payout:{paid_out.pk}:sent"] == {
            "1010": Decimal("17.60"),
            "1020": Decimal("-17.60"),
        }

    def test_has_each_part_tied_to_one_journal_of_our_books(self, site, paid_out):
        entries = BalanceEntry.objects.filter(payout=paid_out)
        keys = list(entries.values_list("journal_key", flat=True))

        assert len(keys) == len(set(keys)) == 9
        assert "" not in keys
        books = journals(site.owner)
        for entry in entries:
            moved = books[entry.journal_key]["1020"] + (books[entry.fee_key]["1020"] if entry.fee_key else 0)
            assert moved == entry.net.amount

    def test_is_read_and_booked_once_however_often(self, sandbox, site, paid_out):
        before = journals(site.owner), BalanceEntry.objects.count()

        assert compare(at=NOON + 4 * DAY + HOUR) == []

        assert (journals(site.owner), BalanceEntry.objects.count()) == before

    def test_leaves_nothing_on_clearing(self, site, paid_out):
        clearing = sum(entries.get("1020", Decimal(0)) for entries in journals(site.owner).values())

        assert clearing == 0


class TestABankLine:
    def test_takes_the_payout_from_in_transit_once(self, site, paid_out):
        line = {"amount": Decimal("17.60"), "currency": "EUR", "booked_on": date(2026, 12, 7), "at": NOON}

        bank_payout(payout_id=paid_out.pk, **line)
        bank_payout(payout_id=paid_out.pk, **line)

        assert journals(site.owner)[f"payout:{paid_out.pk}:banked"] == {
            "1000": Decimal("17.60"),
            "1010": Decimal("-17.60"),
        }

    @pytest.mark.parametrize(
        ("changes", "words"),
        [
            ({"amount": Decimal("17.61")}, "is over €17.60"),
            ({"currency": "USD"}, "over 17.60 USD"),
        ],
    )
    def test_of_another_amount_is_refused(self, site, paid_out, changes, words):
        line = {"amount": Decimal("17.60"), "currency": "EUR", "booked_on": date(2026, 12, 7), "at": NOON} | changes

        with pytest.raises(NotBanked, match=words):
            bank_payout(payout_id=paid_out.pk, **line)

        paid_out.refresh_from_db()
        assert paid_out.banked_on is None
        assert f"payout:{paid_out.pk}:banked" not in journals(site.owner)


class TestAPayoutThatComesBack:
    def test_is_back_in_clearing_and_no_bank_line_fits_it(self, sandbox, site, paid_out):
        sandbox.control.fail_payout(paid_out.stripe_id)

        assert compare(at=NOON + 4 * DAY + HOUR) == []

        paid_out.refresh_from_db()
        assert (paid_out.status, paid_out.failure_code) == ("failed", "account_closed")
        assert journals(site.owner)[f"payout:{paid_out.pk}:failed"] == {
            "1020": Decimal("17.60"),
            "1010": Decimal("-17.60"),
        }
        with pytest.raises(NotBanked, match="came back"):
            bank_payout(
                payout_id=paid_out.pk, amount=Decimal("17.60"), currency="EUR", booked_on=date(2026, 12, 7), at=NOON
            )


class TestTheReading:
    def test_goes_over_pages_of_a_hundred(self, sandbox, site, monkeypatch, earned):
        monkeypatch.setattr(gateway_books, "PAGE", 2)
        for _ in range(4):
            earn(site)

        assert compare() == []

        assert BalanceEntry.objects.count() == 5
        asked = [each for each in sandbox.control.requests() if each["path"] == "/v1/balance_transactions"]
        assert sum("starting_after" in str(each) for each in asked) >= 2

    def test_killed_after_a_page_goes_on_and_keeps_nothing_twice(self, sandbox, site, monkeypatch, earned):
        earn(site)
        monkeypatch.setattr(gateway_books, "PAGE", 1)
        with monkeypatch.context() as patch:
            patch.setattr(failpoints, "hit", killed)
            with pytest.raises(KeyboardInterrupt):
                reconcile(since=None, at=NOON + HOUR)
        after_the_kill = BalanceEntry.objects.count(), PullMark.objects.filter(pulled_until__gt=NOON).count()

        assert compare() == []

        assert after_the_kill == (1, 0)
        assert BalanceEntry.objects.count() == 2

    def test_keeps_its_mark_and_reads_on_from_there(self, sandbox, site, earned):
        compare()
        before = len(sandbox.control.requests())

        pull_stripe(owner=account_owner(), at=NOON + 2 * HOUR)

        assert PullMark.objects.get().pulled_until == NOON + 2 * HOUR
        windows = [each for each in sandbox.control.requests()[before:] if each["path"] == "/v1/balance_transactions"]
        assert len(windows) == 1


def killed(name: str) -> None:
    if name == "accounting.after_page":
        raise KeyboardInterrupt


class TestABalanceEntry:
    def test_is_never_changed_and_stays_tied(self, sandbox, site, earned):
        compare()

        with refused_by("balance transactions are frozen", BalanceEntry):
            BalanceEntry.objects.update(description="another")
        with refused_by("a matched balance transaction stays so", BalanceEntry):
            BalanceEntry.objects.update(journal_key="payment:0:received")
