"""A charge record revised after the capture: lower is credited and given back once, higher is charged to nobody."""

from decimal import Decimal

import pytest

from apps.invoices.models import Invoice
from apps.invoices.selectors import overcharging_records
from apps.payments.models import Refund
from apps.payments.sandbox import FaultKind
from apps.payments.selectors import open_amount
from apps.payments.services.corrections import correct_charge
from apps.payments.services.refunds import NotRefundable
from apps.sessions.models import Cdr
from tests.integration.invoices.world import bill, make_cdr, revise

from .conftest import NOON
from .drivers import capture, make_attempt, pay, receipt_of, violations

pytestmark = pytest.mark.django_db


@pytest.fixture
def receipt(sandbox, site) -> Invoice:
    """20 kWh at 0.50, 10.00 EUR, captured."""
    receipt = receipt_of(pay(make_attempt(site)), site)
    capture(receipt)
    return receipt


def record_of(receipt: Invoice) -> Cdr:
    return receipt.lines.get().cdr


def correct(cdr: Cdr) -> Invoice | None:
    return correct_charge(cdr_id=cdr.pk, at=NOON)


class TestMeterCorrectedAfterCapture:
    def test_lower_is_credited_and_given_back(self, sandbox, receipt):
        lower = revise(record_of(receipt), kwh="15")
        assert list(overcharging_records()) == [lower]

        assert correct(lower) == receipt

        note, refund = receipt.credit_notes.get(), Refund.objects.get()
        assert (note.gross.amount, note.reason) == (Decimal("-2.50"), "Meter corrected: Meter was read again")
        assert note.issued_by == refund.requested_by == lower.revised_by
        assert (refund.amount.amount, refund.status) == (Decimal("2.50"), "succeeded")
        assert (open_amount(receipt), list(overcharging_records())) == (0, [])
        assert violations() == []

    def test_is_given_back_once_by_bell_and_sweep(self, sandbox, receipt):
        lower = revise(record_of(receipt), kwh="15")

        assert (correct(lower), correct(lower)) == (receipt, None)

        assert [each["amount"] for each in sandbox.control.objects("refund")] == [250]

    def test_to_nothing_gives_all_back(self, sandbox, receipt):
        correct(revise(record_of(receipt), kwh="0"))

        assert [each["amount"] for each in sandbox.control.objects("refund")] == [1000]
        assert violations() == []

    def test_lower_again_gives_back_the_rest_of_the_difference(self, sandbox, receipt):
        correct(revise(record_of(receipt), kwh="15"))
        correct(revise(record_of(receipt), kwh="10"))

        assert sorted(each["amount"] for each in sandbox.control.objects("refund")) == [250, 250]
        assert violations() == []

    def test_higher_is_charged_to_nobody_and_told(self, sandbox, receipt, caplog):
        higher = revise(record_of(receipt), kwh="25")

        assert correct(higher) is None

        assert "nothing more is charged" in caplog.text
        assert not receipt.credit_notes.exists()
        assert list(overcharging_records()) == []

    def test_before_the_capture_is_known_waits_for_it(self, sandbox, site):
        receipt = receipt_of(pay(make_attempt(site)), site)
        sandbox.control.fault(FaultKind.DROP_ANSWER, method="POST", path="/v1/payment_intents/pi_")
        capture(receipt)
        lower = revise(record_of(receipt), kwh="15")

        with pytest.raises(NotRefundable, match="finalised"):
            correct(lower)

        assert not receipt.credit_notes.exists()
        assert list(overcharging_records()) == [lower]

    def test_of_a_contract_is_left_to_the_next_billing_run(self, sandbox, site):
        cdr = make_cdr(site=site)
        bill(site, until_date=NOON.date(), at=NOON)

        assert correct(revise(cdr, kwh="10")) is None

        assert not Invoice.objects.filter(kind="credit_note").exists()
