"""The alarm clocks: each name that bells and beat know, and sweepers that find the work by query."""

from datetime import timedelta

import pytest
from celery import current_app

from apps.core.clock import now
from apps.payments import tasks
from apps.payments.models import PaymentOperation, SavedMethod, StripeEvent
from apps.payments.sandbox import FaultKind, complete_checkout
from apps.payments.selectors import payment_state
from apps.payments.services import methods, setups
from config.bells import BELLS, SWEEPERS

from .conftest import BACK, CANCEL, GOOD, collect, make_customer, make_invoice
from .test_webhooks import last_event, post

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _at_once():
    """Run what is handed out at once, in this process."""
    current_app.conf.task_always_eager = current_app.conf.task_eager_propagates = True
    yield
    current_app.conf.task_always_eager = current_app.conf.task_eager_propagates = False


class TestNames:
    def test_are_those_of_the_bells(self):
        known = {name for names in BELLS.values() for name in names} | set(SWEEPERS)

        assert {name for name in known if name.startswith("payments.")} <= set(current_app.tasks)


class TestSavingACard:
    def test_collects_the_customers_open_invoices(self, sandbox, invoice, customer, card):
        stranger = make_invoice(make_customer(customer.seller, "C-2"))

        tasks.collect_customer(id=customer.pk)

        assert payment_state(invoice).state == "paid"
        assert payment_state(stranger).state == "open"

    def test_rings_once(self, sandbox, invoice, customer, save_card, monkeypatch):
        rung = []
        monkeypatch.setattr(setups, "ring_on_commit", lambda bell, **ids: rung.append((bell, ids)))

        method = save_card()
        setups.sync_method(method_id=method.pk, at=now())

        assert rung == [("method.activated", {"id": customer.pk})]


class TestSweepers:
    def test_collect_what_is_due(self, sandbox, invoice, card):
        tasks.sweep_due()

        assert payment_state(invoice).state == "paid"

    def test_drive_what_a_killed_worker_left(self, sandbox, invoice, card):
        sandbox.control.fault(FaultKind.DROP_ANSWER, method="POST", path="/v1/payment_intents")
        collect(invoice, at=now() - timedelta(minutes=2))

        tasks.sweep_operations()

        assert not PaymentOperation.objects.filter(status="unknown").exists()
        assert payment_state(invoice).state == "paid"

    def test_leave_alone_what_is_not_due(self, sandbox, invoice, card):
        sandbox.control.fault(FaultKind.DROP_ANSWER, method="POST", path="/v1/payment_intents")
        collect(invoice, at=now())
        calls = len(sandbox.control.requests())

        tasks.sweep_operations()

        assert len(sandbox.control.requests()) == calls

    @pytest.mark.urls("apps.payments.urls")
    def test_process_an_event_whose_bell_was_not_heard(self, sandbox, invoice, card):
        collect(invoice)
        post(last_event(sandbox, "payment_intent.succeeded"))

        tasks.sweep_events()

        assert StripeEvent.objects.get().processed_at is not None

    def test_look_at_a_page_whose_event_was_lost(self, sandbox, customer):
        an_hour_ago = now() - timedelta(hours=1)
        url = methods.start_method_setup(customer_id=customer.pk, success_url=BACK, cancel_url=CANCEL, at=an_hour_ago)
        complete_checkout(url, GOOD)

        tasks.sweep_events()

        assert SavedMethod.objects.get().status == "active"
