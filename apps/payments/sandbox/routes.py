"""The calls the sandbox answers: method, path, the SDK's parameter type, what is acted on, and who does it.

A parameter that Stripe knows but the sandbox does not act on is refused too: nothing is silently ignored.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from apps.payments.sandbox.checks import check
from apps.payments.sandbox.errors import CallerMistake
from apps.payments.sandbox.expand import check_paths
from apps.payments.sandbox.resources import (
    accounts,
    charges,
    checkout,
    customers,
    disputes,
    events,
    ledger,
    mandates,
    payment_intents,
    payment_methods,
    payouts,
    refunds,
    setup_intents,
    transfers,
)
from apps.payments.sandbox.state import Call, Json, State

LIST = "limit starting_after ending_before created"
INTENT = "amount currency customer payment_method capture_method metadata allowed_payment_method_types " + " ".join(
    payment_intents.PLAIN_FIELDS
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """One call.

    path         with ``{}`` for each identifier
    params_type  the type's name under ``stripe.params``
    acts_on      the parameters that ``do`` reads; ``expand`` is always understood
    answers      the answer's kind of object, or ``list of …``
    """

    method: str
    path: str
    params_type: str
    acts_on: frozenset[str]
    answers: str
    do: Callable[[State, Call], Json]

    def identifiers(self, path: str) -> tuple[str, ...] | None:
        """Return the identifiers of a path that is this route's, else None."""
        match = re.fullmatch(self.path.replace("{}", "([A-Za-z0-9_]+)"), path)
        return None if match is None else match.groups()

    def checked(self, form: dict[str, Any]) -> Json:
        """Return the typed parameters.

        :raises CallerMistake: Stripe or the sandbox does not know one of them, or its value
        """
        params = check(self.params_type, form)
        for name in params.keys() - self.acts_on - {"expand"}:
            raise CallerMistake(f"The sandbox does not act on {name}, which Stripe knows.", param=name)
        check_paths(self.answers, params.get("expand", []))
        return params


def _route(method: str, path: str, params_type: str, acts_on: str, do: Callable[[State, Call], Json]) -> Route:
    return Route(
        method=method,
        path=path,
        params_type=params_type,
        acts_on=frozenset(acts_on.split()),
        answers=_kind_answered(method, path),
        do=do,
    )


BELOW = {"payment_methods": "payment_method", "reversals": "transfer_reversal"}
"""Nouns that stand below another object and answer a kind of their own."""


def _kind_answered(method: str, path: str) -> str:
    """Read the kind of object from a path: ``/v1/checkout/sessions/{}/expire`` answers a ``checkout.session``."""
    first, *below = path.removeprefix("/v1/").replace("checkout/", "checkout.").split("/")
    kind = next((BELOW[noun] for noun in below if noun in BELOW), first.removesuffix("s"))
    is_list = method == "GET" and path != "/v1/balance" and not path.endswith("}")
    return f"list of {kind}" if is_list else kind


_CUSTOMER = " ".join(customers.CUSTOMER_FIELDS) + " metadata"

ROUTES = (
    _route("POST", "/v1/customers", "CustomerCreateParams", _CUSTOMER, customers.create_customer),
    _route("GET", "/v1/customers/{}", "CustomerRetrieveParams", "", customers.retrieve_customer),
    _route("POST", "/v1/customers/{}", "CustomerUpdateParams", _CUSTOMER, customers.update_customer),
    _route(
        "GET", "/v1/customers/{}/payment_methods", "CustomerPaymentMethodListParams",
        "type limit starting_after ending_before", payment_methods.list_customer_payment_methods,
    ),
    _route(
        "GET", "/v1/payment_methods", "PaymentMethodListParams",
        "customer type limit starting_after ending_before", payment_methods.list_payment_methods,
    ),
    _route("GET", "/v1/payment_methods/{}", "PaymentMethodRetrieveParams", "", payment_methods.retrieve_payment_method),
    _route(
        "POST", "/v1/payment_methods/{}/detach", "PaymentMethodDetachParams", "",
        payment_methods.detach_payment_method,
    ),
    _route(
        "POST", "/v1/checkout/sessions", "checkout.SessionCreateParams",
        "mode success_url cancel_url customer customer_creation customer_email client_reference_id currency expires_at "
        "line_items locale metadata payment_intent_data setup_intent_data submit_type allowed_payment_method_types",
        checkout.create_session,
    ),
    _route("GET", "/v1/checkout/sessions/{}", "checkout.SessionRetrieveParams", "", checkout.retrieve_session),
    _route("POST", "/v1/checkout/sessions/{}/expire", "checkout.SessionExpireParams", "", checkout.expire_session),
    _route("GET", "/v1/setup_intents/{}", "SetupIntentRetrieveParams", "", setup_intents.retrieve_setup_intent),
    _route(
        "POST", "/v1/payment_intents", "PaymentIntentCreateParams", f"{INTENT} confirm off_session return_url",
        payment_intents.create_payment_intent,
    ),
    _route(
        "GET", "/v1/payment_intents", "PaymentIntentListParams", f"{LIST} customer",
        payment_intents.list_payment_intents,
    ),
    _route("GET", "/v1/payment_intents/{}", "PaymentIntentRetrieveParams", "", payment_intents.retrieve_payment_intent),
    _route(
        "POST", "/v1/payment_intents/{}", "PaymentIntentUpdateParams", INTENT,
        payment_intents.update_payment_intent,
    ),
    _route(
        "POST", "/v1/payment_intents/{}/confirm", "PaymentIntentConfirmParams",
        "payment_method off_session return_url",
        payment_intents.confirm_payment_intent,
    ),
    _route(
        "POST", "/v1/payment_intents/{}/capture", "PaymentIntentCaptureParams", "amount_to_capture metadata",
        payment_intents.capture_payment_intent,
    ),
    _route(
        "POST", "/v1/payment_intents/{}/cancel", "PaymentIntentCancelParams", "cancellation_reason",
        payment_intents.cancel_payment_intent,
    ),
    _route("GET", "/v1/charges", "ChargeListParams", f"{LIST} customer payment_intent", charges.list_charges),
    _route("GET", "/v1/charges/{}", "ChargeRetrieveParams", "", charges.retrieve_charge),
    _route(
        "POST", "/v1/refunds", "RefundCreateParams", "amount charge payment_intent reason metadata",
        refunds.create_refund,
    ),
    _route("GET", "/v1/refunds", "RefundListParams", f"{LIST} charge payment_intent", refunds.list_refunds),
    _route("GET", "/v1/refunds/{}", "RefundRetrieveParams", "", refunds.retrieve_refund),
    _route(
        "GET", "/v1/balance_transactions", "BalanceTransactionListParams", f"{LIST} currency payout source type",
        ledger.list_balance_transactions,
    ),
    _route(
        "GET", "/v1/balance_transactions/{}", "BalanceTransactionRetrieveParams", "",
        ledger.retrieve_balance_transaction,
    ),
    _route("GET", "/v1/balance", "BalanceRetrieveParams", "", ledger.retrieve_balance),
    _route("GET", "/v1/mandates/{}", "MandateRetrieveParams", "", mandates.retrieve_mandate),
    _route("GET", "/v1/disputes", "DisputeListParams", f"{LIST} charge payment_intent", disputes.list_disputes),
    _route("GET", "/v1/disputes/{}", "DisputeRetrieveParams", "", disputes.retrieve_dispute),
    _route(
        "POST", "/v1/disputes/{}", "DisputeUpdateParams", "evidence metadata submit", disputes.update_dispute,
    ),
    _route("POST", "/v1/disputes/{}/close", "DisputeCloseParams", "", disputes.close_dispute),
    _route(
        "POST", "/v1/payouts", "PayoutCreateParams", "amount currency description metadata statement_descriptor",
        payouts.create_payout,
    ),
    _route("GET", "/v1/payouts", "PayoutListParams", f"{LIST} status", payouts.list_payouts),
    _route("GET", "/v1/payouts/{}", "PayoutRetrieveParams", "", payouts.retrieve_payout),
    _route(
        "POST", "/v1/accounts", "AccountCreateParams",
        "business_type capabilities country default_currency email metadata type", accounts.create_account,
    ),
    _route("GET", "/v1/accounts/{}", "AccountRetrieveParams", "", accounts.retrieve_account),
    _route(
        "POST", "/v1/transfers", "TransferCreateParams",
        "amount currency description destination metadata source_transaction transfer_group",
        transfers.create_transfer,
    ),
    _route(
        "GET", "/v1/transfers", "TransferListParams", f"{LIST} destination transfer_group", transfers.list_transfers,
    ),
    _route("GET", "/v1/transfers/{}", "TransferRetrieveParams", "", transfers.retrieve_transfer),
    _route(
        "POST", "/v1/transfers/{}/reversals", "TransferReversalCreateParams", "amount description metadata",
        transfers.create_reversal,
    ),
    _route(
        "GET", "/v1/transfers/{}/reversals", "TransferReversalListParams",
        "limit starting_after ending_before", transfers.list_reversals,
    ),
    _route(
        "GET", "/v1/transfers/{}/reversals/{}", "TransferReversalRetrieveParams", "", transfers.retrieve_reversal,
    ),
    _route("GET", "/v1/events", "EventListParams", f"{LIST} type types", events.list_events),
    _route("GET", "/v1/events/{}", "EventRetrieveParams", "", events.retrieve_event),
)  # fmt: skip


def find_route(method: str, path: str) -> tuple[Route, tuple[str, ...]]:
    """Return the route of a request and the identifiers in its path.

    :raises CallerMistake: 404, there is no such call (here)
    """
    for route in ROUTES:
        identifiers = route.identifiers(path)
        if route.method == method and identifiers is not None:
            return route, identifiers
    raise CallerMistake(f"Unrecognized request URL ({method}: {path}).", status=404)
