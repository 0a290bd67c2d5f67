"""Every field that the sandbox answers is declared by the SDK's classes, and every field they promise is there."""

import typing

import pytest
import stripe

from apps.payments.sandbox import CheckoutRefused, complete_checkout
from tests.integration.payments.sandbox.conftest import (
    DECLINES_AT_ENTRY,
    DECLINES_LATER,
    GOOD,
    payment_session,
    setup_session,
)

CLASSES = {
    each.OBJECT_NAME: each
    for each in (
        stripe.BalanceTransaction,
        stripe.Charge,
        stripe.Customer,
        stripe.Event,
        stripe.LineItem,
        stripe.PaymentIntent,
        stripe.PaymentMethod,
        stripe.Refund,
        stripe.SetupIntent,
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
    def everything(self, stripe_client, sandbox, save_card):
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
        return sandbox.control.objects()

    def test_has_the_fields_that_the_sdk_declares(self, everything):
        wrong = {line for each in everything for line in differences(each, CLASSES[each["object"]], each["object"])}

        assert {each["object"] for each in everything} == CLASSES.keys() - {"item"}
        assert sorted(wrong) == []

    def test_names_only_event_types_that_the_sdk_knows(self, everything):
        known = typing.get_args(stripe.Event.__annotations__["type"])

        assert {each["type"] for each in everything if each["object"] == "event"} <= set(known)
