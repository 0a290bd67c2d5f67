"""What period an address asks for, and how its bars are drawn."""

from datetime import UTC, date, datetime

import pytest

from apps.console.charts import HEIGHT, WIDTH, Point, bars_of, level
from apps.console.periods import read_period

# Already 1 January in Berlin.
NEW_YEAR = datetime(2026, 12, 31, 23, 30, tzinfo=UTC)
TODAY = date(2027, 1, 1)


def ask(**asked: str):
    return read_period(asked, time_zone="Europe/Berlin", at=NEW_YEAR)


class TestReadPeriod:
    @pytest.mark.parametrize(
        ("name", "first"),
        [
            ("today", TODAY),
            ("7_days", date(2026, 12, 26)),
            ("30_days", date(2026, 12, 3)),
            ("month", TODAY),
            ("quarter", TODAY),
            ("year", TODAY),
            ("nonsense", date(2026, 12, 26)),
        ],
    )
    def test_knows_the_owners_day(self, name, first):
        period = ask(period=name)

        assert (period.first, period.last, period.today, period.hour) == (first, TODAY, TODAY, 0)

    def test_takes_own_days_and_says_them_in_its_address(self):
        period = ask(period="own", **{"from": "2026-03-01", "to": "2026-03-29"})

        assert period.days == (date(2026, 3, 1), date(2026, 3, 29))
        assert period.query == "period=own&from=2026-03-01&to=2026-03-29"

    @pytest.mark.parametrize(
        "days",
        [
            {},
            {"from": "x", "to": "y"},
            {"from": "2026-03-02", "to": "2026-03-01"},
            {"from": "0001-01-01", "to": "9999-12-31"},
        ],
    )
    def test_shows_a_week_and_says_so_where_the_days_are_none(self, days):
        period = ask(period="own", **days)

        assert (period.first, period.last) == (date(2026, 12, 26), TODAY)
        assert "cannot be shown" in period.error


class TestBars:
    def test_stand_within_the_canvas_the_largest_as_high_as_it(self):
        chart = bars_of(
            "Energy", [Point(size=size, label=str(size), value=f"{size} kWh", url="") for size in (5, 0, 10)]
        )

        assert [bar.height for bar in chart.bars] == [HEIGHT // 2, 0, HEIGHT]
        assert all(bar.x + bar.width <= WIDTH and bar.y + bar.height == HEIGHT for bar in chart.bars)
        assert chart.most == "10 kWh"

    def test_of_nothing_are_nothing(self):
        assert bars_of("Energy", []).bars == ()
        assert [bar.height for bar in bars_of("Net", [Point(size=-1, label="", value="", url="")]).bars] == [0]

    def test_shades_show_what_is_more_than_nothing(self):
        assert [level(part, 1000) for part in (0, 1, 500, 1000)] == [0, 1, 3, 5]
