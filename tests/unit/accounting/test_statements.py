"""Bank statements become the same lines from camt.053 and CSV, and the same keys whenever they are told again."""

from dataclasses import replace
from datetime import date
from decimal import Decimal

import pytest

from apps.accounting.domain.statements.camt import read_camt
from apps.accounting.domain.statements.lines import UnreadableStatement, check_balances
from apps.accounting.domain.statements.tables import Layout, guess, read_lines, read_table
from tests.unit.accounting.camt import HEAD, balance, camt, details, entry

SPARKASSE = (
    '"Auftragskonto";"Buchungstag";"Valutadatum";"Buchungstext";"Verwendungszweck";'
    '"Beguenstigter/Zahlungspflichtiger";"Kontonummer/IBAN";"Betrag";"Waehrung"\r\n'
    '"DE02";"20.07.26";"20.07.26";"GUTSCHRIFT";"INV-2026-000001  danke";"Fleet Süd AG";"DE89370400440532013000";'
    '"1.234,56";"EUR"\r\n'
    '"DE02";"21.07.26";"21.07.26";"LASTSCHRIFT";"Miete";"Vermieter";"";"-500,00";"EUR"\r\n'
).encode("cp1252")
ENGLISH = b"Date,Amount,Name,Description\n2026-07-20,1234.56,Fleet Ltd,INV-2026-000001\n2026-07-21,-5.00,Bank,Fee\n"


class TestCamt:
    @pytest.mark.parametrize("version", ["02", "08", "13"])
    def test_tells_day_amount_payer_and_reference(self, version):
        told = details(text="Rechnung INV-2026-000001", ref="B1", iban="DE89370400440532013000")

        read = read_camt(camt(entry("119.00", told), version=version))

        (line,) = read.lines
        assert replace(line, key="") == replace(
            line,
            booked_on=date(2026, 7, 20),
            amount=Decimal("119.00"),
            currency="EUR",
            payer="Fleet AG",
            payer_iban="DE89370400440532013000",
            reference="Rechnung INV-2026-000001",
            bank_reference="B1",
            key="",
        )
        assert read.account == "DE02120300000000202051"

    def test_reads_names_as_the_second_version_writes_them(self):
        told = details(payer="X").replace("<Pty><Nm>X</Nm></Pty>", "<Nm>Fleet AG</Nm>")

        assert read_camt(camt(entry("1.00", told), version="02")).lines[0].payer == "Fleet AG"

    def test_takes_the_structured_reference_first(self):
        (line,) = read_camt(camt(entry("1.00", details(text="danke", reference="RF94INV2026000001")))).lines

        assert line.reference == "RF94INV2026000001 danke"

    def test_leaves_out_what_is_only_pending(self):
        for status in ("<Sts><Cd>PDNG</Cd></Sts>", "<Sts>INFO</Sts>"):
            assert read_camt(camt(entry("1.00", details(), status=status))).lines == ()
        assert len(read_camt(camt(entry("1.00", details(), status="<Sts>BOOK</Sts>"))).lines) == 1

    def test_splits_a_collected_entry_into_its_transactions(self):
        many = entry("30.00", details(payer="A", amount="10.00"), details(payer="B", amount="20.00"))

        lines = read_camt(camt(many)).lines

        assert [(line.payer, line.amount) for line in lines] == [("A", Decimal("10.00")), ("B", Decimal("20.00"))]

    def test_keeps_an_entry_whole_whose_transactions_do_not_make_it(self):
        many = entry("31.00", details(payer="A", amount="10.00"), details(payer="B", amount="20.00"))

        assert [line.amount for line in read_camt(camt(many)).lines] == [Decimal("31.00")]

    def test_tells_money_that_left_and_reversals(self):
        left, back = read_camt(
            camt(entry("5.00", details(), side="DBIT"), entry("5.00", details(), more="<RvslInd>true</RvslInd>"))
        ).lines

        assert (left.amount, left.is_reversal) == (Decimal("-5.00"), False)
        assert (back.amount, back.is_reversal) == (Decimal("5.00"), True)

    def test_compares_the_balances_with_the_lines(self):
        right = balance("OPBD", "100.00") + balance("CLBD", "219.00")
        wrong = balance("OPBD", "100.00") + balance("CLBD", "20.00", "DBIT")

        assert check_balances(read_camt(camt(entry("119.00", details()), balances=right))) == ""
        assert check_balances(read_camt(camt(entry("119.00", details()), balances=wrong))) == (
            "The lines move 119.00; from 100.00 to -20.00 it would be -120.00."
        )

    @pytest.mark.parametrize(
        ("content", "why"),
        [
            (b"", "no XML"),
            (b"<a", "no XML"),
            (b"<a/>", "no camt.053"),
            (f'{HEAD}<!DOCTYPE a [<!ENTITY b "c">]><a>&b;</a>'.encode(), "document type or entities"),
            (f'{HEAD}<!DOCTYPE a SYSTEM "http://x/y.dtd"><a/>'.encode(), "document type or entities"),
            (camt(entry("1,00", details())), "cannot be read"),
            (camt(entry("NaN", details())), "cannot be read"),
            (camt(entry("1.00", details(), day="20.07.2026")), "cannot be read"),
            (b"<a>" + b" " * (5 * 1024 * 1024) + b"</a>", "larger than"),
        ],
    )
    def test_refuses_what_it_cannot_read(self, content, why):
        with pytest.raises(UnreadableStatement, match=why):
            read_camt(content)

    def test_refuses_several_accounts_at_once(self):
        two = camt(entry("1.00", details())).replace(
            b"</BkToCstmrStmt>", b"<Stmt><Acct><Id><IBAN>FR76</IBAN></Id></Acct></Stmt></BkToCstmrStmt>"
        )

        with pytest.raises(UnreadableStatement, match="several accounts"):
            read_camt(two)


class TestKeys:
    def test_are_the_same_in_another_file_with_the_same_line(self):
        line = entry("119.00", details(text="INV-2026-000001", ref="B1"))

        one = read_camt(camt(line)).lines[0].key
        other = read_camt(camt(entry("5.00", details(ref="B2")), line)).lines[1].key

        assert one == other
        assert len(one) <= 80

    def test_tell_two_equal_transfers_of_a_day_apart_by_their_order(self):
        line = entry("5.00", details(text="Strom"))

        first, second = (each.key for each in read_camt(camt(line, line)).lines)

        assert first != second
        assert first == read_camt(camt(line)).lines[0].key

    def test_differ_by_account(self):
        line = entry("5.00", details())

        assert read_camt(camt(line)).lines[0].key != read_camt(camt(line, iban="FR76")).lines[0].key


class TestCsv:
    def test_is_guessed_of_a_german_bank(self):
        table = read_table(SPARKASSE)

        assert guess(table) == Layout(
            booked_on="Buchungstag",
            amount="Betrag",
            day_format="%d.%m.%y",
            decimal_comma=True,
            currency="Waehrung",
            payer="Beguenstigter/Zahlungspflichtiger",
            payer_iban="Kontonummer/IBAN",
            reference="Verwendungszweck",
        )
        lines = read_lines(table, guess(table), currency="EUR").lines
        assert [(line.booked_on, line.amount, line.payer, line.reference) for line in lines] == [
            (date(2026, 7, 20), Decimal("1234.56"), "Fleet Süd AG", "INV-2026-000001 danke"),
            (date(2026, 7, 21), Decimal("-500.00"), "Vermieter", "Miete"),
        ]

    def test_is_guessed_of_an_english_one(self):
        table = read_table(ENGLISH)
        layout = guess(table)

        assert (layout.booked_on, layout.amount, layout.decimal_comma, layout.day_format) == (
            "Date",
            "Amount",
            False,
            "%Y-%m-%d",
        )
        assert read_lines(table, layout, currency="GBP").lines[0].currency == "GBP"

    def test_leaves_out_what_stands_above_the_titles(self):
        table = read_table(b'"Kontonummer:";"DE02"\r\n\r\n' + SPARKASSE)

        assert table.titles[1] == "Buchungstag"
        assert table.key == read_table(SPARKASSE).key

    @pytest.mark.parametrize(
        ("text", "comma", "amount"),
        [
            ("1.234,56", True, "1234.56"),
            ("1,234.56", False, "1234.56"),
            ("+5,00", True, "5.00"),
            ("5,00-", True, "-5.00"),
            ("−5.00", False, "-5.00"),
            ("1 234,5", True, "1234.5"),
            ("5 EUR", True, None),
            ("NaN", True, None),
            ("1e5", False, None),
            ("٥", True, None),
            ("", True, None),
        ],
    )
    def test_reads_amounts_as_they_are_written_or_not_at_all(self, text, comma, amount):
        table = read_table(f"Date;Amount;Name\n2026-07-20;{text};X\n".encode())
        layout = Layout(booked_on="Date", amount="Amount", day_format="%Y-%m-%d", decimal_comma=comma)

        read = read_lines(table, layout, currency="EUR")

        if amount is None:
            assert read.lines == ()
            assert read.problems == ((2, f"“{text}” is no amount."),)
        else:
            assert [line.amount for line in read.lines] == [Decimal(amount)]

    def test_names_the_line_whose_day_cannot_be_read(self):
        table = read_table(b"Date;Amount;Name\n2026-07-20;1,00;X\n31.02.2026;1,00;X\n")
        layout = Layout(booked_on="Date", amount="Amount", day_format="%Y-%m-%d", decimal_comma=True)

        assert read_lines(table, layout, currency="EUR").problems == ((3, "“31.02.2026” is no day like 2026-12-31."),)

    def test_refuses_a_layout_whose_column_is_gone(self):
        layout = Layout(booked_on="Day", amount="Amount", day_format="%Y-%m-%d", decimal_comma=False)

        with pytest.raises(UnreadableStatement, match="no column “Day”"):
            read_lines(read_table(ENGLISH), layout, currency="EUR")

    @pytest.mark.parametrize("content", [b"", b"one,two\n1,2\n", b"a;b;c\0", b"x" * (1024 * 1024 + 1)])
    def test_refuses_what_is_no_table(self, content):
        with pytest.raises(UnreadableStatement):
            read_table(content)

    def test_names_empty_and_repeated_titles_by_their_place(self):
        assert read_table(b"Date,,Amount,Amount\n").titles == ("Date", "column (2)", "Amount", "Amount (4)")
