import pytest
import stripe

from tests.integration.payments.sandbox.conftest import DAY, PAYS, entries_of, event_types


@pytest.fixture
def payouts(stripe_client):
    return stripe_client.v1.payouts


@pytest.fixture
def pay(stripe_client, saved):
    """Return what takes so many cents and returns the charge's id; 3000 leave 2930."""

    def charge(amount=3000):
        return stripe_client.v1.payment_intents.create(saved.payment(amount)).latest_charge

    return charge


def balance_of(client):
    balance = client.v1.balance.retrieve().to_dict()
    return {
        status: {each["currency"]: each["amount"] for each in balance[status]} for status in ("available", "pending")
    }


class TestBalance:
    def test_is_pending_for_two_days_and_then_available(self, stripe_client, sandbox, pay):
        nothing = balance_of(stripe_client)
        pay()
        before = balance_of(stripe_client)
        sandbox.control.advance_clock(2 * DAY)

        assert nothing == {"available": {}, "pending": {}}
        assert before == {"available": {"eur": 0}, "pending": {"eur": 2930}}
        assert balance_of(stripe_client) == {"available": {"eur": 2930}, "pending": {"eur": 0}}

    def test_is_the_sum_of_its_transactions(self, stripe_client, sandbox, pay, save_account):
        stripe_client.v1.refunds.create({"charge": pay(), "amount": 1000})
        sandbox.control.open_dispute(pay(5000))
        debit = stripe_client.v1.payment_intents.create(save_account(PAYS).payment(7000))
        sandbox.control.settle_debit(debit.id)

        found = stripe_client.v1.balance_transactions.list({"limit": 100}).data
        # 3000 - 70, -1000, 5000 - 100, -5000 - 2000, 7000 - 35
        assert sum(entry.net for entry in found) == 2930 - 1000 + 4900 - 7000 + 6965
        shown = balance_of(stripe_client)
        assert shown["available"]["eur"] + shown["pending"]["eur"] == 6795


class TestManualPayout:
    def test_takes_its_amount_off_the_balance_and_arrives(self, stripe_client, sandbox, payouts, pay):
        pay()
        sandbox.control.advance_clock(2 * DAY)

        made = payouts.create({"amount": 2000, "currency": "eur", "metadata": {"run": "7"}})
        sandbox.control.advance_clock(made.arrival_date - made.created)

        arrived = payouts.retrieve(made.id, {"expand": ["balance_transaction"]})
        assert (made.status, made.automatic, made.reconciliation_status) == ("pending", False, "not_applicable")
        assert (arrived.status, arrived.metadata["run"], arrived.balance_transaction.amount) == ("paid", "7", -2000)
        assert balance_of(stripe_client)["available"] == {"eur": 930}
        assert event_types(stripe_client, "payout") == ["payout.created", "payout.paid"]
        assert [each.id for each in payouts.list({"status": "paid"}).data] == [made.id]

    @pytest.mark.parametrize(
        ("given", "code"),
        [
            ({"amount": 2931}, "balance_insufficient"),
            ({"amount": 1, "currency": "usd"}, "balance_insufficient"),
            ({"amount": 0}, "parameter_invalid_integer"),
        ],
    )
    def test_of_what_is_not_there_is_refused(self, stripe_client, sandbox, payouts, pay, given, code):
        pay()
        sandbox.control.advance_clock(2 * DAY)

        with pytest.raises(stripe.InvalidRequestError) as refused:
            payouts.create({"currency": "eur"} | given)

        assert refused.value.code == code
        assert sandbox.control.objects("payout") == []
        assert balance_of(stripe_client)["available"] == {"eur": 2930}

    def test_does_not_say_what_it_consists_of(self, stripe_client, sandbox, payouts, pay):
        pay()
        sandbox.control.advance_clock(2 * DAY)
        made = payouts.create({"amount": 2930, "currency": "eur"})

        with pytest.raises(stripe.InvalidRequestError, match="only be filtered on automatic transfers"):
            stripe_client.v1.balance_transactions.list({"payout": made.id})

    @pytest.mark.parametrize("days", [0, 5])
    def test_that_fails_brings_the_money_back(self, stripe_client, sandbox, payouts, pay, days):
        pay()
        sandbox.control.advance_clock(2 * DAY)
        made = payouts.create({"amount": 2930, "currency": "eur"})
        sandbox.control.advance_clock(days * DAY)

        sandbox.control.fail_payout(made.id)
        sandbox.control.advance_clock(5 * DAY)

        failed = payouts.retrieve(made.id, {"expand": ["failure_balance_transaction"]})
        returned = failed.failure_balance_transaction
        assert (failed.status, failed.failure_code) == ("failed", "account_closed")
        assert (returned.type, returned.amount) == ("payout_failure", 2930)
        assert balance_of(stripe_client)["available"] == {"eur": 2930}
        assert event_types(stripe_client, "payout")[-1] == "payout.failed"


class TestAutomaticPayout:
    def test_is_made_each_midnight_of_exactly_what_became_available(self, stripe_client, sandbox, payouts, pay):
        sandbox.control.pay_out_daily()
        first = pay(3000)
        sandbox.control.advance_clock(DAY)
        second = pay(5000)

        sandbox.control.advance_clock(10 * DAY)

        later, earlier = payouts.list().data
        assert [(each.amount, each.status, each.automatic) for each in (earlier, later)] == [
            (2930, "paid", True),
            (4900, "paid", True),
        ]
        assert (earlier.created % DAY, later.created - earlier.created) == (0, DAY)
        for payout, charge in ((earlier, first), (later, second)):
            own, taken = stripe_client.v1.balance_transactions.list({"payout": payout.id}).data
            assert (own.source, taken.source) == (payout.id, charge)
            assert own.net + taken.net == 0 == payout.amount - taken.net

    def test_takes_refunds_disputes_and_failures_along(self, stripe_client, sandbox, payouts, pay):
        pay(10_000)
        stripe_client.v1.refunds.create({"charge": pay(), "amount": 1000})
        sandbox.control.open_dispute(pay())
        sandbox.control.advance_clock(2 * DAY)
        sandbox.control.pay_out_daily()
        sandbox.control.advance_clock(DAY)
        (lost,) = payouts.list().data
        sandbox.control.fail_payout(lost.id)
        sandbox.control.advance_clock(DAY)

        made = payouts.list().data[0]
        items = stripe_client.v1.balance_transactions.list({"payout": lost.id, "limit": 100}).data
        # 10000 - 175, 3000 - 70 - 1000, 3000 - 70 - 3000 - 2000
        assert lost.amount == 9825 + 1930 - 2070 == 9685
        assert sorted(each.net for each in items) == sorted([9825, 2930, -1000, 2930, -5000, -9685])
        assert made.amount == 9685
        assert [each.type for each in stripe_client.v1.balance_transactions.list({"payout": made.id}).data] == [
            "payout",
            "payout_failure",
        ]

    def test_waits_while_nothing_is_left(self, stripe_client, sandbox, payouts, pay):
        sandbox.control.pay_out_daily()
        sandbox.control.open_dispute(pay())
        sandbox.control.advance_clock(4 * DAY)
        none_yet = payouts.list().data
        pay(5000)
        sandbox.control.advance_clock(4 * DAY)

        # 3000 - 70 - 3000 - 2000, then 5000 - 100
        assert none_yet == []
        assert [each.amount for each in payouts.list().data] == [4900 - 2070]

    def test_counts_a_manual_one_before_it(self, stripe_client, sandbox, payouts, pay):
        pay()
        sandbox.control.advance_clock(2 * DAY)
        payouts.create({"amount": 2000, "currency": "eur"})
        sandbox.control.pay_out_daily()

        sandbox.control.advance_clock(DAY)

        assert payouts.list().data[0].amount == 930
        assert balance_of(stripe_client)["available"] == {"eur": 0}

    def test_is_no_more_when_switched_off(self, stripe_client, sandbox, payouts, pay):
        sandbox.control.pay_out_daily()
        pay()
        sandbox.control.pay_out_daily(False)

        sandbox.control.advance_clock(5 * DAY)

        assert payouts.list().data == []
        assert entries_of(stripe_client) == [("charge", 3000, 70)]
