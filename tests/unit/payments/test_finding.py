"""By what a charge is found again, and who counts as one asker."""

from datetime import UTC, date, datetime

import pytest

from apps.payments.domain.finding import names_place, touches_day


class TestTheDay:
    @pytest.mark.parametrize(("day", "is_of_it"), [(2, False), (3, True), (4, True), (5, False)])
    def test_of_a_charge_past_midnight_is_both_on_the_clock_of_its_site(self, day, is_of_it):
        began, ended = datetime(2026, 7, 3, 21, 30, tzinfo=UTC), datetime(2026, 7, 3, 22, 30, tzinfo=UTC)

        said = touches_day(began_at=began, ended_at=ended, day=date(2026, 7, day), time_zone="Europe/Berlin")

        assert said is is_of_it

    def test_of_a_charge_that_goes_on_is_every_day_since(self):
        began = datetime(2026, 7, 3, 12, tzinfo=UTC)

        days = [
            touches_day(began_at=began, ended_at=None, day=date(2026, 7, day), time_zone="Europe/Berlin")
            for day in (2, 3, 9)
        ]

        assert days == [False, True, True]


@pytest.mark.parametrize(
    ("said", "is_named"), [("  leer  (OSTFRIESLAND) ", True), ("26789", True), ("Leer", False), ("", False)]
)
def test_a_place_is_named_by_one_of_its_own_words_in_full(said, is_named):
    assert names_place(said, parts=("Park & Ride", "26789", "Leer (Ostfriesland)")) is is_named
