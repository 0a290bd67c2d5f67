from datetime import date

import pytest

from apps.core.domain.moves import IllegalMove
from apps.invoices.domain.numbers import due_date, format_number
from apps.invoices.domain.status import InvoiceStatus, advance


class TestFormatNumber:
    @pytest.mark.parametrize(
        ("kind", "year", "sequence", "number"),
        [
            ("invoice", 2026, 1, "INV-2026-000001"),
            ("receipt", 2026, 7, "REC-2026-000007"),
            ("credit_note", 2027, 42, "CN-2027-000042"),
            ("invoice", 2026, 1_234_567, "INV-2026-1234567"),
        ],
    )
    def test_names_kind_year_and_sequence(self, kind, year, sequence, number):
        assert format_number(kind=kind, year=year, sequence=sequence) == number

    def test_refuses_a_number_before_the_first(self):
        with pytest.raises(ValueError, match="starts at 1"):
            format_number(kind="invoice", year=2026, sequence=0)


class TestDueDate:
    @pytest.mark.parametrize(
        ("issued", "days", "due"),
        [
            (date(2026, 3, 31), 14, date(2026, 4, 14)),
            (date(2028, 2, 15), 14, date(2028, 2, 29)),
            (date(2026, 12, 31), 0, date(2026, 12, 31)),
        ],
    )
    def test_counts_days_from_the_day_of_issue(self, issued, days, due):
        assert due_date(issue_date=issued, payment_days=days) == due


class TestAdvance:
    def test_never_leaves_issued(self):
        for status in InvoiceStatus:
            with pytest.raises(IllegalMove):
                advance(InvoiceStatus.ISSUED, status)
