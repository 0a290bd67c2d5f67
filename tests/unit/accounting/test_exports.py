"""The files for accountants, worked by hand, and the laws of splitting journals into pairs of accounts."""

import csv
import json
from collections import Counter
from datetime import UTC, date, datetime
from decimal import Decimal
from io import StringIO

import pytest
from hypothesis import given
from hypothesis import strategies as st

from apps.accounting.domain.exports import as_json, datev, tables
from apps.accounting.domain.exports.bookings import Batch, Booking, Posted, pairs
from apps.ledger.domain.chart import CHART, Role
from apps.ledger.domain.charts import ChartKind, Numbering

GERMAN = "DE|S|0.1900"
CLIENT = datev.Client(consultant=29098, number=55003, chart="03", account_length=4, home="DE")
SKR03 = Numbering(kind=ChartKind.SKR03, home="DE")


def posted(role: Role, amount: str, vat: str = "") -> Posted:
    account = SKR03.account(role, vat)
    return Posted(
        code=CHART[role].code,
        role=role,
        number=account.number,
        name=account.name,
        amount=Decimal(amount),
        vat=vat,
        is_automatic=account.is_automatic,
    )


def booking(*entries: Posted, **more) -> Booking:
    values = {
        "key": "invoice:7:issued",
        "posted_on": date(2026, 7, 1),
        "tax_date": date(2026, 6, 30),
        "text": "Invoice to Fleet „Süd“ AG, 2026-06-01 to 2026-06-30",
        "document": "INV-2026-000001",
        "party": "Fleet „Süd“ AG",
        "customer_number": "K-1",
        "due_date": date(2026, 7, 15),
    }
    return Booking(entries=entries, **{**values, **more})


def batch(*bookings: Booking, **more) -> Batch:
    values = {
        "seller": "Stadtwerke GmbH",
        "currency": "EUR",
        "first": date(2026, 7, 1),
        "last": date(2026, 7, 31),
        "number": 0,
        "made_at": datetime(2026, 8, 3, 9, 30, 0, 123000, tzinfo=UTC),
    }
    return Batch(bookings=bookings, **{**values, **more})


def invoice(net: str, tax: str, gross: str, vat: str = GERMAN) -> Booking:
    taxed = [posted(Role.VAT_PAYABLE, f"-{tax}", vat)] if Decimal(tax) else []
    return booking(posted(Role.RECEIVABLE, gross), posted(Role.REVENUE_ENERGY, f"-{net}", vat), *taxed)


def rows(*bookings: Booking, client=CLIENT, **more) -> list[dict[str, str]]:
    head, names, *lines = datev.render(batch(*bookings, **more), client).decode("cp1252").split("\r\n")[:-1]
    assert head
    return [dict(zip(names.split(";"), line.split(";"), strict=True)) for line in lines]


def told(row: dict[str, str]) -> tuple[str, str, str, str, str]:
    return tuple(
        row[name].strip('"')
        for name in (
            "Umsatz (ohne Soll/Haben-Kz)",
            "Soll/Haben-Kennzeichen",
            "Konto",
            "Gegenkonto (ohne BU-Schlüssel)",
            "BU-Schlüssel",
        )
    )


class TestDatevsHeader:
    def test_is_the_one_of_format_700(self):
        head = datev.render(batch(), CLIENT).decode("cp1252").split("\r\n")[0]

        assert head == (
            '"EXTF";700;21;"Buchungsstapel";13;20260803093000123;;"RE";"";"";29098;55003;20260101;4;20260701;20260731;'
            '"Wattledger 07/2026";"";1;0;0;"EUR";;"";;;"03";;;"";""'
        )
        assert head.count(";") == 30

    def test_knows_a_year_that_begins_in_spring(self):
        client = datev.Client(consultant=29098, number=55003, chart="04", account_length=6, home="DE", year_begins=4)

        fields = {
            month: datev.render(batch(first=date(2026, month, 1), last=date(2026, month, 28)), client)
            .decode("cp1252")
            .split(";")[12]
            for month in (3, 4)
        }

        assert fields == {3: "20250401", 4: "20260401"}

    def test_has_125_columns_in_their_places(self):
        assert len(datev.COLUMNS) == len(set(datev.COLUMNS)) == 125
        for place, name in (
            (9, "BU-Schlüssel"),
            (14, "Buchungstext"),
            (21, "Beleginfo - Art 1"),
            (37, "KOST1 - Kostenstelle"),
            (48, "Zusatzinformation - Art 1"),
            (88, "Stück"),
            (114, "Festschreibung"),
            (115, "Leistungsdatum"),
            (117, "Fälligkeit"),
            (125, "Abw. Skontokonto"),
        ):
            assert datev.COLUMNS[place - 1] == name


class TestDatevsFeesInAdvance:
    def test_stand_net_on_the_deferral_with_their_vat_apart(self):
        fee = booking(
            posted(Role.RECEIVABLE, "107.10"),
            posted(Role.DEFERRED_FEES, "-90.00", GERMAN),
            posted(Role.VAT_PAYABLE, "-17.10", GERMAN),
        )

        assert [told(row) for row in rows(fee)] == [
            ("90,00", "S", "1410", "0990", ""),
            ("17,10", "S", "1410", "1776", ""),
        ]

    def test_stand_beside_what_is_earned_at_once(self):
        late = booking(
            posted(Role.RECEIVABLE, "107.10"),
            posted(Role.REVENUE_ENERGY, "-31.00", GERMAN),
            posted(Role.DEFERRED_FEES, "-59.00", GERMAN),
            posted(Role.VAT_PAYABLE, "-17.10", GERMAN),
        )

        assert [told(row) for row in rows(late)] == [
            ("31,00", "S", "1410", "8400", "40"),
            ("59,00", "S", "1410", "0990", ""),
            ("17,10", "S", "1410", "1776", ""),
        ]

    def test_are_earned_without_datev_taking_vat_out_again(self):
        earned = booking(posted(Role.DEFERRED_FEES, "31.00", GERMAN), posted(Role.REVENUE_ENERGY, "-31.00", GERMAN))

        assert [told(row) for row in rows(earned)] == [("31,00", "S", "0990", "8400", "40")]


class TestDatevsRows:
    def test_put_an_invoice_gross_on_the_automatic_account(self):
        # 8.49 + 1.61 = 10.10; DATEV takes 10.10 × 19 ÷ 119 = 1.6126 → 1.61 out again.
        (row,) = rows(invoice("8.49", "1.61", "10.10"))

        assert told(row) == ("10,10", "S", "1410", "8400", "")
        assert row["Belegdatum"] == "0107"
        assert row["Leistungsdatum"] == row["Datum Zuord. Steuerperiode"] == "30062026"
        assert row["Fälligkeit"] == "15072026"
        assert row["Belegfeld 1"] == '"INV-2026-000001"'
        assert row["Beleginfo - Inhalt 1"] == '"invoice:7:issued"'
        assert row["Beleginfo - Inhalt 2"] == '"K-1 Fleet „Süd“ AG"'
        assert row["Buchungstext"] == '"Invoice to Fleet „Süd“ AG, 2026-06-01 to 2026-06-30"'

    def test_put_net_and_vat_apart_where_datev_would_find_another_cent(self):
        # Three gross lines of 0.10: 3 × (0.08 + 0.02). DATEV would take 0.30 × 19 ÷ 119 = 0.0479 → 0.05, not 0.06.
        first, second = rows(invoice("0.24", "0.06", "0.30"))

        assert told(first) == ("0,24", "S", "1410", "8400", "40")
        assert told(second) == ("0,06", "S", "1410", "1776", "")

    def test_turn_a_credit_note_round(self):
        note = booking(
            posted(Role.RECEIVABLE, "-10.10"),
            posted(Role.REVENUE_ENERGY, "8.49", GERMAN),
            posted(Role.VAT_PAYABLE, "1.61", GERMAN),
            due_date=None,
        )

        (row,) = rows(note)

        assert told(row) == ("10,10", "H", "1410", "8400", "")
        assert row["Fälligkeit"] == ""

    def test_tell_two_rates_apart(self):
        two = booking(
            posted(Role.RECEIVABLE, "22.60"),
            posted(Role.REVENUE_ENERGY, "-10.00", GERMAN),
            posted(Role.VAT_PAYABLE, "-1.90", GERMAN),
            posted(Role.REVENUE_ENERGY, "-10.00", "DE|S|0.0700"),
            posted(Role.VAT_PAYABLE, "-0.70", "DE|S|0.0700"),
        )

        assert [told(row) for row in rows(two)] == [
            ("11,90", "S", "1410", "8400", ""),
            ("10,70", "S", "1410", "8300", ""),
        ]

    def test_name_the_country_of_another_countrys_vat(self):
        first, second = rows(invoice("10.00", "2.00", "12.00", "FR|S|0.2000"))

        assert told(first) == ("10,00", "S", "1410", "8320", "")
        assert told(second) == ("2,00", "S", "1410", "1767", "")
        assert (first["EU-Land u. UStID (Bestimmung)"], first["EU-Steuersatz (Bestimmung)"]) == ('"FR"', "20,00")

    def test_leave_reverse_charge_net(self):
        (row,) = rows(invoice("10.00", "0", "10.00", "DE|AE|0.0000"))

        assert told(row) == ("10,00", "S", "1410", "8337", "")

    def test_book_a_write_off_gross_on_the_account_of_bad_debt(self):
        write_off = booking(
            posted(Role.BAD_DEBT, "100.00", GERMAN),
            posted(Role.VAT_PAYABLE, "19.00", GERMAN),
            posted(Role.RECEIVABLE, "-119.00"),
        )

        assert [told(row) for row in rows(write_off)] == [("119,00", "H", "1410", "2406", "")]

    def test_book_money_without_vat(self):
        paid = booking(posted(Role.STRIPE_CLEARING, "10.10"), posted(Role.RECEIVABLE, "-10.10"), due_date=None)

        (row,) = rows(paid)

        assert told(row) == ("10,10", "S", "1210", "1410", "")
        assert row["Leistungsdatum"] == row["Datum Zuord. Steuerperiode"] == ""

    def test_cut_no_gross_amount_in_two(self):
        """Two against two: the gross amount of 8400 would be split, each part rounded by DATEV for itself."""
        many = booking(
            posted(Role.RECEIVABLE, "60.00"),
            posted(Role.BANK, "59.00"),
            posted(Role.REVENUE_ENERGY, "-100.00", GERMAN),
            posted(Role.VAT_PAYABLE, "-19.00", GERMAN),
        )

        found = [told(row) for row in rows(many)]

        assert found == [
            ("60,00", "S", "1410", "8400", "40"),
            ("40,00", "S", "1200", "8400", "40"),
            ("19,00", "S", "1200", "1776", ""),
        ]

    def test_write_what_windows_cannot_as_a_question_mark_and_no_line_breaks(self):
        odd = booking(
            posted(Role.BANK, "1.00"), posted(Role.RECEIVABLE, "-1.00"), text='Żabka "A"\r\nB;C €', document="INV 1/26"
        )

        line = datev.render(batch(odd), CLIENT).decode("cp1252").split("\r\n")[2]

        (row,) = csv.reader([line], delimiter=";")
        assert row[13] == '?abka "A"B;C €'
        assert row[10] == "INV1/26"
        assert len(row) == 125

    def test_are_the_same_bytes_each_time(self):
        told_once = datev.render(batch(invoice("8.49", "1.61", "10.10")), CLIENT)

        assert datev.render(batch(invoice("8.49", "1.61", "10.10")), CLIENT) == told_once


amounts = st.lists(st.integers(-10_000, 10_000).filter(bool), min_size=1, max_size=6)


@st.composite
def balanced(draw) -> list[Posted]:
    numbers = draw(amounts)
    rest = -sum(numbers)
    numbers += [rest] if rest else []
    return [
        Posted(code=str(at), role="bank", number=str(at), name="", amount=Decimal(number) / 100)
        for at, number in enumerate(numbers)
    ]


class TestPairs:
    @given(balanced())
    def test_move_on_each_account_what_the_journal_does(self, entries):
        moved: Counter[str] = Counter()
        for pair in pairs(entries):
            assert pair.amount > 0
            moved[pair.debit.number] += pair.amount
            moved[pair.credit.number] -= pair.amount

        assert {number: amount for number, amount in moved.items() if amount} == {
            entry.number: entry.amount for entry in entries
        }

    @given(st.integers(1, 10**7), st.sampled_from(["0.19", "0.07", "0.2", "0.255"]))
    def test_of_net_documents_stand_gross_whatever_the_amount(self, cents, rate):
        """VAT on the net rounded half up is what DATEV finds in the gross again: its error is below half a cent."""
        net = Decimal(cents) / 100
        tax = (net * Decimal(rate)).quantize(Decimal("0.01"), rounding="ROUND_HALF_UP")

        assert datev._tax_in(net + tax, Decimal(rate), currency="EUR") == tax


class TestXero:
    def test_has_a_line_for_each_entry_that_add_up_to_zero(self):
        head, *lines = csv.reader(StringIO(tables.xero(batch(invoice("8.49", "1.61", "10.10"))).decode()))

        assert head == ["*Narration", "*Date", "Description", "*AccountCode", "*TaxRate", "*Amount"]
        assert [(line[1], line[3], line[5]) for line in lines] == [
            ("01/07/2026", "1410", "10.10"),
            ("01/07/2026", "8400", "-8.49"),
            ("01/07/2026", "1776", "-1.61"),
        ]
        assert len({line[0] for line in lines}) == 1
        assert sum(Decimal(line[5]) for line in lines) == 0


class TestQuickBooks:
    def test_has_debits_and_credits_by_the_names_of_accounts(self):
        head, *lines = csv.reader(StringIO(tables.quickbooks(batch(invoice("8.49", "1.61", "10.10"))).decode()))

        assert head[:5] == ["JournalNo", "JournalDate", "AccountName", "Debits", "Credits"]
        assert [line[1:5] for line in lines] == [
            ["07/01/2026", "Forderungen aus L+L ohne Kontokorrent", "10.10", ""],
            ["07/01/2026", "Erlöse 19 % USt", "", "8.49"],
            ["07/01/2026", "Umsatzsteuer 19 %", "", "1.61"],
        ]


class TestPlainFiles:
    def test_say_everything_as_csv(self):
        head, first, *_ = csv.reader(StringIO(tables.plain(batch(invoice("8.49", "1.61", "10.10"))).decode()))

        row = dict(zip(head, first, strict=True))
        assert (row["journal"], row["posted_on"], row["tax_date"]) == ("invoice:7:issued", "2026-07-01", "2026-06-30")
        assert (row["account"], row["account_number"], row["debit"], row["credit"]) == ("1200", "1410", "10.10", "")

    def test_defuse_what_a_spreadsheet_would_compute(self):
        odd = booking(posted(Role.BANK, "1.00"), posted(Role.RECEIVABLE, "-1.00"), party="=cmd()", text="+1")

        for render in (tables.plain, tables.quickbooks):
            assert "'=cmd()" in render(batch(odd)).decode()
        assert "'+1" in tables.plain(batch(odd)).decode()

    def test_say_everything_as_json_with_a_manifest(self):
        file = json.loads(as_json.render(batch(invoice("8.49", "1.61", "10.10"))))

        assert file["manifest"] == {
            "seller": "Stadtwerke GmbH",
            "currency": "EUR",
            "first_day": "2026-07-01",
            "last_day": "2026-07-31",
            "addition": 0,
            "made_at": "2026-08-03T09:30:00.123000+00:00",
            "journals": 1,
            "entries": 3,
            "debits": "10.10",
        }
        assert [entry["amount"] for entry in file["journals"][0]["entries"]] == ["10.10", "-8.49", "-1.61"]
        assert file["journals"][0]["entries"][1]["vat"] == GERMAN


@pytest.mark.parametrize(
    ("parts", "said"),
    [((("a", None), ("b", None)), "a and b"), ((("a", 1), ("b", None)), "b"), ((("a", 1),), "")],
)
def test_what_datev_was_not_told_is_named(parts, said):
    assert datev.missing(parts) == said
