import pytest
import stripe

from apps.payments.sandbox import ControlError
from tests.integration.payments.sandbox.conftest import DAY, DISPUTES, entries_of, event_types

OPENED = ["charge.dispute.created", "charge.dispute.funds_withdrawn"]
WON = ["charge.dispute.funds_reinstated", "charge.dispute.closed"]


@pytest.fixture
def disputes(stripe_client):
    return stripe_client.v1.disputes


@pytest.fixture
def charge(stripe_client, saved):
    """Return the id of a captured charge of 30.00 EUR."""
    return stripe_client.v1.payment_intents.create(saved.payment(3000)).latest_charge


@pytest.fixture
def dispute(sandbox, charge):
    """Return the id of a dispute of all of it."""
    return sandbox.control.open_dispute(charge)


class TestOpening:
    def test_takes_the_money_and_a_fee_at_once(self, stripe_client, disputes, charge, dispute):
        opened = disputes.retrieve(dispute, {"expand": ["charge", "payment_intent"]})

        (withdrawn,) = opened.balance_transactions
        assert (opened.status, opened.reason, opened.amount) == ("needs_response", "fraudulent", 3000)
        assert (opened.charge.id, opened.charge.disputed) == (charge, True)
        assert (opened.payment_intent.status, opened.is_charge_refundable) == ("succeeded", False)
        assert (withdrawn.amount, withdrawn.fee, withdrawn.net) == (-3000, 2000, -5000)
        assert (withdrawn.reporting_category, withdrawn.status) == ("dispute", "available")
        assert stripe_client.v1.balance_transactions.retrieve(withdrawn.id).to_dict() == withdrawn.to_dict()
        assert event_types(stripe_client, "charge.dispute") == OPENED

    @pytest.mark.parametrize("capture_method", ["automatic", "manual"])
    def test_comes_by_itself_with_the_capture_of_a_disputing_card(
        self, stripe_client, disputes, save_card, capture_method
    ):
        disputing = save_card(DISPUTES)
        intent = stripe_client.v1.payment_intents.create(disputing.payment(4000, capture_method=capture_method))
        if capture_method == "manual":
            assert disputes.list().data == []
            stripe_client.v1.payment_intents.capture(intent.id, {"amount_to_capture": 2500})

        (opened,) = disputes.list({"payment_intent": intent.id}).data
        assert opened.amount == (4000 if capture_method == "automatic" else 2500)
        assert stripe_client.v1.payment_intents.retrieve(intent.id).status == "succeeded"

    def test_is_about_what_was_not_refunded(self, stripe_client, sandbox, disputes, charge):
        stripe_client.v1.refunds.create({"charge": charge, "amount": 1000})

        assert disputes.retrieve(sandbox.control.open_dispute(charge)).amount == 2000

    def test_needs_something_left_to_dispute(self, stripe_client, sandbox, saved, charge):
        stripe_client.v1.refunds.create({"charge": charge})
        held = stripe_client.v1.payment_intents.create(saved.payment(capture_method="manual")).latest_charge

        for nothing in (charge, held, "ch_unknown"):
            with pytest.raises(ControlError):
                sandbox.control.open_dispute(nothing)

        assert sandbox.control.objects("dispute") == []

    def test_twice_for_one_charge_is_refused(self, sandbox, charge, dispute):
        with pytest.raises(ControlError, match="nothing to dispute"):
            sandbox.control.open_dispute(charge)

        assert [each["id"] for each in sandbox.control.objects("dispute")] == [dispute]

    def test_stops_refunds(self, stripe_client, sandbox, charge, dispute):
        with pytest.raises(stripe.InvalidRequestError) as refused:
            stripe_client.v1.refunds.create({"charge": charge, "amount": 1000})

        assert refused.value.code == "charge_disputed"
        assert sandbox.control.objects("refund") == []


class TestEvidence:
    def test_that_wins_gives_the_money_back_but_not_the_fee(self, stripe_client, disputes, charge, dispute):
        won = disputes.update(dispute, {"evidence": {"uncategorized_text": "winning_evidence"}})

        assert (won.status, won.evidence_details.submission_count) == ("won", 1)
        assert entries_of(stripe_client) == [("charge", 3000, 70), ("adjustment", -3000, 2000), ("adjustment", 3000, 0)]
        assert won.balance_transactions[1].reporting_category == "dispute_reversal"
        assert event_types(stripe_client, "charge.dispute") == [*OPENED, "charge.dispute.updated", *WON]
        assert stripe_client.v1.refunds.create({"charge": charge}).amount == 3000

    def test_that_loses_ends_it(self, stripe_client, disputes, dispute):
        lost = disputes.update(dispute, {"evidence": {"uncategorized_text": "losing_evidence"}})

        assert (lost.status, len(lost.balance_transactions)) == ("lost", 1)
        assert event_types(stripe_client, "charge.dispute")[-1] == "charge.dispute.closed"

    def test_can_be_staged_and_submitted_later(self, disputes, dispute):
        staged = disputes.update(dispute, {"evidence": {"customer_name": "Erika"}, "submit": False})
        submitted = disputes.update(dispute, {"submit": True, "metadata": {"case": "7"}})

        assert (staged.status, staged.evidence.customer_name) == ("needs_response", "Erika")
        assert (staged.evidence_details.has_evidence, staged.evidence_details.submission_count) == (True, 0)
        assert (submitted.status, submitted.evidence.customer_name) == ("under_review", "Erika")
        assert submitted.metadata["case"] == "7"

    def test_is_taken_once(self, disputes, dispute):
        disputes.update(dispute, {"evidence": {"uncategorized_text": "It was charged."}})

        with pytest.raises(stripe.InvalidRequestError, match="status of under_review"):
            disputes.update(dispute, {"evidence": {"uncategorized_text": "winning_evidence"}})

        assert disputes.retrieve(dispute).evidence.uncategorized_text == "It was charged."

    @pytest.mark.parametrize(
        ("evidence", "param"),
        [
            ({"receipt": "file_1"}, "evidence[receipt]"),
            ({"receipts": "x"}, "evidence[receipts]"),
            ({"customer_name": "x" * 75_001, "uncategorized_text": "x" * 75_000}, "evidence"),
        ],
    )
    def test_that_cannot_be_taken_is_refused(self, sandbox, disputes, dispute, evidence, param):
        with pytest.raises(stripe.InvalidRequestError) as refused:
            disputes.update(dispute, {"evidence": evidence})

        assert refused.value.param == param
        assert disputes.retrieve(dispute).evidence_details.has_evidence is False
        assert len(sandbox.control.rejected()) == 1

    def test_not_given_in_time_loses(self, sandbox, disputes, dispute):
        due_by = disputes.retrieve(dispute).evidence_details.due_by

        sandbox.control.advance_clock(15 * DAY)

        lost = disputes.retrieve(dispute)
        assert 14 * DAY <= due_by - lost.created < 15 * DAY
        assert (lost.status, lost.evidence_details.past_due) == ("lost", True)


class TestDeciding:
    def test_by_the_bank_after_a_response(self, sandbox, disputes, dispute):
        disputes.update(dispute, {"evidence": {"uncategorized_text": "It was charged."}})

        sandbox.control.decide_dispute(dispute, is_won=True)
        sandbox.control.advance_clock(15 * DAY)

        assert disputes.retrieve(dispute).status == "won"
        with pytest.raises(ControlError, match="is won"):
            sandbox.control.decide_dispute(dispute, is_won=False)

    def test_by_accepting_it(self, stripe_client, disputes, dispute):
        closed = disputes.close(dispute)

        assert closed.status == "lost"
        with pytest.raises(stripe.InvalidRequestError, match="status of lost"):
            disputes.close(dispute)
        assert event_types(stripe_client, "charge.dispute") == [*OPENED, "charge.dispute.closed"]
