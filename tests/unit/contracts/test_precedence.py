from datetime import UTC, datetime, timedelta
from itertools import permutations

from apps.contracts.domain.precedence import Assignment, Rank, choose_assignment, walk_ranks

NOON = datetime(2026, 6, 1, 12, tzinfo=UTC)
PLACES = {Rank.CONTRACT: 1, Rank.TIER: 2, Rank.EVSE: 3, Rank.STATION: 4, Rank.LOCATION: 5}


def assignment(rank: Rank, **fields: object) -> Assignment:
    values = {
        "rank": rank,
        "place_id": PLACES.get(rank),
        "tariff_id": int(rank) * 10,
        "tariff_name": rank.name.title(),
        "valid_from": NOON,
        "valid_to": None,
    }
    return Assignment(**{**values, **fields})


def choose(assignments, *, places, at) -> Assignment | None:
    return choose_assignment(walk_ranks(assignments, places=places, at=at))


class TestChooseAssignment:
    def test_takes_the_highest_rank_in_whatever_order_they_come(self):
        ranks = list(Rank)
        while ranks:
            for order in permutations(map(assignment, ranks)):
                chosen = choose(order, places=PLACES, at=NOON)
                assert chosen is not None
                assert chosen.rank is min(ranks)
            ranks.remove(min(ranks))

    def test_finds_none_among_none(self):
        assert choose([], places=PLACES, at=NOON) is None

    def test_passes_over_other_places(self):
        elsewhere = [assignment(rank, place_id=99) for rank in PLACES]

        assert choose(elsewhere, places=PLACES, at=NOON) is None

    def test_gives_no_contracts_tariff_to_nobody(self):
        nobody = {**PLACES, Rank.CONTRACT: None}

        assert choose([assignment(Rank.CONTRACT)], places=nobody, at=NOON) is None

    def test_counts_the_first_instant_and_not_the_last(self):
        span = [assignment(Rank.DEFAULT, valid_to=NOON + timedelta(hours=1))]
        tick = timedelta(microseconds=1)

        assert choose(span, places=PLACES, at=NOON - tick) is None
        assert choose(span, places=PLACES, at=NOON) == span[0]
        assert choose(span, places=PLACES, at=NOON + timedelta(hours=1) - tick) == span[0]
        assert choose(span, places=PLACES, at=NOON + timedelta(hours=1)) is None


class TestWalkRanks:
    def test_asks_every_rank_the_highest_first(self):
        steps = walk_ranks([assignment(Rank.LOCATION), assignment(Rank.TIER)], places=PLACES, at=NOON)

        assert [step.rank for step in steps] == list(Rank)
        assert {step.rank for step in steps if step.assignment} == {Rank.TIER, Rank.LOCATION}
