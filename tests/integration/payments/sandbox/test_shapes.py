"""Every field that the sandbox answers is declared by the SDK's classes, and every field they promise is there."""

import typing

import pytest
import stripe

from apps.payments.sandbox import CheckoutRefused, answer_challenge, complete_checkout, complete_mandate
from tests.integration.payments.sandbox.conftest import (
    ASKS_ALWAYS,
    DAY,
    DECLINES_AT_ENTRY,
    DECLINES_LATER,
    DISPUTES,
    GOOD,
    PAYS,
    payment_session,
    setup_session,
)

CLASSES = {
    each.OBJECT_NAME: each
    for each in (
        stripe.Account,
        stripe.Balance,
        stripe.BalanceTransaction,
        stripe.Charge,
        stripe.Customer,
        stripe.Dispute,
        stripe.Event,
        stripe.LineItem,
        stripe.Mandate,
        stripe.PaymentIntent,
        stripe.PaymentMethod,
        stripe.Payout,
        stripe.Refund,
        stripe.SetupIntent,
        stripe.Transfer,
        stripe.TransferReversal,
        stripe.checkout.Session,
    )
}


def differences(found: dict, declaring: type, where: str) -> list[str]:
    """Name the fields that are undeclared or missing, also in the objects inside."""
    hints = declaring.__annotations__
    wrong = [f"{where}.{name} is not declared" for name in found.keys() - hints.keys()]
    wrong += [f"{where}.{name} is missing" for name, hint in hints.items() if _is_promised(hint) and name not in found]
    for name, value in found.items():
        if isinstance(value, dict) and name in getattr(declaring, "_inner_class_types", {}):
            wrong += differences(value, declaring._inner_class_types[name], f"{where}.{name}")
        for each in value["data"] if isinstance(value, dict) and value.get("object") == "list" else [value]:
            if isinstance(each, dict) and isinstance(each.get("object"), str):
                wrong += differences(each, CLASSES[each["object"]], f"{where}.{name}")
    return wrong


def _is_promised(hint: object) -> bool:
    return typing.get_origin(hint) is not typing.ClassVar and type(None) not in typing.get_args(hint)


class TestEveryObject:
    @pytest.fixture
    def everything(self, stripe_client, sandbox, save_card, save_account):
        good, poor = save_card(GOOD), save_card(DECLINES_LATER)
        with pytest.raises(stripe.CardError):
            stripe_client.v1.payment_intents.create(poor.payment())
        paid = stripe_client.v1.payment_intents.create(good.payment())
        stripe_client.v1.refunds.create({"payment_intent": paid.id, "reason": "requested_by_customer"})
        stripe_client.v1.payment_intents.create(good.payment(capture_method="manual"))
        session = stripe_client.v1.checkout.sessions.create(payment_session())
        complete_checkout(session.url, GOOD)
        refusing = stripe_client.v1.checkout.sessions.create(setup_session(good.customer))
        with pytest.raises(CheckoutRefused):
            complete_checkout(refusing.url, DECLINES_AT_ENTRY)
        stripe_client.v1.checkout.sessions.expire(refusing.id)
        self.authenticate(stripe_client, save_card)
        self.debit(stripe_client, sandbox, save_account)
        self.dispute_and_pay_out(stripe_client, sandbox, save_card)
        return [*sandbox.control.objects(), stripe_client.v1.balance.retrieve().to_dict()]

    def authenticate(self, stripe_client, save_card):
        guarded = save_card(ASKS_ALWAYS)
        for waits_for in ({"return_url": "http://127.0.0.1:9/"}, {"allowed_payment_method_types": ["card"]}):
            stripe_client.v1.payment_intents.create(guarded.payment(off_session=None, **waits_for))
        session = stripe_client.v1.checkout.sessions.create(payment_session())
        answer_challenge(complete_checkout(session.url, ASKS_ALWAYS))
        for setup in (setup_session(guarded.customer), setup_session(guarded.customer), payment_session()):
            session = stripe_client.v1.checkout.sessions.create(setup)
            challenge = complete_checkout(session.url, ASKS_ALWAYS)
        answer_challenge(challenge, succeeds=False)

    def debit(self, stripe_client, sandbox, save_account):
        account = save_account(PAYS)
        paid, failed = (stripe_client.v1.payment_intents.create(account.payment()) for _ in range(2))
        sandbox.control.fail_debit(failed.id)
        sandbox.control.settle_debit(paid.id)
        sandbox.control.return_debit(paid.latest_charge)
        session = stripe_client.v1.checkout.sessions.create(payment_session(4000, "automatic", "sepa_debit"))
        complete_mandate(session.url, PAYS)

    def dispute_and_pay_out(self, stripe_client, sandbox, save_card):
        charge = stripe_client.v1.payment_intents.create(save_card(DISPUTES).payment(10_000)).latest_charge
        dispute = sandbox.control.objects("dispute")[-1]["id"]
        stripe_client.v1.disputes.update(dispute, {"evidence": {"uncategorized_text": "winning_evidence"}})
        owner = stripe_client.v1.accounts.create(
            {"type": "express", "capabilities": {"transfers": {"requested": True}}}
        )
        share = {"amount": 900, "currency": "eur", "destination": owner.id, "source_transaction": charge}
        stripe_client.v1.transfers.reversals.create(stripe_client.v1.transfers.create(share).id, {"amount": 100})
        sandbox.control.pay_out_daily()
        sandbox.control.advance_clock(6 * DAY)
        sandbox.control.fail_payout(sandbox.control.objects("payout")[0]["id"])

    def test_has_the_fields_that_the_sdk_declares_and_each_event_a_type_that_it_knows(self, everything):
        wrong = {line for each in everything for line in differences(each, CLASSES[each["object"]], each["object"])}

        assert {each["object"] for each in everything} == CLASSES.keys() - {"item"}
        assert sorted(wrong) == []
        known = typing.get_args(stripe.Event.__annotations__["type"])
        assert {each["type"] for each in everything if each["object"] == "event"} <= set(known)
