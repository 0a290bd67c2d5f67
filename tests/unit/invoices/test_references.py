from decimal import Decimal

import pytest
import segno
from hypothesis import given
from hypothesis import strategies as st
from stdnum import iso11649

from apps.invoices.domain.numbers import format_number
from apps.invoices.domain.references import creditor_reference, in_groups, numbers_in
from apps.invoices.transfers import girocode

NUMBER = "INV-2026-000001"
# RF00 moved behind: INV2026000001 RF00 → 1823312026000001 271500; mod 97 is 4, and 98 − 4 = 94.
REFERENCE = "RF94INV2026000001"
PARTY = {"name": "Solar Park GmbH", "iban": "DE02120300000000202051", "bic": "BYLADEM1001"}

numbers = st.builds(
    format_number, kind=st.just("invoice"), year=st.integers(2000, 2099), sequence=st.integers(1, 999_999_999)
)


class TestCreditorReference:
    def test_is_the_number_behind_its_check_digits(self):
        assert creditor_reference(NUMBER) == REFERENCE
        assert in_groups(REFERENCE) == "RF94 INV2 0260 0000 1"

    @given(numbers)
    def test_is_valid_by_iso_11649_and_found_again_however_it_is_grouped(self, number):
        reference = creditor_reference(number)

        assert iso11649.is_valid(reference)
        assert numbers_in(f"charging {in_groups(reference).lower()}, thanks") == (number,)
        assert numbers_in(number) == (number,)


class TestNumbersIn:
    @pytest.mark.parametrize(
        ("text", "found"),
        [
            (f"paid {REFERENCE} 30.11.2026", (NUMBER,)),
            (f"{REFERENCE}20261130", (NUMBER,)),
            ("Rechnung inv-2026-000001", (NUMBER,)),
            ("INV 2026/000001", (NUMBER,)),
            ("INV2026000001", (NUMBER,)),
            (f"INV-2026-000002 and {REFERENCE} and INV-2026-000002", (NUMBER, "INV-2026-000002")),
            ("RF95INV2026000001", ()),
            ("REINV-2026-000001", ()),
            ("INV-2026-1", ()),
            ("CN-2026-000001", ()),
            ("", ()),
            ("\x00\n٢٠٢٦ INV-٢٠٢٦-٠٠٠٠٠١", ()),
            ("INV-2026-" + "0" * 10_000, ()),
        ],
    )
    def test_names_each_invoice_once_and_none_that_is_mistyped(self, text, found):
        assert numbers_in(text) == found


class TestGirocode:
    def test_says_account_amount_and_reference_in_the_banks_own_form(self):
        code = girocode(party=PARTY, number=NUMBER, amount=Decimal("119.00"), currency="EUR")

        fields = "BCD 002 1 SCT BYLADEM1001 Solar_Park_GmbH DE02120300000000202051 EUR119"
        payload = "\n".join([*fields.replace(" ", "\n").replace("_", " ").split("\n"), "", REFERENCE])
        expected = segno.make(payload, error="m", micro=False, boost_error=False, encoding="utf-8")
        assert code == expected.svg_inline(border=4, omitsize=True, svgclass="qr", lineclass=None)

    def test_lets_no_name_begin_another_field(self):
        hostile = girocode(
            party=PARTY | {"name": "Solar\nDE89370400440532013000"}, number=NUMBER, amount=Decimal(1), currency="EUR"
        )
        plain = girocode(
            party=PARTY | {"name": "Solar DE89370400440532013000"}, number=NUMBER, amount=Decimal(1), currency="EUR"
        )

        assert hostile == plain

    @pytest.mark.parametrize(
        ("changes", "amount", "currency"),
        [
            ({}, "119.00", "CHF"),
            ({}, "0.00", "EUR"),
            ({"iban": ""}, "119.00", "EUR"),
            ({"iban": "DE03120300000000202051"}, "119.00", "EUR"),
        ],
    )
    def test_is_nothing_where_no_sepa_transfer_can_pay(self, changes, amount, currency):
        assert girocode(party=PARTY | changes, number=NUMBER, amount=Decimal(amount), currency=currency) == ""

    @given(st.text(min_size=1, max_size=200).filter(str.strip))
    def test_takes_any_name(self, name):
        assert girocode(party=PARTY | {"name": name}, number=NUMBER, amount=Decimal("0.01"), currency="EUR")
