"""A charge record with two VAT categories: a line for each, on one document, taken back and billed anew together."""

import json
from decimal import Decimal
from html import unescape
from pathlib import Path

import pytest
from django.db import IntegrityError, transaction
from django.urls import reverse

from apps.accounts.domain.roles import Role
from apps.core import audit
from apps.invoices.models import Invoice, InvoiceLine
from apps.invoices.selectors import due_records
from apps.invoices.services.crediting import credit_invoice
from apps.invoices.services.issuing import issue_invoice
from apps.invoices.services.receipts import issue_receipt
from apps.invoices.services.rendering import print_html
from apps.sessions.price_choice import why_this_tariff
from tests.factories import Site, make_member, make_site
from tests.integration.invoices.world import (
    APRIL,
    END_OF_MARCH,
    bill,
    draft_next,
    make_cdr,
    make_paid_cdr,
    revise,
)
from tests.integration.ledger.refusal import triggers_off
from tests.integration.tenants import signed_in

GOLDEN = Path(__file__).parents[2] / "golden" / "invoice_two_categories_of_one_session.json"
ENERGY_AND_FEE = [
    {
        "price_components": [
            {"type": "ENERGY", "price": "0.49", "step_size": 1},
            {"type": "FLAT", "price": "1", "step_size": 1, "tax_category": "reduced"},
        ]
    }
]
FEE_BEFORE_ENERGY = [
    {
        "price_components": [
            {"type": "FLAT", "price": "1", "step_size": 1, "tax_category": "reduced"},
            {"type": "ENERGY", "price": "0.49", "step_size": 1},
        ]
    }
]


@pytest.fixture
def site(db) -> Site:
    return make_site(elements=ENERGY_AND_FEE)


@pytest.fixture
def invoice(site) -> Invoice:
    make_cdr(site=site)
    (issued,) = bill(site)
    return issued


def violations() -> list[audit.Violation]:
    """Return what the audit finds, but for I9 and I10: here no station said when the session ended, on no wire."""
    return [found for found in audit.find_violations() if found.invariant not in {"I9", "I10"}]


class TestAnInvoice:
    def test_states_each_category_as_worked_by_hand(self, invoice):
        golden = json.loads(GOLDEN.read_text())

        lines = [(line.tax_category, line.tax_rate, line.net.amount) for line in invoice.lines.order_by("position")]
        taxes = {(row.category, row.rate, row.net.amount, row.tax.amount) for row in invoice.taxes.all()}

        assert lines == [
            (record["category"], Decimal(record["rate"]), Decimal(record["net"])) for record in golden["records"]
        ]
        assert taxes == {
            (row["category"], Decimal(row["rate"]), Decimal(row["net"]), Decimal(row["tax"]))
            for row in golden["categories"]
        }
        assert (invoice.net.amount, invoice.tax.amount, invoice.gross.amount) == tuple(
            Decimal(golden["totals"][key]) for key in ("net", "tax", "gross")
        )
        assert violations() == []

    def test_prints_what_was_priced_under_each_category_and_the_energy_once(self, invoice):
        energy, fee = invoice.lines.order_by("position")

        assert [(band["unit"], band["amount"]) for band in energy.prices] == [("kWh", "9.80")]
        assert [(band["unit"], band["amount"]) for band in fee.prices] == [("session", "1.00")]
        assert (energy.energy_milliwh, fee.energy_milliwh) == (20_000_000, 0)
        assert energy.cdr == fee.cdr

    def test_explains_the_record_once(self, invoice):
        html = print_html(invoice)

        assert html.count("Charge record") == 1
        assert ">0.000 kWh<" not in html
        assert "7%" in html
        assert "19%" in html

    def test_puts_the_energy_on_its_own_line_whichever_comes_first(self, db):
        site = make_site(elements=FEE_BEFORE_ENERGY)
        make_cdr(site=site)

        (invoice,) = bill(site)

        energy_of = {line.tax_rate: line.energy_milliwh for line in invoice.lines.all()}
        assert energy_of == {Decimal("0.19"): 20_000_000, Decimal("0.07"): 0}

    def test_is_billed_once(self, site, invoice):
        assert bill(site) == []
        assert not due_records(seller=site.owner, until_date=END_OF_MARCH).exists()

    def test_shows_in_portal_and_console(self, site, invoice):
        fleet = make_member(organisation=site.customer.organisation, role=Role.FLEET_ADMIN)
        owner = make_member(organisation=site.owner, role=Role.OWNER)
        session = invoice.lines.first().cdr.session

        pages = [
            signed_in(fleet.user).get(reverse("portal:invoice", args=[invoice.uid])),
            signed_in(owner.user).get(reverse("console:invoice", args=[invoice.uid])),
            signed_in(owner.user).get(reverse("console:session", args=[session.uid])),
            signed_in(owner.user).get(reverse("admin:invoices_invoice_change", args=[invoice.pk])),
        ]

        assert [page.status_code for page in pages] == [200] * 4
        assert all("1.00" in page.content.decode() for page in pages)
        assert why_this_tariff(session).choice.reasons[0] in unescape(pages[2].content.decode())


class TestAReceipt:
    def test_states_gross_amounts_of_each_category(self, db):
        """20 × 0.49 = 9.80 gross, ÷ 1.19 = 8.2353 → 8.24 net; fee 1.00 gross, ÷ 1.07 = 0.9346 → 0.93 net."""
        site = make_site(elements=ENERGY_AND_FEE, tax_included=True)

        receipt = issue_receipt(cdr_id=make_paid_cdr(site=site).pk, at=APRIL)

        lines = [(line.net.amount, line.gross.amount) for line in receipt.lines.order_by("position")]
        assert lines == [(Decimal("8.24"), Decimal("9.80")), (Decimal("0.93"), Decimal("1.00"))]
        assert (receipt.net.amount, receipt.tax.amount, receipt.gross.amount) == (
            Decimal("9.17"),
            Decimal("1.63"),
            Decimal("10.80"),
        )
        assert violations() == []

    def test_limited_to_the_amount_reserved_splits_the_limit(self, db):
        site = make_site(elements=ENERGY_AND_FEE, tax_included=True)

        receipt = issue_receipt(cdr_id=make_paid_cdr(site=site, limit_amount=Decimal("5.40")).pk, at=APRIL)

        lines = list(receipt.lines.order_by("position"))
        assert receipt.gross.amount == Decimal("5.40")
        for line in lines:
            assert sum(Decimal(band["amount"]) for band in line.prices) == line.gross.amount
            assert len(line.prices) == 2
        assert violations() == []


class TestTakingBack:
    def test_credits_both_lines(self, invoice):
        note = credit_invoice(invoice_id=invoice.pk, reason="Wrong", at=APRIL, by=None)

        assert note.gross.amount == Decimal("-12.73")
        assert [line.net.amount for line in note.lines.order_by("position")] == [Decimal("-9.80"), Decimal("-1.00")]
        assert ">0.000 kWh<" not in print_html(note)
        assert violations() == []

    def test_of_a_revised_record_credits_both_lines_and_bills_both_anew(self, site, invoice):
        revise(invoice.lines.first().cdr, kwh="10")

        note, second = bill(site)

        assert (note.gross.amount, second.gross.amount) == (Decimal("-12.73"), Decimal("6.90"))  # 4.90 + 0.93 + 1.07
        assert violations() == []


class TestTheDatabase:
    def test_refuses_a_record_on_two_documents(self, site, invoice):
        cdr = invoice.lines.first().cdr
        make_cdr(site=site)
        draft = draft_next(contract_id=site.contract.pk, until_date=END_OF_MARCH)

        with (
            pytest.raises(IntegrityError, match="line_record_on_one_document"),
            transaction.atomic(),
        ):
            draft.lines.filter(position=1).update(cdr=cdr, tax_rate=Decimal("0.05"))

        assert not draft.lines.filter(cdr=cdr).exists()

    def test_refuses_a_category_twice(self, site):
        make_cdr(site=site)
        draft = draft_next(contract_id=site.contract.pk, until_date=END_OF_MARCH)

        with pytest.raises(IntegrityError, match="line_record_once_per_vat_category"), transaction.atomic():
            draft.lines.update(tax_rate=Decimal("0.19"))

        assert draft.lines.filter(tax_rate=Decimal("0.07")).count() == 1


class TestTheAudit:
    def test_names_a_record_that_was_not_billed_whole(self, site):
        cdr = make_cdr(site=site)
        draft = draft_next(contract_id=site.contract.pk, until_date=END_OF_MARCH)
        issue_invoice(invoice_id=draft.pk, issued_at=APRIL)

        with triggers_off():
            InvoiceLine.objects.filter(cdr=cdr, tax_rate=Decimal("0.07")).delete()

        found = {(row.invariant, row.subject, row.problem) for row in violations()}
        assert (
            "I2",
            f"charge record {cdr.pk}",
            "is not billed whole: its lines do not add up to it",
        ) in found
