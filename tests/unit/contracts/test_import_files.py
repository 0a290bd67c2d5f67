"""Files of customers and contracts: read strictly, each odd line named, the rest kept."""

from datetime import date

import pytest

from apps.contracts.domain.contract_files import CONTRACTS
from apps.contracts.domain.customer_files import CUSTOMERS
from apps.core.domain.cells import csv_text
from apps.core.domain.csv_tables import MOST_ROWS, read_table


def content(table, *lines: tuple[str, ...]) -> bytes:
    return csv_text([table.columns, *lines]).encode()


def customer(**changes: str) -> tuple[str, ...]:
    values = {
        "number": "K-1",
        "name": "Example GmbH",
        "street": "Hafenstr. 1",
        "postcode": "20457",
        "city": "Hamburg",
        "country": "de",
        "email": "a@example.com",
    } | changes
    return tuple(values.get(column, "") for column in CUSTOMERS.columns)


def contract(**changes: str) -> tuple[str, ...]:
    values = {"number": "V-1", "customer": "K-1", "from": "2026-01-01"} | changes
    return tuple(values.get(column, "") for column in CONTRACTS.columns)


class TestEveryTable:
    @pytest.mark.parametrize("table", [CUSTOMERS, CONTRACTS], ids=lambda table: table.rows)
    def test_reads_the_file_that_is_handed_out(self, table):
        file = read_table(content(table, *table.example), table)

        assert [row.line for row in file.rows] == [2, 3]
        assert file.problems == ()
        assert all(row.label and row.details for row in file.rows)

    def test_reads_a_cell_back_that_was_defused(self):
        (row,) = read_table(content(CUSTOMERS, customer(name="=1+1 GmbH")), CUSTOMERS).rows

        assert row.name == "=1+1 GmbH"

    def test_keeps_the_rest_beside_what_is_odd(self):
        file = read_table(content(CUSTOMERS, customer(), customer(number=""), customer(number="K-3")), CUSTOMERS)

        assert [row.number for row in file.rows] == ["K-1", "K-3"]
        assert [(one.line, one.message) for one in file.problems] == [(3, "number: this cannot be empty.")]

    def test_refuses_too_many(self):
        lines = [customer(number=f"K-{number}") for number in range(MOST_ROWS + 1)]

        file = read_table(content(CUSTOMERS, *lines), CUSTOMERS)

        assert (file.rows, file.problems[0].message) == ((), "More than 2,000 customers: part the file.")


class TestCustomers:
    def test_have_defaults(self):
        (row,) = read_table(content(CUSTOMERS, customer()), CUSTOMERS).rows

        assert (row.kind, row.language, row.invoice_format, row.country) == ("fleet", "en", "facturx", "DE")

    def test_stand_in_one_line_each(self):
        file = read_table(content(CUSTOMERS, customer(), customer(name="Other")), CUSTOMERS)

        assert file.problems[0].message == "Line 2 has this number already."

    @pytest.mark.parametrize(
        ("changes", "message"),
        [
            ({"email": ""}, "email: this cannot be empty."),
            ({"number": "K" * 21}, "number: at most 20 characters."),
        ],
    )
    def test_are_refused_by_column(self, changes, message):
        (problem,) = read_table(content(CUSTOMERS, customer(**changes)), CUSTOMERS).problems

        assert problem.message == message


class TestContracts:
    def test_run_from_their_first_day_to_their_last(self):
        (row,) = read_table(content(CONTRACTS, contract(until="2026-12-31", payment_days="30")), CONTRACTS).rows

        assert (row.first, row.last, row.payment_days) == (date(2026, 1, 1), date(2026, 12, 31), 30)

    @pytest.mark.parametrize(
        ("changes", "message"),
        [
            ({"from": ""}, "from: this cannot be empty."),
            ({"from": "1.1.2026"}, "from: a day such as 2026-12-31."),
            ({"from": "0001-01-01"}, "from: a day such as 2026-12-31."),
            ({"until": "2025-12-31"}, "until: it ends before it begins."),
            ({"payment_days": "-1"}, "payment_days: a number of days up to 365."),
            ({"payment_days": "1e3"}, "payment_days: a number of days up to 365."),
            ({"payment_days": "٣"}, "payment_days: a number of days up to 365."),
            ({"payment_days": "366"}, "payment_days: a number of days up to 365."),
            ({"customer": ""}, "customer: this cannot be empty."),
        ],
    )
    def test_are_refused_by_column(self, changes, message):
        (problem,) = read_table(content(CONTRACTS, contract(**changes)), CONTRACTS).problems

        assert problem.message == message
