"""A sandbox on a port of its own, the real SDK against it, and a receiver for its webhooks."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
import stripe

from apps.payments.sandbox import Sandbox, answer_challenge, complete_checkout, complete_mandate

SECRET = "whsec_test_of_the_sandbox"
GOOD = "4242424242424242"
DECLINES_LATER = "4000000000000341"
DECLINES_AT_ENTRY = "4000000000000002"
ASKS_UNLESS_SAVED = "4000002500003155"
ASKS_ALWAYS = "4000002760003184"
DISPUTES = "4000000000000259"
PAYS = "DE89370400440532013000"
REFUSES = "DE62370400440532013001"
DAY = 86_400


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    with Sandbox(webhook_secret=SECRET) as running:
        yield running


@contextmanager
def client_of(url: str) -> Iterator[stripe.StripeClient]:
    """Make a client that never repeats by itself; each thread takes its own, so that its sockets are closed."""
    http_client = stripe.RequestsClient(timeout=5)
    yield stripe.StripeClient(
        "sk_test_sandbox",
        base_addresses={"api": url},
        http_client=http_client,
        max_network_retries=0,
    )
    http_client.close()


@pytest.fixture
def stripe_client(sandbox: Sandbox) -> Iterator[stripe.StripeClient]:
    with client_of(sandbox.url) as client:
        yield client


@dataclass
class Saved:
    """A customer with a saved card."""

    customer: str
    payment_method: str

    def payment(self, amount: int = 3000, **more: object) -> dict:
        """Return the parameters of an off-session payment."""
        return {
            "amount": amount,
            "currency": "eur",
            "customer": self.customer,
            "payment_method": self.payment_method,
            "confirm": True,
            "off_session": True,
        } | more


@pytest.fixture
def save_card(stripe_client: stripe.StripeClient) -> Callable[[str], Saved]:
    def save(number: str) -> Saved:
        customer = stripe_client.v1.customers.create({"email": "fleet@example.com"})
        session = stripe_client.v1.checkout.sessions.create(setup_session(customer.id))
        location = complete_checkout(session.url, number)
        if "/c/3ds/" in location:
            answer_challenge(location)
        methods = stripe_client.v1.payment_methods.list({"customer": customer.id})
        return Saved(customer.id, methods.data[0].id)

    return save


@pytest.fixture
def save_account(stripe_client: stripe.StripeClient) -> Callable[[str], Saved]:
    def save(iban: str) -> Saved:
        customer = stripe_client.v1.customers.create({"email": "fleet@example.com"})
        session = stripe_client.v1.checkout.sessions.create(setup_session(customer.id, "sepa_debit"))
        complete_mandate(session.url, iban)
        methods = stripe_client.v1.payment_methods.list({"customer": customer.id, "type": "sepa_debit"})
        return Saved(customer.id, methods.data[0].id)

    return save


@pytest.fixture
def saved(save_card: Callable[[str], Saved]) -> Saved:
    return save_card(GOOD)


def setup_session(customer: str, *types: str) -> dict:
    """Return the parameters of a session that saves a way to pay: a card when no other is named."""
    return {
        "mode": "setup",
        "customer": customer,
        "allowed_payment_method_types": list(types) or ["card"],
        "success_url": "http://127.0.0.1:9/back?session={CHECKOUT_SESSION_ID}",
        "cancel_url": "http://127.0.0.1:9/cancel",
    }


def payment_session(amount: int = 4000, capture_method: str = "manual", *types: str) -> dict:
    """Return the parameters of a driver's session, by card when nothing else is named."""
    price = {"currency": "eur", "unit_amount": amount, "product_data": {"name": "Charging, at most"}}
    return {
        "mode": "payment",
        "allowed_payment_method_types": list(types) or ["card"],
        "line_items": [{"price_data": price, "quantity": 1}],
        "payment_intent_data": {"capture_method": capture_method, "metadata": {"attempt": "17"}},
        "success_url": "http://127.0.0.1:9/back?session={CHECKOUT_SESSION_ID}",
    }


def entries_of(client: stripe.StripeClient, **wanted: str) -> list[tuple[str, int, int]]:
    """Return kind, amount and fee of the balance transactions, oldest first."""
    found = client.v1.balance_transactions.list({"limit": 100, **wanted}).data[::-1]
    return [(each.type, each.amount, each.fee) for each in found]


def event_types(client: stripe.StripeClient, prefix: str) -> list[str]:
    """Return the types of the events whose names begin so, oldest first."""
    found = client.v1.events.list({"limit": 100}).data[::-1]
    return [event.type for event in found if event.type.startswith(prefix)]


@dataclass
class Receiver:
    """What arrived, and what to answer: the statuses in ``answers`` first, then 200."""

    url: str = ""
    events: list[stripe.Event] = field(default_factory=list)
    answers: list[int] = field(default_factory=list)

    @property
    def types(self) -> list[str]:
        return [event.type for event in self.events]


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    received = Receiver()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            payload = self.rfile.read(int(self.headers["Content-Length"]))
            status = received.answers.pop(0) if received.answers else 200
            try:
                event = stripe.Webhook.construct_event(payload, self.headers["Stripe-Signature"], SECRET)
                received.events.append(event)
            except stripe.SignatureVerificationError:
                status = 400
            self.send_response(status)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    received.url = f"http://127.0.0.1:{server.server_address[1]}/webhooks/stripe/"
    yield received
    server.shutdown()
    thread.join()
    server.server_close()
