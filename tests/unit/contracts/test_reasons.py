from datetime import UTC, datetime

from apps.contracts.domain.precedence import Assignment, Rank, walk_ranks
from apps.contracts.domain.reasons import Outcome, Place, explain_steps

NOON = datetime(2026, 6, 1, 12, tzinfo=UTC)
PLACES = {
    Rank.CONTRACT_AT_GROUP: Place(place_ids=(1, 6), words="the contract V-1 at sites of “Depots”"),
    Rank.CONTRACT: Place(place_ids=(1,), words="the contract V-1"),
    Rank.TIER_AT_GROUP: Place(place_ids=None, words="The contract V-1 is in no membership tier."),
    Rank.TIER: Place(place_ids=None, words="The contract V-1 is in no membership tier."),
    Rank.EVSE: Place(place_ids=(3,), words="the EVSE CS-1 / 1"),
    Rank.STATION: Place(place_ids=(4,), words="the station CS-1"),
    Rank.LOCATION: Place(place_ids=(5,), words="the location North"),
    Rank.GROUP: Place(place_ids=(6,), words="the site group “Depots”"),
    Rank.DEFAULT: Place(place_ids=(), words="the owner's default"),
}


def explain(*ranks: Rank, has_version: bool = True):
    assignments = [
        Assignment(
            rank=rank,
            place_ids=PLACES[rank].place_ids,
            tariff_id=int(rank),
            tariff_name=rank.name.title(),
            valid_from=NOON,
            valid_to=None,
        )
        for rank in ranks
    ]
    places = {rank: place.place_ids for rank, place in PLACES.items()}
    return explain_steps(walk_ranks(assignments, places=places, at=NOON), places=PLACES, has_version=has_version)


class TestExplainSteps:
    def test_says_of_every_rank_what_came_of_asking_it(self):
        steps = explain(Rank.STATION, Rank.DEFAULT)

        assert [(step.outcome, step.sentence) for step in steps] == [
            (Outcome.NONE, "The contract V-1 at sites of “Depots” has no tariff of its own at that time."),
            (Outcome.NONE, "The contract V-1 has no tariff of its own at that time."),
            (Outcome.ABSENT, "The contract V-1 is in no membership tier."),
            (Outcome.ABSENT, "The contract V-1 is in no membership tier."),
            (Outcome.NONE, "The EVSE CS-1 / 1 has no tariff of its own at that time."),
            (Outcome.APPLIES, "“Station” is assigned to the station CS-1."),
            (Outcome.NONE, "The location North has no tariff of its own at that time."),
            (Outcome.NONE, "The site group “Depots” has no tariff of its own at that time."),
            (Outcome.PASSED_OVER, "“Default” is the owner's default too, but the station CS-1 goes before."),
        ]

    def test_stops_at_a_tariff_without_a_version(self):
        steps = explain(Rank.CONTRACT_AT_GROUP, Rank.LOCATION, has_version=False)

        assert steps[0].outcome is Outcome.NO_VERSION
        assert steps[0].sentence == (
            "“Contract_At_Group” is assigned to the contract V-1 at sites of “Depots”, but has no published version in "
            "force at that time. Nothing below it is asked."
        )
        assert steps[6].outcome is Outcome.PASSED_OVER

    def test_finds_nobody_deciding_where_nothing_is_assigned(self):
        steps = explain()

        assert {step.outcome for step in steps} == {Outcome.NONE, Outcome.ABSENT}
        assert steps[-1].sentence == "The owner has no default tariff at that time."
