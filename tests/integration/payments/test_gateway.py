"""The door to Stripe: what goes out with each request, and what each answer means."""

import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
import stripe
from django.db import transaction

from apps.payments import gateway
from apps.payments.domain.failures import Failure
from apps.payments.models import StripeCustomer
from apps.payments.outcomes import Done, Next, Rejected, Unknown

from .conftest import NOON, collect

HOUR = timedelta(hours=1)
CUSTOMER = b'{"id": "cus_1", "object": "customer"}'
DECLINED = b"""{"error": {"type": "card_error", "code": "card_declined", "decline_code": "lost_card",
"advice_code": "do_not_try_again", "message": "Your card was declined."}}"""
MISMATCH = b'{"error": {"type": "idempotency_error", "message": "other parameters"}}'


@dataclass
class Wire:
    """A server that says what it is told to and keeps the headers it got."""

    status: int = 200
    body: bytes = CUSTOMER
    headers: list[dict[str, str]] = field(default_factory=list)


@pytest.fixture
def wire(settings) -> Iterator[Wire]:
    told = Wire()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            told.headers.append({name.lower(): value for name, value in self.headers.items()})
            self.send_response(told.status)
            self.send_header("Content-Length", str(len(told.body)))
            self.end_headers()
            self.wfile.write(told.body)

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    settings.STRIPE_API_BASE = f"http://127.0.0.1:{server.server_address[1]}"
    settings.STRIPE_SECRET_KEY = "sk_test_wire"
    yield told
    gateway.forget_connections()
    server.shutdown()
    thread.join()
    server.server_close()


def call(key: str = "wl-1") -> object:
    return gateway.create_customer(params={"name": "Fleet"}, key=key)


class TestRequest:
    def test_carries_the_pinned_version_and_the_operations_key(self, wire):
        call("wl-1")
        call("wl-1")
        call("wl-2")

        assert [each["idempotency-key"] for each in wire.headers] == ["wl-1", "wl-1", "wl-2"]
        assert {each["stripe-version"] for each in wire.headers} == {"2026-10-28.endive"}
        assert {each["authorization"] for each in wire.headers} == {"Bearer sk_test_wire"}

    def test_pins_the_version_that_the_installed_sdk_was_made_for(self):
        assert stripe.api_version == gateway.API_VERSION

    def test_is_made_once_however_it_ends(self, wire):
        wire.status, wire.body = 500, b"{}"

        call()

        assert len(wire.headers) == 1

    def test_waits_three_seconds_to_connect_and_ten_for_the_answer(self):
        assert gateway.TIMEOUT == (3, 10)
        assert gateway._connections()._timeout == (3, 10)


@pytest.mark.django_db
class TestTransaction:
    def test_is_never_open_during_a_call(self, wire):
        with pytest.raises(AssertionError, match="while a transaction holds locks"), transaction.atomic():
            call()

        assert wire.headers == []


class TestAnswer:
    @pytest.mark.parametrize(
        ("status", "body", "outcome"),
        [
            (200, CUSTOMER, Done(value="cus_1")),
            (402, DECLINED, Failure(code="lost_card", advice="do_not_try_again")),
            (400, b'{"error": {"type": "invalid_request_error"}}', Failure(code="invalid_request_error")),
            (404, b'{"error": {"code": "resource_missing"}}', Failure(code="resource_missing")),
            (400, MISMATCH, Next.LOOK),
            (500, b"{}", Next.LOOK),
            (503, b"<html>", Next.LOOK),
            (409, b"{}", Next.LATER),
            (429, b"{}", Next.LATER),
            (401, b"{}", Next.LATER),
            (403, b"{}", Next.LATER),
            (200, b'{"id": "cus', Next.SAME_KEY),
            (302, b"{}", Next.SAME_KEY),
        ],
    )
    def test_means(self, wire, status, body, outcome):
        wire.status, wire.body = status, body

        answer = call()

        if isinstance(answer, Rejected):
            assert (answer.failure, answer.status) == (outcome, status)
        elif isinstance(answer, Unknown):
            assert answer.then == outcome
        else:
            assert answer == outcome

    def test_that_never_comes_means_the_same_key_again(self, settings):
        settings.STRIPE_API_BASE = "http://127.0.0.1:9"
        settings.STRIPE_SECRET_KEY = "sk_test_wire"

        answer = call()

        assert answer == Unknown(then=Next.SAME_KEY, reason="no answer: ConnectionError")


@pytest.mark.django_db
class TestLooks:
    def test_find_an_intent_by_our_reference_among_the_customers(self, sandbox, invoice, card):
        payment = collect(invoice)
        customer = StripeCustomer.objects.get().stripe_id

        found = gateway.find_intent(customer=customer, payment_uid=str(payment.uid), since=NOON - HOUR)
        nothing = gateway.find_intent(customer=customer, payment_uid="another's", since=NOON - HOUR)

        assert found.value.stripe_id == payment.stripe_id
        assert nothing == Done(value=None)

    def test_read_an_event_as_stripe_keeps_it(self, sandbox, invoice, card):
        kept = sandbox.control.objects("event")[-1]

        assert gateway.retrieve_event(kept["id"]).value["type"] == kept["type"]

    def test_say_that_an_object_is_not_there(self, sandbox):
        answer = gateway.retrieve_intent("pi_unheard_of")

        assert (answer.status, answer.failure) == (404, Failure(code="resource_missing"))


class TestMode:
    @pytest.mark.parametrize(
        ("key", "is_live"),
        [("sk_test_1", False), ("rk_test_1", False), ("", False), ("sk_live_1", True), ("rk_live_1", True)],
    )
    def test_is_read_off_the_key(self, settings, key, is_live):
        settings.STRIPE_SECRET_KEY = key

        assert gateway.livemode() is is_live
