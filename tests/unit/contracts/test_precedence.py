from datetime import UTC, datetime, timedelta
from itertools import permutations

from apps.contracts.domain.precedence import Assignment, Rank, choose_assignment

NOON = datetime(2026, 6, 1, 12, tzinfo=UTC)
PLACES = {Rank.CONTRACT: 1, Rank.EVSE: 2, Rank.STATION: 3, Rank.LOCATION: 4}


def assignment(rank: Rank, **fields: object) -> Assignment:
    values = {
        "rank": rank,
        "place_id": PLACES.get(rank),
        "tariff_id": int(rank) * 10,
        "valid_from": NOON,
        "valid_to": None,
    }
    return Assignment(**{**values, **fields})


class TestChooseAssignment:
    def test_takes_the_highest_rank_in_whatever_order_they_come(self):
        ranks = list(Rank)
        while ranks:
            for order in permutations(map(assignment, ranks)):
                chosen = choose_assignment(order, places=PLACES, at=NOON)
                assert chosen is not None
                assert chosen.rank is min(ranks)
            ranks.remove(min(ranks))

    def test_finds_none_among_none(self):
        assert choose_assignment([], places=PLACES, at=NOON) is None

    def test_passes_over_other_places(self):
        elsewhere = [assignment(rank, place_id=99) for rank in PLACES]

        assert choose_assignment(elsewhere, places=PLACES, at=NOON) is None

    def test_gives_no_contracts_tariff_to_nobody(self):
        nobody = {**PLACES, Rank.CONTRACT: None}

        assert choose_assignment([assignment(Rank.CONTRACT)], places=nobody, at=NOON) is None

    def test_counts_the_first_instant_and_not_the_last(self):
        span = [assignment(Rank.DEFAULT, valid_to=NOON + timedelta(hours=1))]
        tick = timedelta(microseconds=1)

        assert choose_assignment(span, places=PLACES, at=NOON - tick) is None
        assert choose_assignment(span, places=PLACES, at=NOON) == span[0]
        assert choose_assignment(span, places=PLACES, at=NOON + timedelta(hours=1) - tick) == span[0]
        assert choose_assignment(span, places=PLACES, at=NOON + timedelta(hours=1)) is None
