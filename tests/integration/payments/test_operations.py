"""The rule for every money call, against a network that drops answers and a Stripe that stores its failures."""

from datetime import timedelta
from decimal import Decimal

import pytest

from apps.payments import gateway
from apps.payments.models import Allocation, Payment, PaymentOperation
from apps.payments.sandbox import FaultKind
from apps.payments.selectors import payment_state
from apps.payments.services import driver
from apps.payments.services.operations import WrongMode
from apps.payments.waiting import due_operation_ids

from .conftest import DECLINES_LATER, MINUTE, NOON, assert_clean, charges, collect, journals

pytestmark = pytest.mark.django_db

INTENTS = "/v1/payment_intents"


@pytest.fixture
def confirm_path(sandbox, invoice, card) -> str:
    """Path prefix of a confirmation; creation is at INTENTS itself, so a fault there would meet the creation."""
    return f"{INTENTS}/pi_"


def janitor(at) -> None:
    """Drive what is due, as the sweeper hands it out."""
    for operation_id in due_operation_ids(at=at):
        driver.drive_operation(operation_id=operation_id, at=at)


def operations() -> list[tuple[str, str, int]]:
    rows = PaymentOperation.objects.filter(payment__isnull=False).order_by("pk")
    return [(o.kind, o.status, o.attempts) for o in rows]


def posts(sandbox, ending: str) -> list[str]:
    """Return the idempotency keys of the POSTs whose path ends so, in order."""
    return [
        each["idempotency_key"]
        for each in sandbox.control.requests()
        if each["method"] == "POST" and each["path"].endswith(ending)
    ]


def assert_paid_once(sandbox, seller, invoice) -> None:
    payment = Payment.objects.get()
    assert (payment.status, payment.amount_received.amount) == ("succeeded", Decimal("119.00"))
    assert [status for status in charges(sandbox) if status[0] == "succeeded"] == [("succeeded", 11900)]
    assert [a.amount.amount for a in Allocation.objects.all()] == [Decimal("119.00")]
    assert sorted(journals(seller)) == [f"payment:{payment.pk}:fee", f"payment:{payment.pk}:received"]
    assert payment_state(invoice).state == "paid"
    assert_clean()


class TestDroppedAnswer:
    def test_on_create_is_unknown_until_the_same_key_finds_the_same_intent(self, sandbox, seller, invoice, card):
        sandbox.control.fault(FaultKind.DROP_ANSWER, method="POST", path=INTENTS)

        payment = collect(invoice)
        assert (payment.status, operations()) == ("new", [("create_intent", "unknown", 1)])
        assert payment_state(invoice).state == "processing"
        janitor(NOON + MINUTE)

        assert operations() == [("create_intent", "done", 2), ("confirm_intent", "done", 1)]
        assert len(set(posts(sandbox, INTENTS))) == 1
        assert len(sandbox.control.objects("payment_intent")) == 1
        assert_paid_once(sandbox, seller, invoice)

    def test_on_confirm_is_never_called_failed_and_ends_in_one_charge(self, sandbox, seller, invoice, confirm_path):
        sandbox.control.fault(FaultKind.DROP_ANSWER, method="POST", path=confirm_path)

        collect(invoice)
        state = payment_state(invoice)
        assert (state.state, state.why) == ("processing", "The payment is being finalised.")
        janitor(NOON + MINUTE)

        assert operations() == [("create_intent", "done", 1), ("confirm_intent", "done", 2)]
        assert len(posts(sandbox, "/confirm")) == 2
        assert len(set(posts(sandbox, "/confirm"))) == 1
        assert_paid_once(sandbox, seller, invoice)

    def test_of_a_decline_ends_rejected_and_declined_once(self, sandbox, seller, invoice, save_card):
        save_card(DECLINES_LATER)
        sandbox.control.fault(FaultKind.DROP_ANSWER, method="POST", path=f"{INTENTS}/pi_")

        collect(invoice)
        janitor(NOON + MINUTE)

        assert operations() == [("create_intent", "done", 1), ("confirm_intent", "rejected", 2)]
        assert charges(sandbox) == [("failed", 0)]
        assert journals(seller) == {}

    def test_of_the_look_after_a_charge_leaves_the_outcome_to_the_same_key(self, sandbox, seller, invoice, card):
        collect_until_confirm_is_due(sandbox, invoice)
        sandbox.control.fault(FaultKind.DROP_ANSWER, method="GET", path=INTENTS)

        janitor(NOON + MINUTE)
        assert operations()[-1] == ("confirm_intent", "unknown", 2)
        janitor(NOON + 6 * MINUTE)

        assert_paid_once(sandbox, seller, invoice)

    def test_waits_a_minute_five_an_hour_and_a_day_and_then_looks(self, sandbox, seller, invoice, card):
        sandbox.control.fault(FaultKind.DROP_ANSWER, method="POST", path=INTENTS, times=4)
        collect(invoice)
        at, pauses = NOON, []

        while operation := PaymentOperation.objects.filter(status="unknown").first():
            assert due_operation_ids(at=operation.next_try_at - timedelta(seconds=1)) == []
            pauses.append(operation.next_try_at - at)
            at = operation.next_try_at
            janitor(at)

        assert pauses == [MINUTE, 5 * MINUTE, timedelta(hours=1), timedelta(days=1)]
        assert len(set(posts(sandbox, INTENTS))) == 1
        assert_paid_once(sandbox, seller, invoice)


def collect_until_confirm_is_due(sandbox, invoice) -> None:
    """Collect with the confirmation's first attempt dropped, so that the janitor has it to drive."""
    sandbox.control.fault(FaultKind.DROP_ANSWER, method="POST", path=f"{INTENTS}/pi_")
    collect(invoice)


class TestStored500:
    def test_that_did_nothing_is_looked_into_and_then_repeated_under_the_next_key(
        self, sandbox, seller, invoice, confirm_path
    ):
        sandbox.control.fault(FaultKind.ERROR_BEFORE, method="POST", path=confirm_path)

        collect(invoice)
        assert operations()[-1] == ("confirm_intent", "unknown", 1)
        janitor(NOON + MINUTE)

        assert operations() == [
            ("create_intent", "done", 1),
            ("confirm_intent", "rejected", 2),
            ("confirm_intent", "done", 1),
        ]
        assert len(set(posts(sandbox, "/confirm"))) == len(posts(sandbox, "/confirm")) == 2
        assert_paid_once(sandbox, seller, invoice)

    def test_that_did_it_all_the_same_is_found_out_by_looking(self, sandbox, seller, invoice, confirm_path):
        sandbox.control.fault(FaultKind.ERROR_AFTER, method="POST", path=confirm_path)

        collect(invoice)
        janitor(NOON + MINUTE)

        assert operations() == [("create_intent", "done", 1), ("confirm_intent", "done", 2)]
        assert len(posts(sandbox, "/confirm")) == 1
        assert_paid_once(sandbox, seller, invoice)

    def test_over_a_decline_is_no_reason_to_try_the_card_again(self, sandbox, invoice, save_card):
        save_card(DECLINES_LATER)
        sandbox.control.fault(FaultKind.ERROR_AFTER, method="POST", path=f"{INTENTS}/pi_")

        collect(invoice)
        janitor(NOON + MINUTE)

        assert operations()[-1] == ("confirm_intent", "rejected", 2)
        assert charges(sandbox) == [("failed", 0)]
        assert payment_state(invoice).why == "There were not enough funds."

    @pytest.mark.parametrize("kind", [FaultKind.ERROR_BEFORE, FaultKind.ERROR_AFTER])
    def test_on_create_leaves_one_intent(self, sandbox, seller, invoice, card, kind):
        sandbox.control.fault(kind, method="POST", path=INTENTS)

        collect(invoice)
        janitor(NOON + MINUTE)

        assert len(sandbox.control.objects("payment_intent")) == 1
        assert_paid_once(sandbox, seller, invoice)


class TestBusy:
    def test_429_is_repeated_under_the_same_key(self, sandbox, seller, invoice, confirm_path):
        sandbox.control.fault(FaultKind.TOO_MANY, method="POST", path=confirm_path)

        collect(invoice)
        assert operations()[-1] == ("confirm_intent", "pending", 1)
        janitor(NOON + MINUTE)

        assert len(posts(sandbox, "/confirm")) == 2
        assert len(set(posts(sandbox, "/confirm"))) == 1
        assert_paid_once(sandbox, seller, invoice)

    def test_a_key_not_let_in_ends_nothing(self, sandbox, seller, invoice, card, settings):
        """The first attempt charged and its answer was lost; a 401 now must not call it rejected."""
        collect_until_confirm_is_due(sandbox, invoice)
        settings.STRIPE_SECRET_KEY = ""
        janitor(NOON + MINUTE)
        assert operations()[-1] == ("confirm_intent", "unknown", 2)

        settings.STRIPE_SECRET_KEY = "sk_test_of_payments"
        janitor(NOON + 6 * MINUTE)
        assert_paid_once(sandbox, seller, invoice)


class TestOldKey:
    def test_is_looked_into_before_it_is_used_again(self, sandbox, seller, invoice, confirm_path):
        sandbox.control.fault(FaultKind.DROP_ANSWER, method="POST", path=confirm_path)
        collect(invoice)
        sandbox.control.advance_clock(25 * 60 * 60)

        janitor(NOON + timedelta(hours=25))

        assert len(posts(sandbox, "/confirm")) == 1
        assert operations() == [("create_intent", "done", 1), ("confirm_intent", "done", 2)]
        assert_paid_once(sandbox, seller, invoice)


class TestHeaders:
    def test_keys_differ_between_operations_and_stay_with_each(self, sandbox, invoice, confirm_path):
        sandbox.control.fault(FaultKind.DROP_ANSWER, method="POST", path=confirm_path)
        collect(invoice)
        janitor(NOON + MINUTE)

        keys = {}
        for each in sandbox.control.requests():
            if each["method"] == "POST":
                keys.setdefault(each["path"], set()).add(each["idempotency_key"])
        assert all(len(of_path) == 1 for of_path in keys.values())
        assert len(set.union(*keys.values())) == len(keys) == 4
        assert set.union(*keys.values()) == set(PaymentOperation.objects.values_list("idempotency_key", flat=True))


class TestMode:
    def test_an_operation_of_the_other_mode_is_not_sent(self, sandbox, invoice, card, settings):
        collect_until_confirm_is_due(sandbox, invoice)
        operation = PaymentOperation.objects.get(kind="confirm_intent")
        calls = len(sandbox.control.requests())
        settings.STRIPE_SECRET_KEY = "sk_live_of_nobody"

        with pytest.raises(WrongMode):
            driver.drive_operation(operation_id=operation.pk, at=NOON + MINUTE)

        assert gateway.livemode()
        assert len(sandbox.control.requests()) == calls
        operation.refresh_from_db()
        assert operation.attempts == 1

    def test_a_card_of_the_other_mode_is_not_charged(self, sandbox, invoice, card, settings):
        settings.STRIPE_SECRET_KEY = "sk_live_of_nobody"

        assert collect(invoice) is None
        assert not Payment.objects.exists()


class TestSecrecy:
    def test_no_card_number_reaches_a_row_or_a_log(self, sandbox, invoice, save_card, caplog):
        from django.apps import apps
        from django.core import serializers

        caplog.set_level("DEBUG")
        save_card(DECLINES_LATER)
        collect(invoice)

        rows = "".join(
            serializers.serialize("json", model.objects.all()) for model in apps.get_app_config("payments").get_models()
        )
        assert "0341" in rows
        assert DECLINES_LATER not in rows
        assert DECLINES_LATER not in caplog.text
        assert "sk_test_of_payments" not in rows + caplog.text
