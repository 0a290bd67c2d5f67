"""What a period would have cost: whose sessions, which of them, what is added up, and that nothing else is written."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest
from django.db import connection

from apps.analytics.domain.tally import AD_HOC
from apps.analytics.models import TariffTrial
from apps.analytics.services import trials as services
from apps.sessions.services.rating import price, write_cdr
from apps.tariffs.domain.facts import GrantTerms
from apps.tariffs.services import discard_draft
from tests.factories import make_contract, make_customer, make_site, make_user
from tests.integration.analytics.world import (
    ASKED_AT,
    OCTOBER_MORNING,
    ask,
    before_and_after,
    beside,
    energy_price,
    facts_of,
    fingerprint,
    finish,
    make_draft,
    make_record,
)

pytestmark = pytest.mark.django_db


@pytest.fixture
def site():
    return make_site()


class TestATrial:
    def test_shows_what_the_month_would_have_cost(self, site):
        make_record(site, kwh=10)
        make_record(site, kwh=20, started_at=OCTOBER_MORNING + timedelta(days=1))
        trial = ask(make_draft(site))

        tally = finish(trial)

        # 10 and 20 kWh: 5.95 + 11.90 gross at 0.50, 7.14 + 14.28 at 0.60
        assert before_and_after(tally) == (2, Decimal("17.85"), Decimal("21.42"))
        assert (tally.total.net_before, tally.total.net_after) == (Decimal("15.00"), Decimal("18.00"))
        assert (trial.status, trial.sessions_done, trial.sessions_total) == ("done", 2, 2)
        assert (trial.ended_at, trial.error) == (ASKED_AT, "")

    def test_changes_nothing_under_the_version_that_priced_the_sessions(self, site):
        make_record(site)
        make_record(site, grant=GrantTerms(limit_amount=Decimal("3.00")), contract=None, token=None, vehicle=None)

        tally = finish(ask(site.version))

        assert before_and_after(tally) == (2, Decimal("8.95"), Decimal("8.95"))
        assert (tally.total.dearer, tally.total.cheaper) == (0, 0)

    def test_splits_by_site_hour_and_customer_group(self, site):
        make_record(site)
        other = beside(site)
        late = datetime(2026, 10, 9, 21, 59, tzinfo=UTC)
        make_record(other, kwh=2, started_at=late, contract=None, token=None, vehicle=None)
        private = make_contract(customer=make_customer(seller=site.owner, kind="private", vat_id=""))
        make_record(site, kwh=4, contract=private, token=None, vehicle=None)

        tally = finish(ask(make_draft(site)))

        assert {key: one.gross_before for key, one in tally.sites.items()} == {
            site.location.pk: Decimal("8.33"),
            other.location.pk: Decimal("1.19"),
        }
        assert {key: one.sessions for key, one in tally.hours.items()} == {9: 2, 23: 1}
        assert {key: one.gross_after for key, one in tally.groups.items()} == {
            "fleet": Decimal("7.14"),
            AD_HOC: Decimal("1.43"),
            "private": Decimal("2.86"),
        }

    def test_is_about_sessions_that_began_on_the_owners_days(self, site):
        midnight = datetime(2026, 9, 30, 22, tzinfo=UTC)
        for started_at in (midnight - timedelta(seconds=1), midnight, datetime(2026, 10, 31, 23, tzinfo=UTC)):
            make_record(site, started_at=started_at)

        tally = finish(ask(make_draft(site)))

        assert [one.started_at for one in tally.dearest] == [midnight]

    def test_counts_a_corrected_session_once_as_it_was_corrected(self, site):
        cdr = make_record(site, kwh=10)
        session = cdr.session
        again = price(session, facts=facts_of(session, kwh=1), grant=GrantTerms())
        write_cdr(session, again, at=ASKED_AT, reason="Meter was read again", by=make_user())

        tally = finish(ask(make_draft(site)))

        assert before_and_after(tally) == (1, Decimal("0.60"), Decimal("0.71"))

    def test_sees_no_session_of_another_owner(self, site):
        make_record(make_site())

        trial = ask(make_draft(site))

        assert finish(trial).total.sessions == 0
        assert (trial.status, trial.sessions_total) == ("done", 0)

    def test_leaves_out_what_another_tariff_priced_if_asked_to(self, site):
        make_record(site)
        other = beside(site)
        make_record(other, kwh=3)

        of_other = finish(ask(make_draft(site, tariff=other.tariff), only_this_tariff=True))
        of_all = finish(ask(make_draft(site, tariff=other.tariff)))

        assert before_and_after(of_other) == (1, Decimal("1.79"), Decimal("2.14"))
        assert of_all.total.sessions == 2

    def test_compares_no_francs_with_euros_and_says_so(self, site):
        make_record(site)
        make_record(beside(site, currency="CHF"))

        tally = finish(ask(make_draft(site)))

        assert before_and_after(tally) == (1, Decimal("5.95"), Decimal("7.14"))
        assert tally.other_currencies == {"CHF": 1}

    def test_finds_the_tax_of_categories_the_sessions_did_not_have(self, site):
        make_record(site)

        tally = finish(ask(make_draft(site, elements=energy_price("0.60", tax_category="reduced"))))

        # 6.00 net and 7 %
        assert (tally.total.net_after, tally.total.gross_after) == (Decimal("6.00"), Decimal("6.42"))

    def test_names_what_cannot_be_taxed(self, site):
        make_record(site)
        sweden = beside(site)
        make_record(sweden)
        sweden.location.country = "SE"
        sweden.location.save()

        tally = finish(ask(make_draft(site, elements=energy_price("0.60", tax_category="reduced"))))

        assert tally.total.sessions == 1
        assert tally.left_out == {"the seller has no tax registration in SE on 2026-10-05": 1}

    def test_tries_what_the_draft_said_when_it_was_asked(self, site):
        make_record(site)
        draft = make_draft(site)
        trial = ask(draft)
        draft.elements = energy_price("9.00")
        draft.save()

        assert before_and_after(finish(trial)) == (1, Decimal("5.95"), Decimal("7.14"))

    def test_writes_to_its_own_table_alone(self, site):
        make_record(site)
        records = fingerprint()
        written = []

        def watch(execute, sql, params, many, context):
            if not sql.lstrip("( ").upper().startswith(("SELECT", "SAVEPOINT", "RELEASE", "DECLARE", "CLOSE", "FETCH")):
                written.append(sql)
            return execute(sql, params, many, context)

        with connection.execute_wrapper(watch):
            trial = ask(make_draft(site))
            written.clear()
            finish(trial)

        assert fingerprint() == records
        assert len(written) == 2
        assert all(sql.startswith('UPDATE "analytics_tarifftrial"') for sql in written)


class TestADraftThatIsDiscarded:
    def test_takes_its_trials_with_it_and_leaves_others(self, site):
        draft, other = make_draft(site), make_draft(site)
        ask(draft)
        kept = ask(other)

        discard_draft(version_id=draft.pk)

        assert list(TariffTrial.objects.all()) == [kept]


class TestAskingAgain:
    def test_returns_the_trial_that_is_on_its_way(self, site):
        draft = make_draft(site)

        first, again = ask(draft), ask(draft)

        assert first.pk == again.pk
        assert TariffTrial.objects.count() == 1

    def test_is_a_new_question_once_the_draft_was_edited_or_the_first_is_answered(self, site):
        draft = make_draft(site)
        first = ask(draft)
        draft.elements = energy_price("0.70")
        draft.save()

        edited = ask(draft)
        finish(edited)
        later = ask(draft)

        assert len({first.pk, edited.pk, later.pk}) == 3


class TestRefusals:
    @pytest.mark.parametrize(
        ("first_date", "last_date"),
        [
            (date(2026, 10, 2), date(2026, 10, 1)),
            (date(2026, 10, 1), date(2026, 12, 1)),
            (date(1, 1, 1), date(2026, 10, 1)),
        ],
    )
    def test_of_impossible_days_write_nothing(self, site, first_date, last_date):
        with pytest.raises(services.TrialRefused, match="The first day must not lie after"):
            ask(make_draft(site), first_date=first_date, last_date=last_date)

        assert not TariffTrial.objects.exists()

    def test_of_a_draft_that_is_no_tariff_name_its_fault(self, site):
        draft = make_draft(site, elements=[{"price_components": [{"type": "ENERGY", "price": "dear"}]}])

        with pytest.raises(services.TrialRefused, match=r"elements\[0\]\.price_components\[0\]\.price"):
            ask(draft)

        assert not TariffTrial.objects.exists()
