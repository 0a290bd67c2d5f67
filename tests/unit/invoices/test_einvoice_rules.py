"""Each rule by what breaks it; an invoice of one session, 8.49 net and 19 % of it."""

from dataclasses import replace
from datetime import date
from decimal import Decimal
from typing import Any

import pytest

from apps.invoices.domain.einvoice import xrechnung
from apps.invoices.domain.einvoice.rules import broken_rules
from apps.invoices.domain.einvoice.terms import (
    Buyer,
    EInvoice,
    Line,
    Payment,
    Preceding,
    Seller,
    SellerContact,
    Totals,
    Vat,
)

SELLER = Seller(
    bt27_name="Stadtwerke GmbH",
    bt30_registration="HRB 1",
    bt31_vat_id="DE123456788",
    bt32_tax_id="",
    bt34_address="billing@owner.example",
    bt34_scheme="EM",
    bt35_street="Hauptstraße 1",
    bt37_city="Berlin",
    bt38_postcode="10115",
    bt40_country="DE",
    bg6_contact=SellerContact(
        bt41_name="Stadtwerke GmbH", bt42_phone="+49 30 1234567", bt43_email="billing@owner.example"
    ),
)
BUYER = Buyer(
    bt44_name="Fleet AG",
    bt46_number="C-1",
    bt48_vat_id="DE987654321",
    bt49_address="office@fleet.example",
    bt49_scheme="EM",
    bt50_street="Ring 2",
    bt52_city="Hamburg",
    bt53_postcode="20095",
    bt55_country="DE",
)
LINE = Line(
    bt126_id="1",
    bt129_quantity=Decimal(11),
    bt130_unit="KWH",
    bt131_amount=Decimal("8.49"),
    bt133_cost_centre="",
    bt134_start=date(2026, 3, 10),
    bt135_end=date(2026, 3, 10),
    bt146_price=Decimal("0.771818"),
    bt151_category="S",
    bt152_rate=Decimal(19),
    bt153_name="Charging session",
    bt154_description="",
)
VAT = Vat(bt116_basis=Decimal("8.49"), bt117_tax=Decimal("1.61"), bt118_category="S", bt119_rate=Decimal(19))
TOTALS = Totals(
    bt106_lines=Decimal("8.49"),
    bt109_net=Decimal("8.49"),
    bt110_tax=Decimal("1.61"),
    bt112_gross=Decimal("10.10"),
    bt113_paid=Decimal(0),
    bt115_due=Decimal("10.10"),
)
PAYMENT = Payment(
    bt81_means="58", bt83_reference="", bt84_account="DE02120300000000202051", bt85_holder="", bt86_bic=""
)
INVOICE = EInvoice(
    bt1_number="",
    bt2_issue_date=date(2026, 4, 1),
    bt3_type="380",
    bt5_currency="EUR",
    bt9_due_date=date(2026, 4, 15),
    bt10_buyer_reference="04011000-1234512345-06",
    bt12_contract="K-1",
    bt13_purchase_order="",
    bt20_payment_terms="",
    bt22_notes=(),
    bg3_preceding=(),
    bg4_seller=SELLER,
    bg7_buyer=BUYER,
    bt73_start=date(2026, 3, 10),
    bt74_end=date(2026, 3, 10),
    bg16_payment=PAYMENT,
    bg22_totals=TOTALS,
    bg23_vat=(VAT,),
    bg25_lines=(LINE,),
)


def untaxed(category: str, **vat: Any) -> EInvoice:
    """Return the invoice under a category without VAT, with its reason."""
    rate = None if category == "O" else Decimal(0)
    row = replace(
        VAT, bt118_category=category, bt119_rate=rate, bt117_tax=Decimal("0.00"), bt120_reason="because", **vat
    )
    return replace(
        INVOICE,
        bg25_lines=(replace(LINE, bt151_category=category, bt152_rate=rate),),
        bg23_vat=(row,),
        bg22_totals=replace(TOTALS, bt110_tax=Decimal("0.00"), bt112_gross=Decimal("8.49"), bt115_due=Decimal("8.49")),
    )


def without_reason(category: str) -> EInvoice:
    invoice = untaxed(category)
    return replace(invoice, bg23_vat=(replace(invoice.bg23_vat[0], bt120_reason=""),))


def in_seller(**changes: Any) -> EInvoice:
    return replace(INVOICE, bg4_seller=replace(SELLER, **changes))


def in_buyer(**changes: Any) -> EInvoice:
    return replace(INVOICE, bg7_buyer=replace(BUYER, **changes))


def in_line(**changes: Any) -> EInvoice:
    return replace(INVOICE, bg25_lines=(replace(LINE, **changes),))


def in_totals(**changes: Any) -> EInvoice:
    return replace(INVOICE, bg22_totals=replace(TOTALS, **changes))


def in_vat(**changes: Any) -> EInvoice:
    return replace(INVOICE, bg23_vat=(replace(VAT, **changes),))


def ids(invoice: EInvoice) -> list[str]:
    return [broken.rule for broken in broken_rules(invoice)]


OUTSIDE = replace(
    untaxed("O"),
    bg4_seller=replace(SELLER, bt31_vat_id="", bt32_tax_id="DE123456788"),
    bg7_buyer=replace(BUYER, bt48_vat_id=""),
)


class TestBrokenRules:
    @pytest.mark.parametrize(
        "invoice",
        [
            INVOICE,
            untaxed("AE"),
            untaxed("E"),
            OUTSIDE,
            replace(untaxed("Z"), bg23_vat=(replace(untaxed("Z").bg23_vat[0], bt120_reason=""),)),
        ],
    )
    def test_are_none_of_an_invoice_that_is_one(self, invoice):
        assert broken_rules(invoice) == []

    @pytest.mark.parametrize(
        ("rule", "invoice"),
        [
            ("BR-06", in_seller(bt27_name="")),
            ("BR-07", in_buyer(bt44_name="")),
            ("BR-09", in_seller(bt40_country="")),
            ("BR-11", in_buyer(bt55_country="")),
            ("BR-CO-09", in_seller(bt31_vat_id="123456788")),
            ("BR-CO-09", in_buyer(bt48_vat_id="de987654321")),
            ("BR-62", in_seller(bt34_scheme="")),
            ("BR-63", in_buyer(bt49_scheme="")),
            ("BR-29", replace(INVOICE, bt74_end=date(2026, 3, 9))),
            ("BR-55", replace(INVOICE, bg3_preceding=(Preceding(bt25_number="", bt26_date=None),))),
            ("BR-CO-25", replace(INVOICE, bt9_due_date=None)),
            ("BR-61", replace(INVOICE, bg16_payment=replace(PAYMENT, bt84_account=""))),
            ("BR-25", in_line(bt153_name="")),
            ("BR-27", in_line(bt146_price=Decimal("-0.01"))),
            ("BR-30", in_line(bt135_end=date(2026, 3, 9))),
            ("BR-CO-16", in_totals(bt115_due=Decimal("10.11"))),
            (
                "BR-S-05",
                replace(
                    in_vat(bt119_rate=Decimal(0), bt117_tax=Decimal("1.61")),
                    bg25_lines=(replace(LINE, bt152_rate=Decimal(0)),),
                ),
            ),
            ("BR-S-10", in_vat(bt120_reason="because")),
            ("BR-AE-02", replace(untaxed("AE"), bg7_buyer=replace(BUYER, bt48_vat_id=""))),
            ("BR-AE-10", without_reason("AE")),
            ("BR-E-10", without_reason("E")),
            ("BR-O-02", untaxed("O")),
            ("BR-CL-17", replace(untaxed("X"))),
            ("BR-DEC-23", replace(INVOICE, bt5_currency="KWD")),
        ],
    )
    def test_name_what_is_wrong(self, rule, invoice):
        assert rule in ids(invoice)

    def test_hold_every_sum_to_the_cent(self):
        cent_more = in_line(bt131_amount=Decimal("8.50"))

        assert ids(cent_more) == ["BR-CO-10", "BR-S-08"]
        assert ids(in_totals(bt109_net=Decimal("8.48"))) == ["BR-CO-13", "BR-CO-15"]
        assert ids(in_vat(bt117_tax=Decimal("1.60"))) == ["BR-CO-14", "BR-CO-17"]
        assert ids(in_totals(bt112_gross=Decimal("10.11"))) == ["BR-CO-15", "BR-CO-16"]

    def test_let_the_vat_that_gross_amounts_contain_differ_by_what_their_lines_were_rounded(self):
        # 0.99 gross are 0.83 net (0.8319). Three lines: 2.97 gross, 2.49 net, so 0.48 VAT; 19 % of 2.49 are 0.4731.
        lines = tuple(replace(LINE, bt126_id=str(n), bt131_amount=Decimal("0.83")) for n in range(3))
        contained = replace(
            INVOICE,
            vat_is_contained=True,
            bg25_lines=lines,
            bg23_vat=(replace(VAT, bt116_basis=Decimal("2.49"), bt117_tax=Decimal("0.48")),),
            bg22_totals=Totals(
                bt106_lines=Decimal("2.49"),
                bt109_net=Decimal("2.49"),
                bt110_tax=Decimal("0.48"),
                bt112_gross=Decimal("2.97"),
                bt113_paid=Decimal(0),
                bt115_due=Decimal("2.97"),
            ),
        )

        assert ids(contained) == []
        assert ids(replace(contained, vat_is_contained=False)) == ["BR-CO-17"]

    def test_want_what_is_not_subject_to_vat_on_a_document_of_its_own(self):
        mixed = replace(OUTSIDE, bg23_vat=(*OUTSIDE.bg23_vat, VAT))

        assert "BR-O-11" in ids(mixed)

    def test_want_a_breakdown_of_each_category_that_a_line_has(self):
        assert ids(in_line(bt152_rate=Decimal(7))) == ["BR-S-08", "BR-S-01"]

    def test_say_in_words_what_to_do(self):
        (broken,) = broken_rules(in_buyer(bt48_vat_id="987654321"))

        assert str(broken) == (
            "the VAT identifier 987654321 of “Fleet AG” does not begin with the two letters of its country (BR-CO-09)"
        )


class TestXRechnung:
    def test_is_what_has_references_contact_and_addresses(self):
        assert xrechnung.broken_rules(INVOICE) == []

    @pytest.mark.parametrize(
        ("rule", "invoice"),
        [
            ("BR-DE-15", replace(INVOICE, bt10_buyer_reference="")),
            ("BR-DE-1", replace(INVOICE, bg16_payment=replace(PAYMENT, bt81_means=""))),
            ("BR-DE-6", in_seller(bg6_contact=replace(SELLER.bg6_contact, bt42_phone="none"))),
            ("BR-DE-7", in_seller(bg6_contact=replace(SELLER.bg6_contact, bt43_email=""))),
            ("BR-DE-3", in_seller(bt37_city="")),
            ("BR-DE-9", in_buyer(bt53_postcode="")),
            ("PEPPOL-EN16931-R010", in_buyer(bt49_address="")),
        ],
    )
    def test_names_what_is_missing(self, rule, invoice):
        assert [broken.rule for broken in xrechnung.broken_rules(invoice)] == [rule]
