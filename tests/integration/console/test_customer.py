"""A customer, a session and a station, each with all there is of it in one place."""

from datetime import date
from decimal import Decimal

from django.urls import reverse

from apps.contracts.models import Customer
from apps.payments.services.openings import Told, record_opening_item
from tests.integration.tenants import BILLED_AT, CANARY, answer


class TestACustomersPage:
    def test_shows_all_there_is_in_few_queries_and_nothing_of_another_tenant(
        self, ours, theirs, owner, django_assert_max_num_queries
    ):
        page = reverse("console:customer", args=[ours.site.customer.pk])
        owner.get(page)

        with django_assert_max_num_queries(30):
            shown = owner.get(page)
        told = shown.content.decode()

        assert shown.status_code == 200
        wanted = (ours.invoice, ours.site.contract.number, ours.site.token, ours.site.station, "Budgets")
        assert all(str(words) in told for words in wanted)
        assert CANARY.encode() not in answer(shown)

    def test_adds_up_what_is_open_and_overdue(self, ours, owner):
        (balance,) = owner.get(reverse("console:customer", args=[ours.site.customer.pk])).context["shown"].balances

        # One invoice of 5.95 € is open, and its day is long gone.
        assert (balance.currency, balance.open, balance.overdue) == ("EUR", ours.invoice.gross.amount, balance.open)

    def test_counts_what_was_brought_along_from_another_system(self, ours, owner):
        told = Told(
            number="ALT-7",
            document_date=date(2025, 12, 1),
            due_date=date(2199, 1, 1),
            amount=Decimal(70),
            currency="EUR",
        )
        record_opening_item(customer=ours.site.customer, told=told, by=None, at=BILLED_AT)

        page = owner.get(reverse("console:customer", args=[ours.site.customer.pk]))

        (balance,) = page.context["shown"].balances
        invoiced = ours.invoice.gross.amount
        assert (balance.open, balance.overdue) == (invoiced + 70, invoiced)
        assert "ALT-7" in page.content.decode()

    def test_is_nobody_elses(self, ours, theirs, owner):
        foreign = reverse("console:customer", args=[theirs.site.customer.pk])
        missing = reverse("console:customer", args=[Customer.objects.order_by("pk").last().pk + 1])

        assert [owner.get(page).status_code for page in (foreign, missing)] == [404, 404]


class TestASessionsPage:
    def test_draws_the_register_with_its_price_and_lists_money_papers_and_disputes(
        self, ours, owner, django_assert_max_num_queries
    ):
        address = reverse("console:session", args=[ours.session.uid])
        owner.get(address)  # The first page of a sign-in notes where it is.

        with django_assert_max_num_queries(30):
            page = owner.get(address)
        trace, told = page.context["trace"], page.content.decode()

        assert trace.curve.prices == ((0, "€0.50 / kWh"),)
        assert [band.words for band in trace.curve.bands] == ["€0.50 / kWh"]
        assert [dot.energy_milliwh for dot in trace.curve.dots] == [one.energy_milliwh for one in trace.readings]
        assert {dispute.line.invoice for dispute in trace.line_disputes} == {ours.invoice}
        assert {dispute.payment for dispute in trace.disputes} <= set(trace.payments)
        assert all(str(document) in told for document in trace.documents)


class TestAStationsPage:
    def test_shows_prices_codes_and_sessions_beside_how_it_stands(self, ours, owner, django_assert_max_num_queries):
        address = reverse("console:station", args=[ours.site.station.pk])
        owner.get(address)

        with django_assert_max_num_queries(30):
            page = owner.get(address)

        assert [row.tariff for row in page.context["tariffs"]] == [ours.site.tariff]
        assert ours.session in page.context["sessions"]
        assert all(code.short_code in page.content.decode() for code in page.context["codes"])
