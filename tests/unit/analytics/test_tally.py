import json
from datetime import UTC, datetime, timedelta
from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from apps.analytics.domain.tally import AD_HOC, MOST_CHANGED, Outcome, Tally

BEGAN_AT = datetime(2026, 10, 5, 7, 30, 12, 345000, tzinfo=UTC)


def outcome(session_id: int, before: str, after: str, **fields) -> Outcome:
    """Return a session of 19 % VAT-free simplicity: net and gross alike unless told otherwise."""
    values = {
        "session_id": session_id,
        "uid": f"uid-{session_id}",
        "started_at": BEGAN_AT + timedelta(minutes=session_id),
        "location_id": 1,
        "hour": 9,
        "group": AD_HOC,
        "energy_milliwh": 10_000_000,
        "net_before": Decimal(before),
        "gross_before": Decimal(before),
        "net_after": Decimal(after),
        "gross_after": Decimal(after),
    }
    return Outcome(**{**values, **fields})


def tally_of(*outcomes: Outcome) -> Tally:
    tally = Tally()
    for one in outcomes:
        tally.add(one)
    return tally


def reread(tally: Tally) -> Tally:
    return Tally.from_document(json.loads(json.dumps(tally.as_document())))


cents = st.integers(0, 500).map(lambda minor: str(Decimal(minor).scaleb(-2)))
drawn = st.lists(st.tuples(cents, cents, st.integers(1, 4), st.integers(0, 23), st.sampled_from(["fleet", AD_HOC])))


class TestTally:
    def test_adds_up_in_total_and_by_site_hour_and_group(self):
        tally = tally_of(
            outcome(1, "10.00", "12.50", net_before=Decimal("8.40"), net_after=Decimal("10.50")),
            outcome(2, "5.00", "4.00", location_id=2, hour=23, group="fleet"),
            outcome(3, "1.00", "1.00", location_id=2),
        )

        total = tally.total
        assert (total.sessions, total.dearer, total.cheaper, total.energy_milliwh) == (3, 1, 1, 30_000_000)
        assert (total.gross_before, total.gross_after) == (Decimal("16.00"), Decimal("17.50"))
        assert (total.net_before, total.net_after) == (Decimal("14.40"), Decimal("15.50"))
        assert {key: sums.gross_after for key, sums in tally.sites.items()} == {1: Decimal("12.50"), 2: Decimal("5.00")}
        assert {key: sums.sessions for key, sums in tally.hours.items()} == {9: 2, 23: 1}
        assert {key: sums.gross_before for key, sums in tally.groups.items()} == {
            AD_HOC: Decimal("11.00"),
            "fleet": Decimal("5.00"),
        }

    def test_keeps_what_changes_most_each_way_and_nothing_that_does_not(self):
        tally = tally_of(
            outcome(1, "10.00", "12.50"),
            outcome(2, "5.00", "5.00"),
            outcome(3, "5.00", "1.00"),
            outcome(4, "1.00", "9.00"),
        )

        assert [one.session_id for one in tally.dearest] == [4, 1]
        assert [one.session_id for one in tally.cheapest] == [3]

    def test_does_not_grow_with_the_sessions(self):
        tally = tally_of(*(outcome(number, "1.00", f"{1 + number}.00") for number in range(1, 500)))

        assert [one.session_id for one in tally.dearest] == list(range(499, 499 - MOST_CHANGED, -1))

    def test_keeps_the_older_of_two_that_change_alike(self):
        tally = tally_of(*(outcome(number, "1.00", "2.00") for number in reversed(range(MOST_CHANGED + 10))))

        assert [one.session_id for one in tally.dearest] == list(range(MOST_CHANGED))

    def test_names_only_so_many_reasons(self):
        tally = Tally()
        for number in range(100):
            tally.leave_out(f"no rate on day {number}")
        tally.leave_out("no rate on day 0")

        assert len(tally.left_out) == 21
        assert tally.left_out["no rate on day 0"] == 2
        assert tally.left_out["other reasons"] == 80

    @given(drawn, st.integers(0, 30))
    def test_is_the_same_whether_or_not_it_was_written_down_half_way(self, sessions, cut):
        outcomes = [
            outcome(number, before, after, location_id=site, hour=hour, group=group)
            for number, (before, after, site, hour, group) in enumerate(sessions)
        ]

        resumed = reread(tally_of(*outcomes[:cut]))
        for one in outcomes[cut:]:
            resumed.add(one)

        assert resumed.as_document() == tally_of(*outcomes).as_document()

    @given(drawn)
    def test_splits_the_total_into_sites_hours_and_groups_without_rest(self, sessions):
        tally = tally_of(
            *(
                outcome(number, before, after, location_id=site, hour=hour, group=group)
                for number, (before, after, site, hour, group) in enumerate(sessions)
            )
        )

        for sums in (tally.sites, tally.hours, tally.groups):
            assert sum(one.gross_after for one in sums.values()) == tally.total.gross_after
            assert sum(one.net_before for one in sums.values()) == tally.total.net_before
            assert sum(one.sessions for one in sums.values()) == tally.total.sessions
