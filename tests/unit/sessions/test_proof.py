"""Which readings prove a register."""

import pytest

from apps.sessions.domain.proof import readings_around


class TestReadingsAround:
    @pytest.mark.parametrize(("at", "positions"), [(20, [1]), (25, [1, 2]), (10, [0]), (30, [2]), (5, [0]), (35, [2])])
    def test_are_the_one_taken_then_or_its_neighbours(self, at, positions):
        assert list(readings_around((10, 20, 30), at)) == positions

    def test_are_none_where_the_meter_told_none(self):
        assert list(readings_around((), 20)) == []
