import pytest
import stripe

from apps.payments.sandbox import ControlError
from tests.integration.payments.sandbox.conftest import DECLINES_LATER, GOOD

FEE = "latest_charge.balance_transaction"


class TestOffSessionPayment:
    def test_succeeds_and_books_amount_fee_and_net(self, stripe_client, saved):
        intent = stripe_client.v1.payment_intents.create(saved.payment(3000, expand=[FEE]))

        booked = intent.latest_charge.balance_transaction
        assert intent.status == "succeeded"
        assert intent.amount_received == 3000
        assert (booked.amount, booked.fee, booked.net) == (3000, 70, 2930)
        assert booked.source == intent.latest_charge.id

    @pytest.mark.parametrize(("amount", "fee"), [(1033, 40), (1100, 42), (50, 26)])
    def test_rounds_the_fee_half_up(self, stripe_client, saved, amount, fee):
        # 1033 × 1.5 % = 15.495 → 15; 1100 × 1.5 % = 16.5 → 17; 50 × 1.5 % = 0.75 → 1; each + 25
        intent = stripe_client.v1.payment_intents.create(saved.payment(amount, expand=[FEE]))

        assert intent.latest_charge.balance_transaction.fee == fee

    def test_created_first_can_be_set_and_then_confirmed(self, stripe_client, saved):
        intents = stripe_client.v1.payment_intents
        made = intents.create({"amount": 500, "currency": "eur", "customer": saved.customer})

        intents.update(made.id, {"amount": 700, "metadata": {"invoice": "INV-1"}})
        paid = intents.confirm(made.id, {"payment_method": saved.payment_method, "off_session": True})

        assert (made.status, made.latest_charge) == ("requires_payment_method", None)
        assert (paid.status, paid.amount_received) == ("succeeded", 700)
        assert paid.metadata["invoice"] == "INV-1"

    def test_declined_answers_402_and_can_be_tried_again(self, stripe_client, save_card, saved):
        poor = save_card(DECLINES_LATER)

        with pytest.raises(stripe.CardError) as declined:
            stripe_client.v1.payment_intents.create(poor.payment(3000))

        error = declined.value.error
        intent = stripe_client.v1.payment_intents.retrieve(error.payment_intent.id, {"expand": ["latest_charge"]})
        assert declined.value.http_status == 402
        assert (error.code, error.decline_code) == ("card_declined", "insufficient_funds")
        assert error.advice_code == "try_again_later"
        assert intent.status == "requires_payment_method"
        assert intent.last_payment_error.decline_code == "insufficient_funds"
        assert (intent.latest_charge.status, intent.latest_charge.balance_transaction) == ("failed", None)
        assert intent.amount_received == 0

    @pytest.mark.parametrize(
        ("number", "code", "decline_code", "advice"),
        [
            ("4000000000000002", "card_declined", "generic_decline", "try_again_later"),
            ("4000000000009995", "card_declined", "insufficient_funds", "try_again_later"),
            ("4000000000009987", "card_declined", "lost_card", "do_not_try_again"),
            ("4000000000009979", "card_declined", "stolen_card", "do_not_try_again"),
            ("4000000000000069", "expired_card", None, "confirm_card_data"),
            ("4000000000000127", "incorrect_cvc", None, "confirm_card_data"),
            ("4000000000000119", "processing_error", None, "try_again_later"),
            ("4000000000010001", "card_declined", "generic_decline", "do_not_try_again"),
            ("4000000000010019", "card_declined", "generic_decline", "confirm_card_data"),
        ],
    )
    def test_of_a_saved_card_that_went_bad_is_declined_for_its_reason(
        self, stripe_client, sandbox, saved, number, code, decline_code, advice
    ):
        sandbox.control.change_card(saved.payment_method, number)

        with pytest.raises(stripe.CardError) as declined:
            stripe_client.v1.payment_intents.create(saved.payment())

        error = declined.value.error
        charge = stripe_client.v1.charges.retrieve(error.charge)
        assert (error.code, getattr(error, "decline_code", None), error.advice_code) == (code, decline_code, advice)
        assert (charge.failure_code, charge.outcome.advice_code) == (code, advice)
        assert charge.outcome.reason == (decline_code or code)
        sandbox.control.change_card(saved.payment_method, GOOD)
        assert stripe_client.v1.payment_intents.create(saved.payment()).status == "succeeded"

    def test_of_a_card_changes_only_to_a_test_card(self, stripe_client, sandbox, saved):
        for method, number in ((saved.payment_method, "4111111111111111"), ("pm_unknown", GOOD)):
            with pytest.raises(ControlError):
                sandbox.control.change_card(method, number)

        assert stripe_client.v1.payment_intents.create(saved.payment()).status == "succeeded"

    def test_with_another_customers_card_is_refused_and_makes_no_intent(self, stripe_client, sandbox, saved):
        other = stripe_client.v1.customers.create({"email": "other@example.com"})

        with pytest.raises(stripe.InvalidRequestError, match="does not belong to the Customer"):
            stripe_client.v1.payment_intents.create(saved.payment(customer=other.id))

        assert sandbox.control.objects("payment_intent") == []

    def test_with_a_detached_card_is_refused(self, stripe_client, saved):
        stripe_client.v1.payment_methods.detach(saved.payment_method)

        with pytest.raises(stripe.InvalidRequestError, match="was detached from a Customer"):
            stripe_client.v1.payment_intents.create(saved.payment())

    @pytest.mark.parametrize(("currency", "minimum"), [("eur", 50), ("jpy", 50), ("usd", 50), ("huf", 17500)])
    def test_below_the_currencys_minimum_is_refused(self, stripe_client, sandbox, saved, currency, minimum):
        with pytest.raises(stripe.InvalidRequestError) as refused:
            stripe_client.v1.payment_intents.create(saved.payment(minimum - 1, currency=currency))
        accepted = stripe_client.v1.payment_intents.create(saved.payment(minimum, currency=currency))

        assert (refused.value.code, refused.value.param) == ("amount_too_small", "amount")
        assert [intent["id"] for intent in sandbox.control.objects("payment_intent")] == [accepted.id]

    def test_that_succeeded_cannot_be_confirmed_changed_or_canceled(self, stripe_client, saved):
        intents = stripe_client.v1.payment_intents
        paid = intents.create(saved.payment())

        for attempt in (
            lambda: intents.confirm(paid.id, {"payment_method": saved.payment_method}),
            lambda: intents.update(paid.id, {"amount": 100}),
            lambda: intents.cancel(paid.id),
        ):
            with pytest.raises(stripe.InvalidRequestError) as refused:
                attempt()
            assert refused.value.code == "payment_intent_unexpected_state"
        assert intents.retrieve(paid.id).amount == 3000


class TestHold:
    @pytest.fixture
    def held(self, stripe_client, saved):
        return stripe_client.v1.payment_intents.create(
            saved.payment(4000, capture_method="manual", expand=["latest_charge"])
        )

    def test_takes_no_money_yet_and_says_how_long_it_lasts(self, held):
        charge = held.latest_charge

        assert (held.status, held.amount_capturable, held.amount_received) == ("requires_capture", 4000, 0)
        assert (charge.captured, charge.balance_transaction) == (False, None)
        # Merchant-initiated Visa: 4 days and 18 hours.
        assert charge.payment_method_details.card.capture_before - charge.created == 410_400

    def test_captured_in_part_gives_the_rest_back_once_and_for_all(self, stripe_client, held):
        intents = stripe_client.v1.payment_intents

        paid = intents.capture(held.id, {"amount_to_capture": 1234, "expand": [FEE]})
        with pytest.raises(stripe.InvalidRequestError) as again:
            intents.capture(held.id, {"amount_to_capture": 100})

        charge = paid.latest_charge
        assert (paid.status, paid.amount_received, paid.amount_capturable) == ("succeeded", 1234, 0)
        assert (charge.amount, charge.amount_captured, charge.amount_refunded) == (4000, 1234, 2766)
        # 1234 × 1.5 % = 18.51 → 19, + 25 = 44
        assert (charge.balance_transaction.fee, charge.balance_transaction.net) == (44, 1190)
        assert again.value.code == "payment_intent_unexpected_state"

    @pytest.mark.parametrize(("amount", "code"), [(4001, "amount_too_large"), (49, "amount_too_small")])
    def test_refuses_to_capture_too_much_or_too_little(self, stripe_client, held, amount, code):
        with pytest.raises(stripe.InvalidRequestError) as refused:
            stripe_client.v1.payment_intents.capture(held.id, {"amount_to_capture": amount})

        assert refused.value.code == code
        assert stripe_client.v1.payment_intents.retrieve(held.id).amount_capturable == 4000

    def test_is_released_by_cancelling(self, stripe_client, sandbox, held):
        canceled = stripe_client.v1.payment_intents.cancel(held.id, {"cancellation_reason": "abandoned"})

        charge = stripe_client.v1.charges.retrieve(held.latest_charge.id)
        assert (canceled.status, canceled.amount_capturable) == ("canceled", 0)
        assert (charge.captured, charge.refunded) == (False, True)
        assert sandbox.control.objects("balance_transaction") == []

    def test_expires_when_its_time_is_up(self, stripe_client, sandbox, held):
        sandbox.control.advance_clock(410_399 - 60)
        before = stripe_client.v1.payment_intents.retrieve(held.id)
        sandbox.control.advance_clock(61)
        after = stripe_client.v1.payment_intents.retrieve(held.id)

        assert before.status == "requires_capture"
        assert (after.status, after.cancellation_reason) == ("canceled", "automatic")
        assert "charge.expired" in [event["type"] for event in sandbox.control.objects("event")]


class TestRefund:
    def test_gives_back_parts_until_nothing_is_left(self, stripe_client, saved):
        refunds = stripe_client.v1.refunds
        paid = stripe_client.v1.payment_intents.create(saved.payment(3000))

        part = refunds.create({"payment_intent": paid.id, "amount": 1000, "expand": ["balance_transaction"]})
        with pytest.raises(stripe.InvalidRequestError, match=r"greater than unrefunded amount on charge \(20.00 EUR\)"):
            refunds.create({"payment_intent": paid.id, "amount": 2001})
        rest = refunds.create({"charge": paid.latest_charge})
        with pytest.raises(stripe.InvalidRequestError) as nothing_left:
            refunds.create({"charge": paid.latest_charge})

        charge = stripe_client.v1.charges.retrieve(paid.latest_charge)
        assert (part.amount, part.balance_transaction.net, part.balance_transaction.fee) == (1000, -1000, 0)
        assert (rest.amount, charge.amount_refunded, charge.refunded) == (2000, 3000, True)
        assert nothing_left.value.code == "charge_already_refunded"
        assert [refund.amount for refund in refunds.list({"payment_intent": paid.id}).data] == [2000, 1000]

    def test_of_a_partial_capture_is_limited_to_what_was_captured(self, stripe_client, saved):
        held = stripe_client.v1.payment_intents.create(saved.payment(4000, capture_method="manual"))
        stripe_client.v1.payment_intents.capture(held.id, {"amount_to_capture": 1000})

        with pytest.raises(stripe.InvalidRequestError, match="greater than unrefunded"):
            stripe_client.v1.refunds.create({"payment_intent": held.id, "amount": 1001})

        assert stripe_client.v1.refunds.list({"payment_intent": held.id}).data == []

    def test_of_a_hold_is_refused(self, stripe_client, saved):
        held = stripe_client.v1.payment_intents.create(saved.payment(4000, capture_method="manual"))

        with pytest.raises(stripe.InvalidRequestError, match="cancel its PaymentIntent"):
            stripe_client.v1.refunds.create({"payment_intent": held.id})
