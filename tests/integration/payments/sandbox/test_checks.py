import inspect
import re
from functools import cache
from http.client import HTTPConnection
from importlib import import_module
from urllib.parse import urlsplit

import pytest
import stripe

from apps.payments.sandbox import LiveKeyRefused, Sandbox
from apps.payments.sandbox.routes import ROUTES, Route
from tests.integration.payments.sandbox.conftest import payment_session, setup_session

HEADERS = {"Authorization": "Bearer sk_test_sandbox", "Stripe-Version": stripe.api_version}


def send(sandbox, method, path, *, body="", headers=HEADERS):
    """Send a request that the SDK would not write; return its status and text."""
    connection = HTTPConnection(urlsplit(sandbox.url).netloc)
    connection.request(method, path, body, headers)
    response = connection.getresponse()
    text = response.read().decode()
    connection.close()
    return response.status, text


class TestParameters:
    @pytest.mark.parametrize(
        ("path", "body"),
        [
            ("/v1/payment_intents", "amount=3000&currency=eur&payment_method_types[0]=card"),
            ("/v1/checkout/sessions", "mode=setup&currency=eur&success_url=http://x/&payment_method_types[0]=card"),
            ("/v1/checkout/sessions", "mode=setup&currency=eur&success_url=http://x/&payment_method_types[]=card"),
        ],
    )
    def test_removed_from_the_api_are_refused(self, sandbox, path, body):
        status, text = send(sandbox, "POST", path, body=body)

        assert (status, "Received unknown parameter: payment_method_types" in text) == (400, True)
        assert sandbox.control.objects() == []
        assert [each["path"] for each in sandbox.control.rejected()] == [path]

    @pytest.mark.parametrize(
        ("given", "param", "code"),
        [
            ({"amount": 30.5}, "amount", "parameter_invalid_integer"),
            ({"amount": "30,00"}, "amount", "parameter_invalid_integer"),
            ({"amount": ""}, "amount", "parameter_invalid_integer"),
            ({"confirm": "yes"}, "confirm", "parameter_invalid_boolean"),
            ({"capture_method": "later"}, "capture_method", None),
            ({"metadata": {"a": {"b": "c"}}}, "metadata[a]", None),
            ({"metadata": {"a": "x" * 501}}, "metadata", None),
            ({"shipping": {"name": "A", "colour": "red"}}, "shipping[colour]", "parameter_unknown"),
            ({"transfer_data": {"destination": "acct_1"}}, "transfer_data", None),
            ({"expand": ["latest_charge.invoice"]}, "expand", None),
            ({"off_session": True}, "off_session", None),
        ],
    )
    def test_of_a_wrong_kind_are_named(self, stripe_client, sandbox, given, param, code):
        with pytest.raises(stripe.InvalidRequestError) as refused:
            stripe_client.v1.payment_intents.create({"amount": 3000, "currency": "eur"} | given)

        assert (refused.value.http_status, refused.value.param, refused.value.code) == (400, param, code)
        assert sandbox.control.objects() == []
        assert len(sandbox.control.rejected()) == 1

    def test_that_are_missing_are_named(self, stripe_client):
        with pytest.raises(stripe.InvalidRequestError) as refused:
            stripe_client.v1.payment_intents.create({"amount": 3000})

        assert (refused.value.param, refused.value.code) == ("currency", "parameter_missing")

    def test_used_as_a_value_and_as_a_group_are_refused(self, sandbox):
        status, _ = send(sandbox, "POST", "/v1/customers", body="metadata=&metadata[a]=b")

        assert status == 400

    @pytest.mark.parametrize(
        ("given", "param"),
        [
            ({"success_url": "/back"}, "success_url"),
            ({"success_url": "http://x/\r\nSet-Cookie: a"}, "success_url"),
            ({"line_items": [{"price": "price_1", "quantity": 1}]}, "line_items"),
            ({"customer_email": "fleet@example.com"}, "customer_email"),
            ({"setup_intent_data": {"on_behalf_of": "acct_1"}}, "setup_intent_data[on_behalf_of]"),
        ],
    )
    def test_that_do_not_fit_a_setup_session_are_refused(self, stripe_client, sandbox, given, param):
        customer = stripe_client.v1.customers.create({})

        with pytest.raises(stripe.InvalidRequestError) as refused:
            stripe_client.v1.checkout.sessions.create(setup_session(customer.id) | given)

        assert refused.value.param == param
        assert len(sandbox.control.rejected()) == 1

    @pytest.mark.parametrize(
        ("item", "param"),
        [
            ({"price": "price_1"}, "line_items[0][price]"),
            ({"price_data": {"currency": "eur", "product": "prod_1"}}, "line_items[0][price_data][product]"),
            ({"quantity": 0}, "line_items[0][quantity]"),
        ],
    )
    def test_of_a_line_item_that_cannot_be_priced_are_refused(self, stripe_client, sandbox, item, param):
        session = payment_session()
        session["line_items"][0] |= item

        with pytest.raises(stripe.InvalidRequestError) as refused:
            stripe_client.v1.checkout.sessions.create(session)

        assert refused.value.param == param
        assert sandbox.control.objects() == []

    def test_that_are_right_leave_the_log_of_rejected_requests_empty(self, stripe_client, sandbox):
        customer = stripe_client.v1.customers.create({"name": "Fleet", "metadata": {"contract": "7"}})
        stripe_client.v1.customers.update(customer.id, {"name": "Fleet AG", "metadata": {"contract": ""}})
        stripe_client.v1.checkout.sessions.create(setup_session(customer.id))
        stripe_client.v1.checkout.sessions.create(payment_session())
        with pytest.raises(stripe.InvalidRequestError):
            stripe_client.v1.customers.retrieve("cus_unknown")

        changed = stripe_client.v1.customers.retrieve(customer.id)
        assert (changed.name, changed.metadata.to_dict()) == ("Fleet AG", {})
        assert sandbox.control.rejected() == []
        assert len(sandbox.control.requests()) == 6


class TestRoutes:
    def test_that_do_not_exist_are_refused(self, sandbox):
        status, text = send(sandbox, "POST", "/v1/tokens", body="card[exp_year]=2030")

        assert status == 404
        assert "Unrecognized request URL (POST: /v1/tokens)." in text
        assert sandbox.control.rejected()[0]["form"] == {}

    def test_to_unknown_objects_answer_resource_missing(self, stripe_client):
        with pytest.raises(stripe.InvalidRequestError) as refused:
            stripe_client.v1.payment_intents.retrieve("pi_unknown")

        assert (refused.value.http_status, refused.value.code) == (404, "resource_missing")

    @pytest.mark.parametrize("route", ROUTES, ids=lambda route: f"{route.method} {route.path}")
    def test_are_checked_with_the_type_that_the_sdk_declares_for_them(self, route: Route):
        assert (route.method.lower(), route.path, route.params_type.rpartition(".")[2]) in _declared_by_the_sdk()


@cache
def _declared_by_the_sdk() -> set[tuple[str, str, str]]:
    """Read method, path and parameter type of every call from the SDK's service classes."""
    modules = {
        "stripe._customer_service",
        "stripe._customer_payment_method_service",
        "stripe._payment_method_service",
        "stripe.checkout._session_service",
        "stripe._setup_intent_service",
        "stripe._payment_intent_service",
        "stripe._charge_service",
        "stripe._refund_service",
        "stripe._balance_service",
        "stripe._balance_transaction_service",
        "stripe._dispute_service",
        "stripe._mandate_service",
        "stripe._payout_service",
        "stripe._account_service",
        "stripe._transfer_service",
        "stripe._transfer_reversal_service",
        "stripe._event_service",
    }
    call = re.compile(r'params: (?:Optional\[)?"(\w+)".*?_request\(\s*"(\w+)",\s*"(/v1/[^"]*)"', re.DOTALL)
    found = set()
    for module in modules:
        for body in inspect.getsource(import_module(module)).split("    def "):
            for params_type, method, path in call.findall(body):
                found.add((method, re.sub(r"\{\w+\}", "{}", path), params_type))
    return found


class TestKeysAndVersion:
    @pytest.mark.parametrize(
        "authorization",
        ["", "Bearer pk_test_x", "Bearer nonsense", "Bearer sk_live_secret", "Bearer rk_live_secret", "Basic ???"],
    )
    def test_wrong_or_live_keys_answer_401_and_are_not_logged(self, sandbox, authorization):
        headers = HEADERS | {"Authorization": authorization}

        status, text = send(sandbox, "GET", "/v1/events", headers=headers)

        assert status == 401
        assert "_live_secret" not in text + str(sandbox.control.requests())

    def test_a_sandbox_started_with_a_key_takes_no_other(self):
        with Sandbox(api_key="sk_test_mine") as sandbox:
            right = HEADERS | {"Authorization": "Bearer sk_test_mine"}

            assert send(sandbox, "GET", "/v1/events", headers=right)[0] == 200
            assert send(sandbox, "GET", "/v1/events")[0] == 401

    def test_a_live_key_stops_it_from_starting(self):
        with pytest.raises(LiveKeyRefused):
            Sandbox(api_key="sk_live_secret")

    @pytest.mark.parametrize("version", [None, "2024-06-20"])
    def test_a_missing_or_other_version_is_refused(self, sandbox, version):
        headers = {"Authorization": "Bearer sk_test_sandbox"}
        if version:
            headers["Stripe-Version"] = version

        status, text = send(sandbox, "GET", "/v1/events", headers=headers)

        assert (status, "Stripe-Version" in text) == (400, True)
        assert len(sandbox.control.rejected()) == 1
