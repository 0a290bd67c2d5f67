"""The times stations write, as a table."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from apps.ocpp.domain.instants import EARLIEST, LATEST, NO_DATE, NO_ZONE, UNSET_CLOCK, read_instant


def utc(*parts: int) -> datetime:
    return datetime(*parts, tzinfo=UTC)


class TestReadInstant:
    @pytest.mark.parametrize(
        ("text", "at", "notes"),
        [
            ("2026-03-01T12:00:00Z", utc(2026, 3, 1, 12), ()),
            ("2026-03-01T12:00:00.5Z", utc(2026, 3, 1, 12, 0, 0, 500_000), ()),
            ("2026-03-01T12:00:00.123456789Z", utc(2026, 3, 1, 12, 0, 0, 123_456), ()),
            ("2026-03-01T12:00:00,25z", utc(2026, 3, 1, 12, 0, 0, 250_000), ()),
            ("2026-03-01 12:00:00 +01:00", utc(2026, 3, 1, 11), ()),
            ("2026-03-01T12:00:00+0130", utc(2026, 3, 1, 10, 30), ()),
            ("2026-03-01T12:00:00-05", utc(2026, 3, 1, 17), ()),
            ("2026-03-01T12:00:00+14:00", utc(2026, 2, 28, 22), ()),
            ("2026-03-01T12:00:00", utc(2026, 3, 1, 12), (NO_ZONE,)),
            ("2026-06-30T23:59:60Z", utc(2026, 7, 1), ()),
            ("2026-06-30T23:59:60.7Z", utc(2026, 7, 1), ()),
            ("1970-01-01T00:07:00Z", utc(1970, 1, 1, 0, 7), (UNSET_CLOCK,)),
            ("2036-03-01T12:00:00Z", utc(2036, 3, 1, 12), ()),
            (" 2026-03-01T12:00:00Z\n", utc(2026, 3, 1, 12), ()),
            ("0001-01-01T00:00:00+14:00", EARLIEST, (NO_DATE, UNSET_CLOCK)),
            ("1970-01-01T00:00:00+02:00", EARLIEST, (NO_DATE, UNSET_CLOCK)),
            ("9999-12-31T23:59:60Z", LATEST, (NO_DATE,)),
            ("2999-12-31T23:00:00-02:00", LATEST, (NO_DATE,)),
        ],
    )
    def test_reads(self, text, at, notes):
        assert read_instant(text) == (at, notes)

    @pytest.mark.parametrize(
        "text",
        [
            "2026-02-29T12:00:00Z",
            "2026-03-01T24:00:00Z",
            "2026-03-01T12:00:61Z",
            "2026-03-01T12:00Z",
            "2026-03-01",
            "2026-03-01T12:00:00+25:00",
            "0001-01-01T00:00:00+25:00",
            "9999-13-31T23:59:60Z",
            "٢٠٢٦-03-01T12:00:00Z",
            "now",
            "",
            None,
            17,
            ["2026-03-01T12:00:00Z"],
        ],
    )
    def test_says_why_it_cannot(self, text):
        at, notes = read_instant(text)

        assert at is None
        assert len(notes) == 1

    @given(st.text(alphabet="0123456789-:TZ.+ ", max_size=40) | st.text())
    def test_never_raises(self, text):
        at, _ = read_instant(text)

        assert at is None or at.utcoffset().total_seconds() == 0
