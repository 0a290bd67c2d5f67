from urllib.request import urlopen

import pytest
import stripe

from apps.payments.sandbox import CheckoutRefused, ControlError, complete_checkout, complete_mandate
from tests.integration.payments.sandbox.conftest import (
    DAY,
    GOOD,
    PAYS,
    REFUSES,
    entries_of,
    event_types,
    payment_session,
    setup_session,
)

PAYS_LATE = "DE08370400440532013003"
POOR = "DE65370400440002222227"
COMES_BACK = "DE35370400440532013002"
TWO_WEEKS = 14 * DAY
"""More than five business days, less than fourteen."""


@pytest.fixture
def sessions(stripe_client):
    return stripe_client.v1.checkout.sessions


@pytest.fixture
def intents(stripe_client):
    return stripe_client.v1.payment_intents


@pytest.fixture
def customer(stripe_client):
    return stripe_client.v1.customers.create({"email": "fleet@example.com"}).id


@pytest.fixture
def debited(save_account):
    return save_account(PAYS)


class TestMandate:
    def test_is_signed_on_the_page_and_belongs_to_the_saved_account(self, stripe_client, sessions, customer):
        session = sessions.create(setup_session(customer, "sepa_debit"))

        back = complete_mandate(session.url, "de89 3704 0044 0532 0130 00", name="Zoë <b>", email="zoe@example.com")

        done = sessions.retrieve(session.id, {"expand": ["setup_intent.mandate", "setup_intent.payment_method"]})
        mandate, method = done.setup_intent.mandate, done.setup_intent.payment_method
        assert back == f"http://127.0.0.1:9/back?session={session.id}"
        assert (done.status, done.customer_details.name) == ("complete", "Zoë <b>")
        assert (mandate.status, mandate.type, mandate.payment_method) == ("active", "multi_use", method.id)
        assert (method.type, method.customer, method.billing_details.email) == (
            "sepa_debit",
            customer,
            "zoe@example.com",
        )
        account = method.sepa_debit
        assert (account.country, account.bank_code, account.last4) == ("DE", "37040044", "3000")
        assert stripe_client.v1.mandates.retrieve(mandate.id).payment_method_details.sepa_debit.reference

    def test_can_be_looked_at(self, stripe_client, sessions, customer):
        session = sessions.create(setup_session(customer, "sepa_debit"))
        complete_mandate(session.url, PAYS, name="Zoë <b>")
        intent = sessions.retrieve(session.id, {"expand": ["setup_intent.mandate"]}).setup_intent
        shown = intent.mandate.payment_method_details.sepa_debit

        with urlopen(shown.url) as answer:
            page = answer.read().decode()

        assert shown.reference in page
        assert "Zoë &lt;b&gt;" in page
        assert "DE … 3000" in page

    def test_revoked_lets_nothing_be_debited(self, stripe_client, sandbox, debited):
        (mandate,) = sandbox.control.objects("mandate")

        sandbox.control.revoke_mandate(mandate["id"])

        assert event_types(stripe_client, "mandate") == ["mandate.updated"]
        with pytest.raises(stripe.InvalidRequestError, match="no existing mandate"):
            stripe_client.v1.payment_intents.create(debited.payment())
        with pytest.raises(ControlError, match="is inactive"):
            sandbox.control.revoke_mandate(mandate["id"])
        assert sandbox.control.objects("charge") == []

    def test_leaves_no_trace_of_the_iban(self, sandbox, save_account):
        save_account(PAYS)

        kept = str(sandbox.control.objects()) + str(sandbox.control.requests())
        assert "0532013000" not in kept

    @pytest.mark.parametrize(
        ("typed", "said"),
        [
            ({"iban": "DE02120300000000202051"}, "not one of the sandbox's test accounts"),
            ({"iban": PAYS, "name": " "}, "account holder's name"),
            ({"iban": PAYS, "name": "x" * 201}, "account holder's name"),
            ({"iban": PAYS, "email": "nobody"}, "account holder's name and e-mail"),
        ],
    )
    def test_is_not_signed_with_anything_else(self, sandbox, sessions, customer, typed, said):
        session = sessions.create(setup_session(customer, "sepa_debit"))

        with pytest.raises(CheckoutRefused, match=said):
            complete_mandate(session.url, **typed)

        assert sandbox.control.objects("mandate") == sandbox.control.objects("payment_method") == []
        assert sessions.retrieve(session.id).status == "open"

    @pytest.mark.parametrize(
        ("types", "complete", "given"),
        [(["card"], complete_mandate, PAYS), (["sepa_debit"], complete_checkout, GOOD)],
    )
    def test_has_no_form_where_the_session_does_not_allow_it(self, sandbox, sessions, customer, types, complete, given):
        session = sessions.create(setup_session(customer, *types))

        with pytest.raises(CheckoutRefused):
            complete(session.url, given)

        assert sandbox.control.objects("payment_method") == []

    def test_stands_beside_the_card_where_both_are_allowed(self, stripe_client, sessions, customer):
        for complete, given in ((complete_mandate, PAYS), (complete_checkout, GOOD)):
            complete(sessions.create(setup_session(customer, "card", "sepa_debit")).url, given)

        saved = stripe_client.v1.customers.payment_methods.list(customer).data
        assert [method.type for method in saved] == ["card", "sepa_debit"]

    @pytest.mark.parametrize(
        "session",
        [
            payment_session(4000, "manual", "sepa_debit"),
            payment_session(4000, "automatic", "ideal"),
            setup_session("cus_1", "sepa_debit") | {"currency": "chf"},
        ],
    )
    def test_is_not_asked_for_where_it_cannot_pay(self, sandbox, sessions, session):
        session.pop("customer", None)

        with pytest.raises(stripe.InvalidRequestError) as refused:
            sessions.create(session)

        assert refused.value.param == "allowed_payment_method_types"
        assert sandbox.control.objects() == []


class TestDebit:
    def test_is_processing_until_the_bank_has_paid(self, stripe_client, sandbox, intents, debited):
        intent = intents.create(debited.payment(3000, expand=["latest_charge"]))
        early = intents.retrieve(intent.id)
        sandbox.control.advance_clock(TWO_WEEKS)
        paid = intents.retrieve(intent.id, {"expand": ["latest_charge.balance_transaction"]})

        charge, booked = paid.latest_charge, paid.latest_charge.balance_transaction
        assert (intent.latest_charge.status, intent.latest_charge.paid) == ("pending", False)
        assert (early.status, early.amount_received, early.processing) == ("processing", 0, None)
        assert (paid.status, paid.amount_received, charge.paid) == ("succeeded", 3000, True)
        assert (booked.type, booked.amount, booked.fee, booked.status) == ("payment", 3000, 35, "available")
        assert charge.payment_method_details.sepa_debit.mandate.startswith("mandate_")
        assert event_types(stripe_client, "charge") == ["charge.pending", "charge.succeeded"]
        assert event_types(stripe_client, "payment_intent") == [
            "payment_intent.created",
            "payment_intent.processing",
            "payment_intent.succeeded",
        ]

    def test_of_a_slow_bank_takes_fourteen_business_days(self, sandbox, intents, save_account):
        intent = intents.create(save_account(PAYS_LATE).payment())

        sandbox.control.advance_clock(17 * DAY)
        early = intents.retrieve(intent.id).status
        sandbox.control.advance_clock(5 * DAY)

        assert (early, intents.retrieve(intent.id).status) == ("processing", "succeeded")

    @pytest.mark.parametrize(
        ("iban", "failure_code", "error_code"),
        [
            (REFUSES, "could_not_process", "payment_intent_payment_attempt_failed"),
            (POOR, "insufficient_funds", "insufficient_funds"),
        ],
    )
    def test_refused_gives_the_intent_back(
        self, stripe_client, sandbox, intents, save_account, iban, failure_code, error_code
    ):
        intent = intents.create(save_account(iban).payment(3000))

        sandbox.control.advance_clock(TWO_WEEKS)

        failed = intents.retrieve(intent.id, {"expand": ["latest_charge"]})
        assert (failed.status, failed.payment_method) == ("requires_payment_method", None)
        assert (failed.latest_charge.status, failed.latest_charge.failure_code) == ("failed", failure_code)
        assert failed.last_payment_error.code == error_code
        assert failed.last_payment_error.payment_method.sepa_debit.last4 == iban[-4:]
        # The failed debit costs 3.50 instead of 0.35: 35 + 315 = 350.
        assert entries_of(stripe_client) == [("payment", 3000, 35), ("payment_failure_refund", -3000, 315)]
        assert [each["amount"] for each in stripe_client.v1.balance.retrieve().to_dict()["available"]] == [-350]
        assert event_types(stripe_client, "charge") == ["charge.pending", "charge.failed"]

    def test_refused_can_be_tried_again(self, sandbox, intents, save_account):
        account = save_account(REFUSES)
        intent = intents.create(account.payment())
        sandbox.control.fail_debit(intent.id)

        again = intents.confirm(intent.id, {"payment_method": account.payment_method, "off_session": True})

        assert again.status == "processing"

    def test_can_be_decided_at_once_and_only_once(self, sandbox, intents, debited):
        paid, refused = (intents.create(debited.payment()) for _ in range(2))

        sandbox.control.settle_debit(paid.id)
        sandbox.control.fail_debit(refused.id, failure_code="account_closed")
        sandbox.control.advance_clock(TWO_WEEKS)

        assert intents.retrieve(paid.id).status == "succeeded"
        assert intents.retrieve(refused.id).last_payment_error.code == "account_closed"
        with pytest.raises(ControlError, match="is succeeded, not processing"):
            sandbox.control.fail_debit(paid.id)

    def test_cannot_be_canceled_confirmed_or_refunded_while_it_is_processing(self, sandbox, stripe_client, debited):
        intents = stripe_client.v1.payment_intents
        intent = intents.create(debited.payment())

        for refused in (
            lambda: intents.cancel(intent.id),
            lambda: intents.confirm(intent.id, {"off_session": True}),
            lambda: stripe_client.v1.refunds.create({"payment_intent": intent.id}),
        ):
            with pytest.raises(stripe.InvalidRequestError):
                refused()
        assert intents.retrieve(intent.id).status == "processing"
        assert sandbox.control.objects("refund") == []

    @pytest.mark.parametrize(
        "given", [{"currency": "chf"}, {"capture_method": "manual"}, {"allowed_payment_method_types": ["card"]}]
    )
    def test_that_is_none_is_refused_and_makes_no_intent(self, sandbox, intents, debited, given):
        with pytest.raises(stripe.InvalidRequestError) as refused:
            intents.create(debited.payment(**given))

        assert refused.value.param == "payment_method"
        assert sandbox.control.objects("payment_intent") == []

    def test_on_the_page_completes_the_session_and_tells_later(self, stripe_client, sandbox, sessions):
        paid, refused = (sessions.create(payment_session(4000, "automatic", "card", "sepa_debit")) for _ in range(2))
        complete_mandate(paid.url, PAYS)
        complete_mandate(refused.url, REFUSES)
        before = sessions.retrieve(paid.id)

        sandbox.control.advance_clock(TWO_WEEKS)

        assert (before.status, before.payment_status) == ("complete", "unpaid")
        assert [sessions.retrieve(each.id).payment_status for each in (paid, refused)] == ["paid", "unpaid"]
        assert event_types(stripe_client, "checkout") == [
            "checkout.session.completed",
            "checkout.session.completed",
            "checkout.session.async_payment_succeeded",
            "checkout.session.async_payment_failed",
        ]
        assert [each["type"] for each in sandbox.control.objects("mandate")] == ["single_use", "single_use"]


class TestReturnedDebit:
    def test_is_a_dispute_lost_from_the_beginning(self, stripe_client, sandbox, intents, debited):
        intent = intents.create(debited.payment(3000))
        sandbox.control.settle_debit(intent.id)

        dispute_id = sandbox.control.return_debit(intent.latest_charge, reason="insufficient_funds")

        dispute = stripe_client.v1.disputes.retrieve(dispute_id, {"expand": ["charge"]})
        assert (dispute.status, dispute.reason, dispute.amount) == ("lost", "insufficient_funds", 3000)
        assert (dispute.charge.disputed, dispute.evidence_details.due_by) == (True, None)
        assert intents.retrieve(intent.id).status == "succeeded"
        assert entries_of(stripe_client) == [("payment", 3000, 35), ("adjustment", -3000, 2000)]
        assert event_types(stripe_client, "charge.dispute") == [
            "charge.dispute.created",
            "charge.dispute.funds_withdrawn",
            "charge.dispute.closed",
        ]
        with pytest.raises(stripe.InvalidRequestError, match="takes no response any more"):
            stripe_client.v1.disputes.update(dispute_id, {"evidence": {"uncategorized_text": "winning_evidence"}})

    def test_that_nobody_authorised_ends_the_mandate(self, stripe_client, sandbox, intents, save_account):
        account = save_account(COMES_BACK)
        intent = intents.create(account.payment())
        sandbox.control.settle_debit(intent.id)

        with pytest.raises(stripe.InvalidRequestError, match="no existing mandate was found") as refused:
            intents.create(account.payment())

        (mandate,) = sandbox.control.objects("mandate")
        assert mandate["status"] == "inactive"
        assert event_types(stripe_client, "mandate") == ["mandate.updated"]
        assert intents.retrieve(refused.value.error.payment_intent.id).status == "requires_confirmation"
        assert len(sandbox.control.objects("charge")) == 1

    def test_can_only_be_one_that_was_paid(self, sandbox, intents, debited, saved):
        pending = intents.create(debited.payment())
        by_card = intents.create(saved.payment())

        for charge in (pending.latest_charge, by_card.latest_charge, "py_unknown"):
            with pytest.raises(ControlError):
                sandbox.control.return_debit(charge)

        assert sandbox.control.objects("dispute") == []
