"""Files of opening items: read strictly, each odd line named; numbers of the old system found in remittance texts."""

from datetime import date
from decimal import Decimal

import pytest

from apps.core.domain.cells import csv_text
from apps.core.domain.csv_tables import read_table
from apps.payments.domain.opening_files import OPENINGS
from apps.payments.domain.remittances import names


def opening(**changes: str) -> tuple[str, ...]:
    values = {"customer": "K-1", "number": "RE-2025-0815", "date": "2025-12-01", "amount": "119.00"} | changes
    return tuple(values.get(column, "") for column in OPENINGS.columns)


def read(*lines: tuple[str, ...]):
    return read_table(csv_text([OPENINGS.columns, *lines]).encode(), OPENINGS)


class TestAFile:
    def test_reads_the_one_that_is_handed_out(self):
        file = read(*OPENINGS.example)

        assert (file.problems, [row.amount for row in file.rows]) == ((), [Decimal("119.00"), Decimal("-20.00")])
        assert [row.details for row in file.rows] == [
            "K-1 owes 119.00, of 2025-12-01, due 2025-12-15",
            "Ada Example has 20.00 in their favour EUR, of 2025-11-20, due 2025-12-04",
        ]

    def test_takes_a_comma_for_a_point_and_the_documents_day_where_no_other_is_due(self):
        (row,) = read(opening(amount="-1234,50", currency="eur")).rows

        assert (row.amount, row.currency, row.due_date) == (Decimal("-1234.50"), "EUR", date(2025, 12, 1))

    @pytest.mark.parametrize(
        ("changes", "message"),
        [
            ({"customer": ""}, "customer: this cannot be empty."),
            ({"number": "R" * 41}, "number: at most 40 characters."),
            ({"date": "1.12.2025"}, "date: a day such as 2025-12-31."),
            ({"due": "2025-11-30"}, "due: before the document's own day."),
            ({"amount": "1,234.00"}, "amount: a number such as 119.00, without thousands separators"),
            ({"amount": "٣"}, "amount: a number such as 119.00, without thousands separators"),
            ({"amount": "1e9"}, "amount: a number such as 119.00, without thousands separators"),
            ({"amount": "-0.00"}, "amount: nothing is open."),
            ({"currency": "EURO"}, "currency: three letters such as EUR."),
        ],
    )
    def test_names_what_is_odd(self, changes, message):
        file = read(opening(**changes))

        assert file.rows == ()
        assert file.problems[0].message.startswith(message)

    def test_has_a_document_of_a_customer_once(self):
        assert (
            read(opening(), opening(amount="7")).problems[0].message
            == "Line 2 has this document of this customer already."
        )


class TestATextNames:
    @pytest.mark.parametrize("text", ["RE-2025-0815", "pay re-2025-0815, thanks", "(RE-2025-0815)"])
    def test_a_number_as_a_word_of_its_own(self, text):
        assert names(text, number="RE-2025-0815")

    @pytest.mark.parametrize("text", ["RE-2025-08150", "XRE-2025-0815", "RE 2025 0815", ""])
    def test_no_other_number(self, text):
        assert not names(text, number="RE-2025-0815")

    @pytest.mark.parametrize("number", ["815", "RENT", "4.*5"])
    def test_nothing_by_chance(self, number):
        assert not names("RENT of 815 and 4125", number=number)
