"""Contracts renew themselves, with a reminder before, end, and are ended by notice; any day tells what applied."""

from datetime import UTC, date, datetime, timedelta
from threading import Barrier, Thread

import pytest
from django.db import connections

from apps.contracts import tasks
from apps.contracts.models import ContractPlan, ContractVersion, Suspension
from apps.contracts.offers import OfferRefused
from apps.contracts.renewing import sweep_contracts, terminate_contract, what_applied
from apps.contracts.suspending import suspend_contract
from apps.documents.models import Mail
from apps.sessions import services as sessions
from tests.factories import NOON, Site, give_plan, make_cost_centre, make_plan, make_site, make_user
from tests.integration.contracts.test_offers import accept, make_offered_site, offer

# Agreed from 1 July 2026 to 30 June 2027, renewed by a year, 30 days of notice: 1 June 2027 is the last day for it.
LAST_NOTICE = datetime(2027, 6, 1, 12, tzinfo=UTC)
AFTER = LAST_NOTICE + timedelta(days=1)
END = date(2027, 7, 1)


@pytest.fixture
def site(db) -> Site:
    site = make_offered_site()
    accept(offer(site, plan=make_plan(seller=site.owner, name="Fleet 30")))
    site.contract.refresh_from_db()
    Mail.objects.all().delete()
    return site


def numbers(site: Site) -> list[tuple[int, str]]:
    return list(site.contract.versions.order_by("number").values_list("number", "kind"))


class TestTheSweep:
    def test_reminds_once_fourteen_days_before_notice_is_over(self, site):
        begins = LAST_NOTICE - timedelta(days=14)

        assert sweep_contracts(at=begins - timedelta(days=1)) == 0
        assert [sweep_contracts(at=begins + timedelta(hours=hour)) for hour in range(3)] == [1, 0, 0]

        mail = Mail.objects.get()
        assert mail.recipient == site.customer.email
        assert "runs until 30 Jun 2027" in mail.body
        assert "give notice on 01 Jun 2027 at the latest" in mail.body
        assert numbers(site) == [(1, "original")]

    def test_renews_once_when_notice_is_over(self, site):
        assert [sweep_contracts(at=at) for at in (LAST_NOTICE, LAST_NOTICE, AFTER, AFTER)] == [1, 0, 1, 0]

        site.contract.refresh_from_db()
        renewal = site.contract.versions.get(number=2)
        assert (renewal.kind, renewal.first_day, renewal.end_day) == ("renewal", END, date(2028, 7, 1))
        assert site.contract.valid_to == datetime(2028, 6, 30, 22, tzinfo=UTC)
        assert ContractPlan.objects.get(contract=site.contract).end_day == date(2028, 7, 1)

    def test_catches_up_after_years_asleep(self, site):
        sweep_contracts(at=datetime(2029, 1, 1, tzinfo=UTC))

        site.contract.refresh_from_db()
        assert numbers(site) == [(1, "original"), (2, "renewal"), (3, "renewal")]
        assert site.contract.valid_to == datetime(2029, 6, 30, 22, tzinfo=UTC)

    def test_ends_what_does_not_renew(self, db):
        site = make_offered_site()
        accept(offer(site, renews_months=0))

        counts = [sweep_contracts(at=datetime(2027, 6, 30, hour, tzinfo=UTC)) for hour in (21, 22, 23)]

        site.contract.refresh_from_db()
        assert (counts, site.contract.status) == ([0, 1, 0], "ended")

    def test_leaves_contracts_without_versions_alone(self, db):
        make_site()

        assert sweep_contracts(at=AFTER) == 0

    def test_is_an_alarm_clock_that_does_no_harm(self, site):
        tasks.sweep_contracts()
        tasks.sweep_contracts()

        assert numbers(site) == [(1, "original")]


class TestEnding:
    def end(self, site: Site, end_day: date, **fields) -> ContractVersion:
        values = {"reason": "Moves away", "at": NOON + timedelta(days=40), "by": make_user(name="Olga")}
        return terminate_contract(contract_id=site.contract.pk, end_day=end_day, **{**values, **fields})

    def test_to_the_end_of_its_term_stops_renewal_plan_and_cards(self, site):
        first = self.end(site, END)
        again = self.end(site, END)

        assert first == again
        site.contract.refresh_from_db()
        assert (first.kind, first.number, first.accepted_name) == ("termination", 2, "Olga")
        assert site.contract.status == "active"
        assert "ends with 30 Jun 2027" in Mail.objects.get().body
        sweep_contracts(at=AFTER)
        assert numbers(site)[-1] == (2, "termination")
        ends = datetime(2027, 6, 30, 22, tzinfo=UTC)
        for at, answer in ((ends - timedelta(seconds=1), "Accepted"), (ends, "Expired")):
            assert sessions.authorise(token=site.token.uid, station_id=site.station.pk, at=at) == answer
        sweep_contracts(at=ends)
        site.contract.refresh_from_db()
        assert site.contract.status == "ended"

    def test_before_its_notice_allows_needs_agreement(self, site):
        early = date(2026, 12, 1)
        with pytest.raises(OfferRefused, match="2027-07-01 at the earliest"):
            self.end(site, early)

        self.end(site, early, is_agreed=True)

        site.contract.refresh_from_db()
        assert site.contract.valid_to == datetime(2026, 11, 30, 23, tzinfo=UTC)
        assert ContractPlan.objects.get(contract=site.contract).end_day == early

    @pytest.mark.parametrize(
        ("fields", "says"),
        [({"reason": " "}, "needs a reason"), ({"at": datetime(2027, 7, 1, 12, tzinfo=UTC)}, "can end today")],
    )
    def test_is_refused_and_changes_nothing(self, site, fields, says):
        with pytest.raises(OfferRefused, match=says):
            self.end(site, END, **fields)

        assert numbers(site) == [(1, "original")]
        assert not Mail.objects.exists()

    def test_again_to_a_later_day_is_refused(self, site):
        self.end(site, END)

        with pytest.raises(OfferRefused, match="ends earlier already"):
            self.end(site, END + timedelta(days=1))

        assert numbers(site) == [(1, "original"), (2, "termination")]

    def test_within_the_term_that_a_renewal_would_begin_lets_the_plan_go_on_until_then(self, site):
        self.end(site, date(2027, 9, 1), is_agreed=True)

        site.contract.refresh_from_db()
        assert ContractPlan.objects.get(contract=site.contract).end_day == date(2027, 9, 1)
        assert site.contract.valid_to == datetime(2027, 8, 31, 22, tzinfo=UTC)

    def test_of_an_offered_contract_is_refused(self, db):
        with pytest.raises(OfferRefused, match="is offered"):
            self.end(make_offered_site(), END)

    def test_of_one_that_was_never_written_down_asks_for_no_notice(self, db):
        site = make_site()
        give_plan(contract=site.contract, first_day=date(2026, 1, 1))

        self.end(site, date(2026, 8, 1))

        assert ContractPlan.objects.get(contract=site.contract).end_day == date(2026, 8, 1)


@pytest.mark.django_db(transaction=True)
class TestAtOnce:
    def test_two_sweeps_renew_once(self):
        site, barrier = make_offered_site(), Barrier(2)
        accept(offer(site))

        def run() -> None:
            barrier.wait(timeout=10)
            try:
                sweep_contracts(at=AFTER)
            finally:
                connections.close_all()

        threads = [Thread(target=run) for _ in range(2)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(timeout=30)

        assert numbers(site) == [(1, "original"), (2, "renewal")]


class TestWhatApplied:
    def test_is_told_of_any_day(self, site):
        sweep_contracts(at=AFTER)
        site.contract.refresh_from_db()

        told = {
            day: what_applied(site.contract, date.fromisoformat(day))
            for day in ("2026-06-30", "2026-07-01", "2027-06-30", "2027-07-01", "2028-07-01")
        }

        assert [one.version.number if one.version else None for one in told.values()] == [None, 1, 1, 2, 2]
        assert [one.is_over for one in told.values()] == [True, False, False, False, True]
        assert [str(one.plan.plan) if one.plan else None for one in told.values()] == [
            None,
            "Fleet 30",
            "Fleet 30",
            "Fleet 30",
            None,
        ]

    def test_names_cards_of_the_day_and_blocks(self, site):
        guest = site.contract.tokens.create(
            uid="GUEST",
            valid_from=NOON,
            valid_to=NOON + timedelta(days=1),
            cost_centre=make_cost_centre(customer=site.customer),
        )
        suspend_contract(
            contract_id=site.contract.pk, cause=Suspension.Cause.MANUAL, reason="Lost cards", at=NOON, by=make_user()
        )

        day = what_applied(site.contract, date(2026, 6, 1))
        later = what_applied(site.contract, date(2026, 6, 3))

        assert set(day.cards) == {guest, site.token}
        assert later.cards == [site.token]
        assert [block.reason for block in day.suspensions] == ["Lost cards"]
