from datetime import date

import pytest

from apps.contracts.domain.card_files import COLUMNS, EXAMPLE, read_cards, reversed_uid
from apps.core.domain.cells import csv_text
from apps.core.domain.csv_tables import MOST_BYTES, MOST_ROWS

HEADER = ",".join(COLUMNS)


def read(*lines: str):
    return read_cards("\n".join([HEADER, *lines]).encode())


def problem(*lines: str) -> tuple[int, str]:
    (found,) = read(*lines).problems
    return found.line, found.message


class TestReversedUid:
    @pytest.mark.parametrize(
        ("uid", "turned"),
        [
            ("04A1B2C3", "C3B2A104"),
            ("04A1B2C3D4E5F6", "F6E5D4C3B2A104"),
            ("AABBAABB", "BBAABBAA"),
            ("ABABABAB", ""),
            ("04A1B2C", ""),
            ("A1B2", ""),
            ("CARD-1", ""),
            ("", ""),
        ],
    )
    def test_turns_bytes_and_nothing_else(self, uid, turned):
        assert reversed_uid(uid) == turned


class TestReadCards:
    def test_reads_the_file_that_is_handed_out(self):
        file = read_cards(csv_text([COLUMNS, *EXAMPLE]).encode())

        assert file.problems == ()
        assert [row.uid for row in file.rows] == ["04A1B2C3D4E5F6", "0411223344AABB", "04DEADBEEF0001"]
        assert (file.rows[0].cost_code, file.rows[0].cost_name) == ("4711", "Sales")
        assert (file.rows[1].first, file.rows[1].last) == (date(2026, 12, 1), date(2026, 12, 31))
        assert file.rows[2].free_reason == "Staff"

    def test_trims_and_raises_the_number(self):
        (row,) = read(" 04a1b2c3 ,V-1,,,,,,").rows

        assert (row.line, row.uid) == (2, "04A1B2C3")

    def test_reads_semicolons_and_a_byte_order_mark_as_spreadsheets_write_them(self):
        text = "\ufeff" + ";".join(COLUMNS) + "\r\nAA;V-1;;;4711;;;\r\n"

        (row,) = read_cards(text.encode()).rows

        assert (row.uid, row.cost_code, row.cost_name) == ("AA", "4711", "")

    @pytest.mark.parametrize(
        ("line", "message"),
        [
            (",V-1,,,,,,", "card: 1–36 printable characters without spaces, please."),
            ("A B,V-1,,,,,,", "card: 1–36 printable characters without spaces, please."),
            ("AA,,,,,,,", "contract: name the contract's number."),
            ("AA,V-1,,,,31.12.2026,,", "from: a day such as 2026-12-31."),
            ("AA,V-1,,,,,9999-12-31,", "until: a day such as 2026-12-31."),
            ("AA,V-1,,,,2026-12-02,2026-12-01,", "until: it ends before it begins."),
            ("AA,V-1," + "x" * 121 + ",,,,,", "driver: at most 120 characters."),
            ("AA,V-1", "2 columns instead of 8."),
            (
                "AA,V-1,,," + "4" * 21 + ",,,",
                "cost_centre: a code of at most 20 characters, then a name of at most 60.",
            ),
        ],
    )
    def test_names_what_is_odd_by_its_line(self, line, message):
        assert problem(line) == (2, message)

    def test_refuses_a_card_twice(self):
        assert problem("AA,V-1,,,,,,", "aa,V-2,,,,,,") == (3, "Line 2 has this card already.")

    @pytest.mark.parametrize("content", [b"", b"uid,contract\n", b"\xff\xfe", HEADER.encode(), b"a\0b"])
    def test_refuses_what_is_no_such_file(self, content):
        file = read_cards(content)

        assert (file.rows, len(file.problems)) == ((), 1)

    def test_refuses_too_much(self):
        assert "KiB" in read_cards(b"x" * (MOST_BYTES + 1)).problems[0].message
        assert read(*(f"C{n},V,,,,,," for n in range(MOST_ROWS + 1))).rows == ()
