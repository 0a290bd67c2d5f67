from datetime import UTC, datetime, timedelta
from itertools import permutations

from apps.contracts.domain.precedence import Assignment, Rank, choose_assignment, walk_ranks

NOON = datetime(2026, 6, 1, 12, tzinfo=UTC)
# The contract 1 in the tier 2 at the EVSE 3 of the station 4 at the location 5 in the group 6.
PLACES = {
    Rank.CONTRACT_AT_GROUP: (1, 6),
    Rank.CONTRACT: (1,),
    Rank.TIER_AT_GROUP: (2, 6),
    Rank.TIER: (2,),
    Rank.EVSE: (3,),
    Rank.STATION: (4,),
    Rank.LOCATION: (5,),
    Rank.GROUP: (6,),
    Rank.DEFAULT: (),
}


def assignment(rank: Rank, **fields: object) -> Assignment:
    values = {
        "rank": rank,
        "place_ids": PLACES[rank],
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
        for pair in permutations(map(assignment, Rank), 2):
            chosen = choose(pair, places=PLACES, at=NOON)
            assert chosen is not None
            assert chosen.rank is min(one.rank for one in pair)

    def test_goes_from_who_charges_to_where_and_from_narrow_to_wide(self):
        left = list(map(assignment, Rank))
        taken = []
        while (chosen := choose(left, places=PLACES, at=NOON)) is not None:
            taken.append(chosen.rank.label)
            left.remove(chosen)

        assert taken == [
            "Contract at a site group",
            "Contract",
            "Membership tier at a site group",
            "Membership tier",
            "EVSE",
            "Station",
            "Location",
            "Site group",
            "Owner's default",
        ]

    def test_finds_none_among_none(self):
        assert choose([], places=PLACES, at=NOON) is None

    def test_passes_over_other_places(self):
        elsewhere = [assignment(rank, place_ids=(99,) * len(ids)) for rank, ids in PLACES.items() if ids]

        assert choose(elsewhere, places=PLACES, at=NOON) is None

    def test_gives_no_contracts_tariff_to_nobody(self):
        nobody = {**PLACES, Rank.CONTRACT: None, Rank.CONTRACT_AT_GROUP: None}
        agreed = [assignment(Rank.CONTRACT), assignment(Rank.CONTRACT_AT_GROUP)]

        assert choose(agreed, places=nobody, at=NOON) is None

    def test_takes_what_a_contract_has_at_a_group_at_that_groups_sites_alone(self):
        at_6 = assignment(Rank.CONTRACT_AT_GROUP)
        everywhere = assignment(Rank.CONTRACT)
        in_no_group = {**PLACES, Rank.CONTRACT_AT_GROUP: None, Rank.TIER_AT_GROUP: None, Rank.GROUP: None}
        in_another = {**PLACES, Rank.CONTRACT_AT_GROUP: (1, 7), Rank.TIER_AT_GROUP: (2, 7), Rank.GROUP: (7,)}

        assert choose([everywhere, at_6], places=PLACES, at=NOON) == at_6
        assert choose([everywhere, at_6], places=in_no_group, at=NOON) == everywhere
        assert choose([everywhere, at_6], places=in_another, at=NOON) == everywhere

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
