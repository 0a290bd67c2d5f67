"""A card's cost centre goes with its session to the invoice's line, and the invoice says what each comes to."""

import pytest

from apps.core.audit import find_violations
from apps.invoices.models import Invoice
from apps.invoices.services.crediting import credit_invoice
from apps.invoices.services.rendering import print_html
from apps.sessions import services
from apps.sessions.models import ChargingSession
from tests.factories import NOON, make_cost_centre
from tests.integration.invoices.world import APRIL, bill, make_cdr
from tests.integration.sessions.conftest import Wire

pytestmark = pytest.mark.django_db


@pytest.fixture
def sales(site):
    return make_cost_centre(
        customer=site.customer, code="4711", name="Sales", purchase_order="PO-9", buyer_reference="04011000-1"
    )


class TestASession:
    def test_counts_for_the_cost_centre_that_its_card_had_at_the_start(self, site, sales):
        site.token.cost_centre = sales
        site.token.save()
        wire = Wire(site)
        begun = wire.begin()
        site.token.cost_centre = make_cost_centre(customer=site.customer)
        site.token.save()

        session = wire.finish(begun.transaction_id)

        assert session.cost_centre == sales

    def test_of_a_card_that_may_not_charge_counts_for_none(self, site, sales):
        site.token.cost_centre, site.token.status = sales, "blocked"
        site.token.save()

        (outcome,) = services.start_sessions((Wire(site).start(),))

        assert ChargingSession.objects.get(pk=outcome.session_id).cost_centre is None


class TestAnInvoice:
    @pytest.fixture
    def invoice(self, site, sales) -> Invoice:
        """22:00 is a boundary: 10 kWh × 0.49 and 10 kWh × 0.29 make 7.80 a session."""
        make_cdr(site=site, cost_centre=sales)
        make_cdr(site=site, cost_centre=sales, started_at=NOON.replace(month=3))
        make_cdr(site=site, started_at=NOON.replace(month=3, day=2))
        (issued,) = bill(site)
        return issued

    def test_names_it_with_its_references_on_the_lines(self, invoice):
        lines = invoice.lines.order_by("position")

        named = "4711 Sales · Your order PO-9 · Your reference 04011000-1"
        assert sorted(line.cost_centre for line in lines) == ["", named, named]

    def test_says_what_each_of_them_comes_to_without_vat(self, invoice):
        html = print_html(invoice)

        # By day 20 × 0.49 = 9.80: Sales 7.80 + 9.80, nobody's 9.80.
        assert "By cost centre" in html
        assert "€17.60" in html
        assert "without a cost centre" in html
        assert sum(line.net.amount for line in invoice.lines.all()) == invoice.net.amount

    def test_keeps_what_it_printed_when_the_cost_centre_is_renamed(self, invoice, sales):
        sales.name = "Marketing"
        sales.save()

        assert "Marketing" not in print_html(invoice)
        assert not [found for found in find_violations() if found.invariant == "I6"]

    def test_without_any_says_nothing_of_them(self, site):
        make_cdr(site=site)
        (issued,) = bill(site)

        assert "ost centre" not in print_html(issued)

    def test_credited_takes_the_cost_centre_back_with_it(self, invoice):
        note = credit_invoice(invoice_id=invoice.pk, reason="Wrong price", at=APRIL, by=None)

        assert "-€17.60" in print_html(note) or "−€17.60" in print_html(note)

    def test_of_a_german_customer_speaks_german(self, site, sales):
        site.customer.language = "de"
        site.customer.save()
        make_cdr(site=site, cost_centre=sales)
        (issued,) = bill(site)

        assert "Kostenstelle 4711 Sales · Ihre Bestellung PO-9 · Ihr Zeichen 04011000-1" in print_html(issued)
