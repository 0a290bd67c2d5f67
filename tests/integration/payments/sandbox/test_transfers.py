import pytest
import stripe

from tests.integration.payments.sandbox.conftest import DAY, entries_of, event_types


@pytest.fixture
def transfers(stripe_client):
    return stripe_client.v1.transfers


@pytest.fixture
def owner(stripe_client):
    """Return the id of a connected account."""
    return stripe_client.v1.accounts.create(
        {
            "type": "express",
            "country": "DE",
            "capabilities": {"transfers": {"requested": True}},
            "metadata": {"owner": "7"},
        }
    ).id


@pytest.fixture
def charge(stripe_client, saved):
    """Return the id of a captured charge of 30.00 EUR, pending for two days."""
    return stripe_client.v1.payment_intents.create(saved.payment(3000)).latest_charge


@pytest.fixture
def share(owner, charge):
    """Return the parameters of a transfer of 25.00 EUR out of the charge."""
    return {"amount": 2500, "currency": "eur", "destination": owner, "source_transaction": charge}


class TestTransfer:
    def test_out_of_a_charge_waits_for_its_money(self, stripe_client, sandbox, transfers, owner, charge, share):
        made = transfers.create(share, {"idempotency_key": "share-1"})
        before = transfers.retrieve(made.id, {"expand": ["balance_transaction", "source_transaction", "destination"]})
        sandbox.control.advance_clock(2 * DAY)

        booked = stripe_client.v1.balance_transactions.retrieve(made.balance_transaction)
        assert (before.source_transaction.id, before.destination.metadata["owner"]) == (charge, "7")
        assert before.transfer_group == before.source_transaction.transfer_group
        assert (before.balance_transaction.amount, before.balance_transaction.status) == (-2500, "pending")
        assert (booked.type, booked.status) == ("transfer", "available")
        assert [each.id for each in transfers.list({"destination": owner}).data] == [made.id]
        assert event_types(stripe_client, "transfer") == ["transfer.created"]

    def test_together_take_no_more_than_was_captured(self, sandbox, transfers, share):
        first = transfers.create(share)
        with pytest.raises(stripe.InvalidRequestError, match=r"cannot exceed.*5.00 EUR is left"):
            transfers.create(share | {"amount": 501})
        transfers.reversals.create(first.id, {"amount": 1000})

        transfers.create(share | {"amount": 1500})

        assert [each["amount"] for each in sandbox.control.objects("transfer")] == [2500, 1500]

    def test_without_a_charge_needs_available_money(self, sandbox, transfers, owner, charge):
        wanted = {"amount": 2930, "currency": "eur", "destination": owner, "transfer_group": "2026-11"}
        with pytest.raises(stripe.InvalidRequestError) as refused:
            transfers.create(wanted)
        sandbox.control.advance_clock(2 * DAY)

        made = transfers.create(wanted)

        assert refused.value.code == "balance_insufficient"
        assert [each.id for each in transfers.list({"transfer_group": "2026-11"}).data] == [made.id]

    @pytest.mark.parametrize(
        ("given", "param"),
        [
            ({"amount": 0}, "amount"),
            ({"currency": "usd"}, "source_transaction"),
            ({"destination": "acct_unknown"}, "destination"),
            ({"source_transaction": "ch_unknown"}, "source_transaction"),
        ],
    )
    def test_that_cannot_be_is_refused(self, sandbox, transfers, share, given, param):
        with pytest.raises(stripe.InvalidRequestError) as refused:
            transfers.create(share | given)

        assert refused.value.param == param
        assert sandbox.control.objects("transfer") == []

    def test_out_of_a_hold_is_refused(self, stripe_client, sandbox, transfers, saved, share):
        held = stripe_client.v1.payment_intents.create(saved.payment(3000, capture_method="manual"))

        with pytest.raises(stripe.InvalidRequestError, match="was not captured"):
            transfers.create(share | {"source_transaction": held.latest_charge})

        assert sandbox.control.objects("transfer") == []

    def test_to_an_account_that_never_asked_for_it_is_refused(self, stripe_client, sandbox, transfers, share):
        other = stripe_client.v1.accounts.create({"type": "express"})

        with pytest.raises(stripe.InvalidRequestError) as refused:
            transfers.create(share | {"destination": other.id})

        assert refused.value.code == "insufficient_capabilities_for_transfer"
        assert stripe_client.v1.accounts.retrieve(other.id).payouts_enabled is True
        assert sandbox.control.objects("transfer") == []


class TestReversal:
    def test_fetches_parts_back_until_nothing_is_left(self, stripe_client, transfers, share):
        made = transfers.create(share)

        part = transfers.reversals.create(made.id, {"amount": 1000, "metadata": {"credit_note": "7"}})
        with pytest.raises(
            stripe.InvalidRequestError, match=r"greater than unreversed amount on transfer \(15.00 EUR\)"
        ):
            transfers.reversals.create(made.id, {"amount": 1501})
        rest = transfers.reversals.create(made.id)
        with pytest.raises(stripe.InvalidRequestError, match="already fully reversed"):
            transfers.reversals.create(made.id)

        reversed_ = transfers.retrieve(made.id)
        assert (part.amount, rest.amount, part.metadata["credit_note"]) == (1000, 1500, "7")
        assert (reversed_.amount_reversed, reversed_.reversed) == (2500, True)
        assert [each.id for each in transfers.reversals.list(made.id).data] == [rest.id, part.id]
        assert [each.id for each in reversed_.reversals.data] == [rest.id, part.id]
        assert transfers.reversals.retrieve(made.id, part.id).transfer == made.id
        assert entries_of(stripe_client)[1:] == [
            ("transfer", -2500, 0),
            ("transfer_refund", 1000, 0),
            ("transfer_refund", 1500, 0),
        ]
        assert event_types(stripe_client, "transfer") == ["transfer.created", "transfer.reversed", "transfer.reversed"]

    def test_is_found_below_its_own_transfer_only(self, transfers, share):
        first, second = (transfers.create(share | {"amount": 1000}) for _ in range(2))
        reversal = transfers.reversals.create(first.id)

        with pytest.raises(stripe.InvalidRequestError) as missing:
            transfers.reversals.retrieve(second.id, reversal.id)

        assert missing.value.code == "resource_missing"
